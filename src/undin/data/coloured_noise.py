"""Gaussian noise of several colours, made once and then read like a corpus of recordings."""

import numpy as np

from undin.data.corpus import Corpus

RECORDINGS, RECORDING_S = 16, 30
FLAT_BELOW_HZ = 20.0


def coloured_noise(exponents: tuple[float, float], *, sample_rate: int, seed: int) -> Corpus:
    """Recordings of noise whose power density falls as 1 / f^exponent, with exponents spread evenly over a range.

    Parameters
    ----------
    exponents
        First and last exponent: 0 is white, 1 pink, 2 brown.
    sample_rate
        Hz.
    seed
        The same seed gives the same noise.
    """
    generator = np.random.default_rng([seed, 1])
    samples = RECORDING_S * sample_rate
    frequency_hz = np.fft.rfftfreq(samples, 1 / sample_rate).clip(min=FLAT_BELOW_HZ)
    spread = np.linspace(*exponents, RECORDINGS)[:, None]
    noise = np.fft.irfft(np.fft.rfft(generator.standard_normal((RECORDINGS, samples))) * frequency_hz ** (-spread / 2))
    names = [f"noise 1/f^{exponent:.2f}" for exponent in spread[:, 0]]
    return Corpus.made(noise, names, peak=1.0, sample_rate=sample_rate)
