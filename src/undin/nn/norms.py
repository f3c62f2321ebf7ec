"""Normalisation by what has been heard so far: within a frame, or by running statistics.

Batch normalisation, which is a constant outside training, is in `layers.py` with the layers it folds into.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.nn.layers import Streaming

BLOCK_FRAMES = 128
"""Over which a running sum is one product: longer would be more arithmetic, shorter more steps."""


class FrameNorm(nn.Module):
    """Normalise every frame over its channels and bands to mean 0 and variance 1, then scale and shift each channel.

    The group normalisation (of one group) of networks that see whole utterances also averages over time, and so looks
    ahead; this does not, and keeps no state.
    """

    def __init__(self, channels: int, bands: int, *, eps: float = 1e-5):
        super().__init__()
        self.shape = (bands, channels)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        # Export folds a product with ones into one constant; it would make six nodes of an expansion.
        self.register_buffer("every_band", torch.ones(bands, 1), persistent=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, T, F)``."""
        weight, bias = self.weight * self.every_band, self.bias * self.every_band
        return functional.layer_norm(x.permute(0, 2, 3, 1), self.shape, weight, bias, self.eps).permute(0, 3, 1, 2)


class RunningNorm(Streaming):
    """Normalise every channel and band by its own running mean and variance, with exponential forgetting.

    The frequency-dependent online normalisation of Xia et al., "Weighted speech distortion losses for
    neural-network-based real-time speech enhancement", ICASSP 2020, section 3.1, with sums over what has been heard, so
    that the first frames need no made-up start values. It has no parameters.

    Parameters
    ----------
    channels, bands : int
    time_constant_frames : float
        Frames after which a frame's weight has fallen to 1/e.
    """

    floor = 1e-4

    def __init__(self, channels: int, bands: int, *, time_constant_frames: float):
        super().__init__()
        if not time_constant_frames > 0:
            raise ValueError(f"time_constant_frames must be positive, not {time_constant_frames}")
        self.decay = math.exp(-1 / time_constant_frames)
        self.state_size = 2 * channels * bands + 1

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise ``(B, C, T, F)``."""
        batch, channels, frames, bands = x.shape
        features = channels * bands
        last_total, last_spread, last_weight = state.split([features, features, 1], dim=1)
        shape = batch, channels, 1, bands
        weight = running_sum(x.new_ones(batch, 1, frames, 1), last_weight.view(batch, 1, 1, 1), decay=self.decay)
        total = running_sum(x, last_total.view(shape), decay=self.decay)
        deviation = x - total / weight
        # Squares of deviations keep the digits that the difference of two means of squares would lose.
        spread = running_sum(deviation.square(), last_spread.view(shape), decay=self.decay)
        state = torch.cat([part[:, :, -1].flatten(1) for part in (total, spread, weight)], dim=1)
        return deviation * torch.rsqrt(spread / weight + self.floor), state


def running_sum(x: Tensor, last: Tensor, *, decay: float) -> Tensor:
    """Return ``y[t] = x[t] + decay · y[t − 1]`` over frames, the last but one dimension, where ``y[−1] = last``."""
    if x.shape[-2] == 1:
        return x + decay * last
    sums = []
    for block in x.split(BLOCK_FRAMES, dim=-2):
        before = torch.cat((last.expand(*block.shape[:-2], 1, -1), block), dim=-2)
        weights = _weights(block.shape[-2], decay, x.dtype, x.device).expand(*block.shape[:-2], -1, -1)
        # not in bfloat16, as products are under autocast: a sum over many frames needs its digits
        with torch.autocast(x.device.type, enabled=False):
            sums.append(weights @ before)
        last = sums[-1][..., -1:, :]
    return torch.cat(sums, dim=-2) if len(sums) > 1 else sums[0]


@lru_cache
def _weights(frames: int, decay: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What each of the sums ``(frames, 1 + frames)`` takes of the sum before all frames, and of these."""
    with torch.inference_mode(False):  # kept for training, whoever asks first
        age = torch.arange(1, frames + 1, dtype=torch.float64)[:, None] - torch.arange(frames + 1)
        return (decay ** age.clamp(min=0) * (age >= 0)).to(device, dtype)
