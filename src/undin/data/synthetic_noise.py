"""Sounds of machines made by formula, read like recordings: hum, tones, beeps and clicks.

Recordings of noise hold few of them, and a network that has met none takes a hum at the pitch of a voice for a voice.
`mixing.py` lays them beside the recorded noise, by the shares of `mixing.synthetic_noise`.
"""

from collections.abc import Callable

import numpy as np

from undin.data.corpus import Corpus

RECORDINGS, RECORDING_S = 96, 8
"""Of each kind. The speed of the noise and its equaliser make more of them."""
PERIOD = 4096
"""Samples in a table of one period."""
HUM_HZ = (50.0, 350.0)
"""Fundamentals of transformers, fans and rotors."""
MAX_HARMONICS = 48
TONE_HZ = (50.0, 6000.0)
BEEP_HZ = (300.0, 4000.0)
HISS_DBFS = (-75.0, -35.0)
PEAK = 0.5


def synthetic_noise(kind: str, *, sample_rate: int, seed: int) -> Corpus:
    """Recordings of one kind.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    sample_rate
        Hz.
    seed
        The same seed gives the same recordings.
    """
    generator = np.random.default_rng([seed, 3, list(KINDS).index(kind)])
    time_s = np.arange(RECORDING_S * sample_rate) / sample_rate
    sounds = np.stack([KINDS[kind](generator, time_s) for _ in range(RECORDINGS)])
    names = [f"{kind} {number}" for number in range(RECORDINGS)]
    return Corpus.made(sounds, names, peak=PEAK, sample_rate=sample_rate)


def hum(generator: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """One to four combs of harmonics near one fundamental: steady, wobbling or drifting, as mains, fans and drones."""
    fundamental_hz = np.exp(generator.uniform(*np.log(HUM_HZ)))
    sources = generator.choice([1, 1, 1, 2, 4])
    slope, roughness_db = generator.uniform(0.2, 2.0), generator.uniform(0, 8)
    total = np.zeros(len(time_s))
    for _ in range(sources):
        own_hz = fundamental_hz * (1 + (sources > 1) * generator.uniform(-0.03, 0.03))
        frequency_hz = own_hz * _moving(generator, time_s)
        harmonics = min(generator.integers(1, MAX_HARMONICS, endpoint=True), int(0.45 / (time_s[1] * own_hz * 1.1)))
        order = np.arange(1, harmonics + 1)
        amplitude = order**-slope * 10 ** (generator.normal(0, roughness_db, harmonics) / 20)
        if generator.random() < 0.3:  # rectifiers and bells leave out the even ones
            amplitude[1::2] *= 0.05
        total += _periodic(generator, amplitude, frequency_hz, time_s)
    return total + _hiss(generator, total)


def tone(generator: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """A pure tone that stays."""
    frequency_hz = np.exp(generator.uniform(*np.log(TONE_HZ)))
    steady = generator.random() < 0.7
    movement = np.ones(len(time_s)) if steady else _moving(generator, time_s)
    return _periodic(generator, np.ones(1), frequency_hz * movement, time_s)


def beep(generator: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """Tones that come and go in a beat, one or two at a time, between digital zeros or hiss."""
    length_s, pause_s = np.exp(generator.uniform(np.log([0.04, 0.1]), np.log([1.0, 2.0])))
    sounds = (time_s % (length_s + pause_s)) < length_s
    edge_s = generator.uniform(0.001, 0.01)
    window = np.hanning(max(3, round(edge_s / time_s[1])))
    envelope = np.convolve(sounds, window / window.sum(), mode="same")
    harmonics = generator.integers(1, 4, endpoint=True)
    amplitude = 10 ** (-generator.uniform(0, 30, harmonics) / 20)
    total = np.zeros(len(time_s))
    for _ in range(generator.integers(1, 2, endpoint=True)):
        frequency_hz = np.full(len(time_s), np.exp(generator.uniform(*np.log(BEEP_HZ))))
        total += _periodic(generator, amplitude, frequency_hz, time_s)
    return envelope * total + _hiss(generator, total)


def click(generator: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """Short bursts of ringing noise, as of keys and mice, between digital zeros or hiss."""
    total = np.zeros(len(time_s))
    rate_hz = np.exp(generator.uniform(np.log(0.5), np.log(8)))
    for start_s in np.cumsum(generator.exponential(1 / rate_hz, size=round(2 * rate_hz * RECORDING_S))):
        decay_s, ring_hz = generator.uniform(0.002, 0.03), generator.uniform(200, 6000)
        own_s = time_s[: round(0.2 / time_s[1])]
        start = round(start_s / time_s[1])
        ringing = generator.standard_normal(len(own_s)) * (1 + np.cos(2 * np.pi * ring_hz * own_s))
        burst = (ringing * np.exp(-own_s / decay_s) * generator.uniform(0.2, 1))[: max(0, len(total) - start)]
        total[start : start + len(burst)] += burst
    return total + _hiss(generator, total)


KINDS: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    kind.__name__: kind for kind in (hum, tone, beep, click)
}


def _moving(generator: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """What a frequency is multiplied by: one, a slow wobble, or a drift of some per cent."""
    movement = generator.choice(["steady", "wobbles", "drifts"])
    if movement == "steady":
        return np.ones(len(time_s))
    if movement == "wobbles":
        rate_hz, depth = np.exp(generator.uniform(np.log(0.1), np.log(4))), generator.uniform(0.001, 0.02)
        return 1 + depth * np.sin(2 * np.pi * (rate_hz * time_s + generator.random()))
    steps = generator.normal(0, generator.uniform(0.003, 0.02), RECORDING_S + 1).cumsum()
    return np.exp(np.interp(time_s, np.arange(RECORDING_S + 1), steps))


def _periodic(
    generator: np.random.Generator, amplitude: np.ndarray, frequency_hz: np.ndarray, time_s: np.ndarray
) -> np.ndarray:
    """Harmonics of a fundamental that may move, in phases of chance."""
    spectrum = np.zeros(PERIOD // 2 + 1, complex)
    spectrum[1 : len(amplitude) + 1] = amplitude * np.exp(2j * np.pi * generator.random(len(amplitude)))
    period = np.fft.irfft(spectrum, norm="forward")
    phase = generator.random() + np.cumsum(frequency_hz) * time_s[1]
    return np.interp(phase % 1, np.arange(PERIOD + 1) / PERIOD, np.append(period, period[0]))


def _hiss(generator: np.random.Generator, beside: np.ndarray) -> np.ndarray:
    """White noise some way below a sound, or none at all: a gate or a codec may have taken it away."""
    level_db = generator.uniform(*HISS_DBFS) if generator.random() < 0.6 else -np.inf
    return 10 ** (level_db / 20) * np.abs(beside).max() * generator.standard_normal(len(beside))
