"""By how much a signal lies beside its clean partner in time, in level and in polarity, and that taken out again.

A tool that is late by a constant, or softer, enhances as well as one that is not; but STOI and SI-SDR compare sample by
sample, and would say that it destroys speech. `score.py` measures every file by this, `report.py` tells what it found.
"""

from dataclasses import dataclass

import numpy as np

MAX_LAG_S = 1.0
"""Nothing in real time comes later."""
BLOCK_S = 8.0
MIN_SIMILARITY = 0.3
"""Speech 10 dB below a noise has this. What is less alike has no lag to speak of: it is other speech, or none."""


@dataclass(frozen=True)
class Offset:
    """How one signal must be changed to lie best on another, in the sense of least squares.

    Attributes
    ----------
    lag_samples : int
        By how much it comes after the other; negative if before.
    gain : float
        Its amplitude over that of the other; negative if its polarity is reversed.
    similarity : float
        Correlation coefficient of the two so shifted, 0 to 1, its sign aside.
    """

    lag_samples: int
    gain: float
    similarity: float

    @property
    def is_clear(self) -> bool:
        """Whether the signals are alike enough to tell."""
        return self.similarity >= MIN_SIMILARITY

    def taken_out(self, clean: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both signals cut to what they share, and `other` with the level and polarity of `clean`."""
        clean, other = clean[max(0, -self.lag_samples) :], other[max(0, self.lag_samples) :]
        length = min(len(clean), len(other))
        return clean[:length], other[:length] / other.dtype.type(self.gain)


def find_offset(clean: np.ndarray, other: np.ndarray, *, sample_rate: int) -> Offset | None:
    """Find how `other` lies beside `clean`, by the peak of their cross-correlation.

    Parameters
    ----------
    clean, other : ndarray, shapes (N,) and (M,), float32
        Of about one length.
    sample_rate : int
        Hz.

    Returns
    -------
    Offset or None
        None where either is silent or holds what is no number.
    """
    power = [float(np.square(signal, dtype=np.float64).sum()) for signal in (clean, other)]
    if not (np.isfinite(power).all() and all(power)):
        return None
    # Constants would correlate at every lag.
    clean, other = (signal - signal.mean(dtype=np.float64) for signal in (clean, other))
    most, block = round(MAX_LAG_S * sample_rate), round(BLOCK_S * sample_rate)
    padded = np.pad(other, (most, most + max(0, len(clean) - len(other))))
    spectrum: complex | np.ndarray = 0
    for start in range(0, len(clean), block):
        one, two = clean[start : start + block], padded[start : start + block + 2 * most]
        spectrum = spectrum + np.fft.rfft(two, block + 2 * most) * np.fft.rfft(one, block + 2 * most).conj()
    correlation = np.fft.irfft(spectrum, block + 2 * most)[: 2 * most + 1]
    peak = int(np.argmax(np.abs(correlation)))
    clean_power, other_power = clean @ clean, other @ other
    if not (clean_power and other_power):
        return None
    similarity = abs(correlation[peak]) / np.sqrt(clean_power * other_power)
    return Offset(peak - most, float(correlation[peak] / clean_power), float(similarity))
