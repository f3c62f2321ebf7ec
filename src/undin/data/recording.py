"""One recording as training takes it: what makes it unusable, and what is mended so that it is usable.

`corpus.py` and `pairs.py` load by this and `check.py` reports by it, so that they agree.
"""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from undin.data.level import FRAME_MS, SILENCE_DBFS, active_level_dbfs, frame_length
from undin.io.audio import read

MAX_CLIPPING = 0.01
"""A share of clipped samples from which the distortion is heard all the time."""
MAX_OFFSET = 0.01
"""Power of a constant offset over that of the sound: below this it moves no level by more than 0.05 dB."""
CANCELLED = 0.1
"""Channels that are independent leave one over their number of their power in the mean; those that leave less than this
share even of that are against each other."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """A decoded file, finite and not empty, and what was found in it.

    Attributes
    ----------
    audio : ndarray, shape (N,), float32
        Of one channel, without offset. May exceed 1.
    sample_rate : int
        Hz.
    channels : int
        Of the file.
    offset : float
        What was taken out as a constant offset; 0 where that would not count.
    is_opposed : bool
        Whether channels would have cancelled in the mean, and were turned round.
    clipping_share : float, 0 to 1
        Samples that are clipped, of all channels.
    active_level_dbfs : float
        Active level after ITU-T P.56.
    """

    audio: np.ndarray
    sample_rate: int
    channels: int
    offset: float
    is_opposed: bool
    clipping_share: float
    active_level_dbfs: float

    @classmethod
    def load(cls, path: str | Path) -> "Recording":
        """Decode a file.

        Raises
        ------
        ValueError, OSError
            The file is missing or damaged, empty, shorter than 20 ms, or holds samples that are no finite numbers.
        """
        channels, rate = read(path)
        if not len(channels):
            raise ValueError(f"{path}: empty")
        if not np.isfinite(channels).all():
            raise ValueError(f"{path}: holds samples that are no finite numbers")
        if len(channels) < frame_length(rate):
            raise ValueError(f"{path}: shorter than {FRAME_MS:g} ms")
        audio, is_opposed = to_mono(channels)
        offset = audio.mean(dtype=np.float64)
        if offset**2 > MAX_OFFSET * audio.var(dtype=np.float64):
            audio = audio - np.float32(offset)
        else:
            offset = 0.0
        level_dbfs = active_level_dbfs(torch.from_numpy(audio), sample_rate=rate).item()
        share = clipping_share(channels)
        return cls(audio, rate, channels.shape[1], float(offset), is_opposed, share, level_dbfs)

    @property
    def problem(self) -> str | None:
        """Why it is of no use, or None."""
        if self.active_level_dbfs < SILENCE_DBFS:
            is_heard = abs(self.offset) > 10 ** (SILENCE_DBFS / 20)
            but = f" but for a constant offset of {self.offset:.2g}" if is_heard else ""
            return f"silent{but}: its active level is {self.active_level_dbfs:.0f} dBFS, below {SILENCE_DBFS:g}"
        if self.clipping_share > MAX_CLIPPING:
            return f"heavily clipped: {self.clipping_share:.1%} of its samples"
        return None


def to_mono(channels: np.ndarray) -> tuple[np.ndarray, bool]:
    """The mean of channels (N, channels), with those turned round that would cancel the others.

    Returns
    -------
    audio : ndarray, shape (N,)
    is_opposed : bool
        Whether any was turned round, as where a cable is wired the wrong way.
    """
    if channels.shape[1] == 1:
        return channels[:, 0], False
    mean = channels.mean(axis=1)
    varying = channels - channels.mean(axis=0, dtype=np.float64).astype(np.float32)  # a common offset never cancels
    independent = np.square(varying, dtype=np.float64).mean() / channels.shape[1]
    if np.square(varying.mean(axis=1), dtype=np.float64).mean() >= CANCELLED * independent:
        return mean, False
    against = varying.T @ varying[:, 0] < 0
    return np.where(against, -channels, channels).mean(axis=1), bool(against.any())


def clipping_share(audio: np.ndarray) -> float:
    """Share of samples that are clipped: at full scale, or on a flat top near the peak of its channel and polarity.

    A top is flat where a sample and both its neighbours lie within one step of 16 bit of each other, above 0.9 of the
    peak: that finds clipping before a later change of level or offset too, and of one polarity alone. What a lossy
    codec or a filter smeared is missed. Where floats go beyond full scale, nothing was clipped there.

    Parameters
    ----------
    audio : ndarray, shape (N, channels), float32, [−1, 1]
    """
    size, step = np.abs(audio), 2.0**-15
    peak = np.where(audio > 0, audio.max(axis=0), -audio.min(axis=0))
    flat = np.abs(np.diff(audio, axis=0)) <= step
    clipped = (size >= 1 - 1.5 * step) & (peak <= 1 + step)
    # a peak of a few steps is flat without being clipped
    clipped[1:-1] |= flat[1:] & flat[:-1] & (size[1:-1] >= np.maximum(0.9 * peak, 0.01)[1:-1])
    return float(clipped.mean())
