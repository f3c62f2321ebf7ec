"""Levels of speech and noise in dBFS, batched: the active speech level after ITU-T P.56, and frame power.

A level in dBFS is `10 log10(mean square)`: 0 dBFS is the power of a full-scale square wave (dBov in ITU-T G.100.1),
so a full-scale sine has −3 dBFS. `mixing.py` sets levels with this, `check.py` reports them.
"""

import math

import numpy as np
import torch
from torch import Tensor

FRAME_MS = 20.0
"""Power is averaged over frames of this length: about P.56's envelope, smoothed by two 30 ms exponentials."""

MARGIN_DB = 15.9
"""P.56: the threshold of activity lies this far below the active level."""

HANGOVER_MS = 200.0
"""P.56: speech stays active this long after its envelope fell below the threshold, so short pauses count as speech."""

SILENCE_DBFS = -70.0
"""A file with an active level below this is silent: 16 bit would leave it less than 31 dB above the rounding noise."""

SILENCE_POWER = 1e-12
"""Power (−120 dBFS) added before every logarithm and division: well below one step of 16 bit (−101 dBFS)."""


def frame_length(sample_rate: int) -> int:
    """Samples of one frame of `FRAME_MS` at `sample_rate`."""
    return round(sample_rate * FRAME_MS / 1000)


def frame_power(x: Tensor, *, sample_rate: int) -> Tensor:
    """Mean square of every whole frame of `FRAME_MS`.

    Parameters
    ----------
    x : Tensor, shape (..., N)
        Audio, at least one frame long; a rest shorter than a frame is left out.

    Returns
    -------
    Tensor, shape (..., N // frame_length), ≥ 0
    """
    frame = frame_length(sample_rate)
    frames = x.shape[-1] // frame
    return x[..., : frames * frame].unflatten(-1, (frames, frame)).square().mean(-1)


def active_level_dbfs(x: Tensor, *, sample_rate: int) -> Tensor:
    """Active speech level in dBFS, −120 for digital silence: `active_power` in dB, of the same shape."""
    return to_db(active_power(x, sample_rate=sample_rate))


def active_power(x: Tensor, *, sample_rate: int) -> Tensor:
    """Active speech level: the mean power of the frames in which somebody speaks.

    ITU-T P.56 (2011), method B, calls a sample active while its envelope lies above a threshold and for 200 ms after,
    and wants the threshold 15.9 dB below the level of what is active. This solves the same equation on frames of 20 ms
    by fixed-point iteration from the mean of all frames; `tests/data/test_level.py` holds it against P.56 itself.

    Parameters
    ----------
    x : Tensor, shape (..., N)
        Audio, at least one frame long.

    Returns
    -------
    Tensor, shape (...), ≥ 0
    """
    power = frame_power(x, sample_rate=sample_rate)
    hangover = round(HANGOVER_MS / FRAME_MS)
    held = torch.nn.functional.pad(power, (hangover, 0)).unfold(-1, hangover + 1, 1).amax(-1)
    active_at = held * 10 ** (MARGIN_DB / 10)
    power_and_frame = torch.stack((power, torch.ones_like(power)))
    level = power.mean(-1, keepdim=True)
    for _ in range(10):
        # one frame at least is active: the loudest is above any mean
        total, frames = (power_and_frame * (active_at >= level)).sum(-1, keepdim=True)
        level = total / frames
    return level.squeeze(-1)


def to_db(power: Tensor) -> Tensor:
    """Power to dB, never below −120."""
    return 10 * torch.log10(power + SILENCE_POWER)


def to_amplitude(db: np.ndarray) -> np.ndarray:
    """A gain or level in dB as a factor of amplitude, float32.

    Written with numpy's exp in double precision because torch's power rounds differently in and beside its vector
    loop, so that a value would depend on how many others stand in the batch.
    """
    return np.exp(np.asarray(db, dtype=np.float64) * (math.log(10) / 20)).astype(np.float32)
