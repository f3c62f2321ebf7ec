"""Attention over time and frequency that streams. Read `layers.py` first for protocol and layout."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.nn.layers import Streaming


class TimeFrequencyAttention(Streaming):
    """Causal time-frequency attention: weigh every channel by how the frame, and how the band lately, looks.

    One gain comes from the frame's mean over bands, the other from each band's mean over the last frames, where zeros
    stand for the frames before the first one. Hwang, Park & Park, "Monoaural speech enhancement using a nested U-Net
    with two-level skip connections", Interspeech 2022.

    Parameters
    ----------
    channels, bands : int
    reduced : int
        Channels in the middle of the two layers that turn a mean into a gain.
    pool_frames : int
        Frames of the running mean, the present one included.
    """

    def __init__(self, channels: int, bands: int, *, reduced: int, pool_frames: int = 32):
        super().__init__()
        self.pool_frames = pool_frames
        self.state_shape = (reduced, pool_frames - 1, bands)
        self.state_size = reduced * (pool_frames - 1) * bands
        self.time_reduce = nn.Conv2d(channels, reduced, 1)
        self.time_expand = nn.Conv2d(reduced, channels, 1)
        self.band_reduce = nn.Conv2d(channels, reduced, 1, bias=False)
        self.band_bias = nn.Parameter(torch.zeros(reduced, 1, 1))
        self.band_expand = nn.Conv2d(reduced, channels, 1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh ``(B, C, T, F)``."""
        frame = torch.relu(self.time_reduce(x.mean(3, keepdim=True)))
        # The mean over frames and the layer that reduces channels are linear and may swap, which makes the state as
        # many times smaller as there are fewer channels.
        recent = torch.cat((state.view(len(x), *self.state_shape), self.band_reduce(x)), dim=2)
        state = recent[:, :, x.shape[2] :].flatten(1)
        band = torch.relu(functional.avg_pool2d(recent, (self.pool_frames, 1), 1) + self.band_bias)
        return x * torch.sigmoid(self.time_expand(frame)) * torch.sigmoid(self.band_expand(band)), state
