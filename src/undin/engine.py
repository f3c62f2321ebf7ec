"""What an engine is: it runs one channel of sound through a model. There are two, ``native.py`` and ``ort.py``."""

from typing import Protocol

import numpy as np

LARGEST_SAMPLE = 1e6
"""120 dB above full scale: no sound, and its power would soon be infinite in float32."""


class Engine(Protocol):
    """Runs one channel of sound through a model, whole hops at a time; it holds all state of that channel."""

    delay_samples: int
    """By how much the output comes after the input: `latency_samples - (hop - 1)` of the metadata."""

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Enhance float32 samples in [-1, 1], shape (n * hop,), n ≥ 1, to the same shape, attenuation limit applied.

        What is not finite, or `LARGEST_SAMPLE` and beyond, is taken as silence, here and in the delayed signal.
        """

    def reset(self) -> None:
        """Go back to the fresh state."""


class NotInstalled(OSError):
    """Something is missing that would be needed; the message says what, and how to install it."""


def silenced(samples: np.ndarray) -> np.ndarray:
    """Samples as float32, those that are not finite or `LARGEST_SAMPLE` and beyond as 0; any shape, floats."""
    if samples.dtype == np.float32 and np.abs(samples).max(initial=0) < LARGEST_SAMPLE:
        return samples
    return np.where(np.abs(samples) < LARGEST_SAMPLE, samples, 0).astype(np.float32)


def gain_floor(atten_lim_db: float | None) -> float:
    """The least gain that an attenuation limit in dB allows, in [0, 1]; ValueError if the limit is negative."""
    if atten_lim_db is None:
        return 0.0
    if not atten_lim_db >= 0:
        raise ValueError(f"atten_lim_db must be 0 dB or more, or None for no limit, got {atten_lim_db}")
    return float(10 ** (-atten_lim_db / 20))
