"""One whole signal brought to another rate, for training and scores; live audio has the stream's own resampler."""

import numpy as np


def resample(audio: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Bring samples (N,) from one rate to another, in Hz; untouched if they are the same."""
    if rate == new_rate:
        return audio
    import soxr  # so that a machine where all audio has one rate need not have it

    resampled: np.ndarray = soxr.resample(audio, rate, new_rate)
    return resampled
