"""Make noisy.wav: a synthetic voice in a synthetic office, so that its licence is ours.

The voice is espeak-ng (`apt-get install espeak-ng`) with a little reverberation; the noise is drawn here: a fan, mains
hum and a keyboard, at an SNR of 5 dB. Run it from anywhere; the seed is fixed.

    python examples/make_noisy.py
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE_HZ = 16_000
SNR_DB = 5.0
PEAK = 0.7
SECONDS_BEFORE, SECONDS_AFTER = 1.0, 0.8
TEXT = "The fan is running, somebody is typing, and the lights are humming. Can you still hear every word I say?"
SEED = 20


def main() -> None:
    """Write noisy.wav beside this script."""
    random = np.random.default_rng(SEED)
    speech = np.pad(
        in_room(voice(TEXT), random), (round(SECONDS_BEFORE * SAMPLE_RATE_HZ), round(SECONDS_AFTER * SAMPLE_RATE_HZ))
    )
    noise = fan(len(speech), random) + 0.5 * hum(len(speech), random) + 0.6 * keyboard(len(speech), random)
    spoken = speech[np.abs(speech) > 0.01 * np.abs(speech).max()]
    noise *= np.sqrt(np.mean(spoken**2) / np.mean(noise**2)) * 10 ** (-SNR_DB / 20)
    noisy = speech + noise
    noisy *= PEAK / np.abs(noisy).max()
    soundfile.write(Path(__file__).with_name("noisy.wav"), noisy, SAMPLE_RATE_HZ, subtype="PCM_16")


def voice(text: str) -> np.ndarray:
    """Speech of unit peak at 16 kHz; espeak-ng's own 22.05 kHz is resampled by cutting its spectrum."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "voice.wav")
        subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "160", "-p", "45", "-w", path, text], check=True)
        speech, sample_rate = soundfile.read(path)
    length = round(len(speech) * SAMPLE_RATE_HZ / sample_rate)
    speech = np.fft.irfft(np.fft.rfft(speech)[: length // 2 + 1], length)
    return speech / np.abs(speech).max()


def in_room(speech: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add a short reverberation: noise that decays by 60 dB in 0.25 s, after the direct sound, 12 dB below it."""
    time = np.arange(round(0.25 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / 0.25) * (time > 0.002)
    tail *= 10 ** (-12 / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.convolve(speech, tail)


def fan(length: int, random: np.random.Generator) -> np.ndarray:
    """Air: pink noise whose strength follows the slow turn of the blades and small gusts; unit power."""
    time = np.arange(length) / SAMPLE_RATE_HZ
    air = coloured(length, random, power_slope=-1.0, lowest_hz=40.0)
    gusts = coloured(length, random, power_slope=-3.0, lowest_hz=0.5)
    blades = 1 + 0.15 * np.sin(2 * np.pi * 11.0 * time) + 0.2 * gusts / np.abs(gusts).max()
    return unit_power(air * blades)


def hum(length: int, random: np.random.Generator) -> np.ndarray:
    """Mains: 100 Hz of the lamps and its overtones, each weaker than the last; unit power."""
    time = np.arange(length) / SAMPLE_RATE_HZ
    phases = random.uniform(0, 2 * np.pi, 12)
    return unit_power(
        sum(np.sin(2 * np.pi * 100 * (k + 1) * time + phase) / (k + 1) ** 1.3 for k, phase in enumerate(phases))
    )


def keyboard(length: int, random: np.random.Generator) -> np.ndarray:
    """Key strokes in bursts, about seven a second: a click, and the thud of the desk; unit power."""
    strokes = np.zeros(length)
    decay = np.arange(round(0.06 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    start = 0.4
    while (first := round(start * SAMPLE_RATE_HZ)) < length:
        click = np.diff(random.standard_normal(len(decay) + 1)) * np.exp(-decay / 0.004)
        thud = np.sin(2 * np.pi * random.uniform(160, 260) * decay) * np.exp(-decay / 0.015)
        stroke = random.uniform(0.4, 1.0) * (click + 0.8 * thud)
        strokes[first : first + len(stroke)] += stroke[: length - first]
        start += random.uniform(0.09, 0.2) if random.uniform() < 0.85 else random.uniform(0.6, 1.1)
    return unit_power(strokes)


def coloured(length: int, random: np.random.Generator, *, power_slope: float, lowest_hz: float) -> np.ndarray:
    """Gaussian noise whose power is that of frequency to the `power_slope` from `lowest_hz` on, and flat below it."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequency_hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    return np.fft.irfft(spectrum * np.maximum(frequency_hz, lowest_hz) ** (power_slope / 2), length)


def unit_power(signal: np.ndarray) -> np.ndarray:
    """Scale a signal to a mean square of 1."""
    return signal / np.sqrt(np.mean(signal**2))


if __name__ == "__main__":
    main()
