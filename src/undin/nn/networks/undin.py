"""undin's own network: frequency-only convolutions around gated recurrences shared by the sub-bands.

The network sees each bin of the spectrum, and how far it stands out from its own past and from its neighbours.
Convolutions run over frequency alone and squeeze each frame from bins to a few sub-bands; time lives in GRUs whose
weights all sub-bands share, so the state is a few kB and a step has next to nothing to shift. Between the GRUs the
sub-bands exchange what they know. The way back up adds the features of the way down, and ends in a complex mask.

Read `layers.py` for the parts, `recipes/undin-*.toml` for the sizes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.nn.contrast import Contrast
from undin.nn.layers import (
    BandMix,
    Flow,
    Normed,
    Streaming,
    channels_second,
    complex_product,
    compressed_features,
    time_major,
    total_state,
)
from undin.nn.recurrent import Recurrent


class ConvBlock(nn.Module):
    """A residual convolution over three neighbouring bands, features ``(B, C, T, F)``."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = Normed(nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=False), rectify=True)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(B, C, T, F)``."""
        return x + self.conv(x)


class SubBandBlock(Streaming):
    """A GRU over time in every sub-band, then a mix across the sub-bands, each added to its input.

    Parameters
    ----------
    channels : int
        C, also the units of the GRU.
    bands : int
        Sub-bands K, which share the GRU's weights.
    """

    def __init__(self, channels: int, bands: int):
        super().__init__()
        self.recurrent = Recurrent("gru", channels, channels, bands=bands)
        self.state_size = self.recurrent.state_size
        self.project = Normed(nn.Linear(channels, channels, bias=False))
        self.mix = Normed(BandMix(channels, bands), rectify=True)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Transform time-major ``(T, B, K, C)``."""
        y, state = self.recurrent(x, state)
        x = x + self.project(y)
        return x + self.mix(x), state


class Undin(Streaming):
    """Map a noisy spectrum to a clean one by a complex mask.

    Parameters
    ----------
    n_fft : int
        Size of the transform; its half must be divisible by 8. The bin at half the sample rate is set to zero.
    channels : int
        Features of every band on the way down and up, at an eighth of ``n_fft`` bands.
    depth : int
        Residual convolutions on each way.
    band_channels : int
        Features of every sub-band, and units of the GRUs, at ``n_fft // (8 · squeeze)`` sub-bands.
    squeeze : int
        Bands that become one sub-band: 2 or 4.
    blocks : int
        Recurrent blocks.
    past_frames, neighbours : int
        What each bin of the input is compared with, as in `Contrast`.
    """

    compression = 0.3
    bins_per_band = 4

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int,
        channels: int = 20,
        depth: int = 1,
        band_channels: int = 24,
        squeeze: int = 2,
        blocks: int = 2,
        past_frames: int = 64,
        neighbours: int = 16,
    ):
        super().__init__()
        self.bins = n_fft // 2
        sub_bands, rest = divmod(self.bins, self.bins_per_band * squeeze)
        if rest:
            raise ValueError(f"n_fft {n_fft} cannot be squeezed into whole sub-bands of {4 * squeeze} bins")
        stem_kernel, stem_padding = (1, 2 * self.bins_per_band), (0, self.bins_per_band // 2)
        squeeze_kernel, squeeze_padding = (1, 2 * squeeze), (0, squeeze // 2)

        self.contrast = Contrast(self.bins, frames=past_frames, neighbours=neighbours)
        self.stem = Normed(
            nn.Conv2d(5, channels, stem_kernel, (1, self.bins_per_band), stem_padding, bias=False), rectify=True
        )
        self.down_blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(depth)))
        self.squeeze = Normed(
            nn.Conv2d(channels, band_channels, squeeze_kernel, (1, squeeze), squeeze_padding, bias=False), rectify=True
        )
        self.blocks = nn.ModuleList(SubBandBlock(band_channels, sub_bands) for _ in range(blocks))
        self.state_size = total_state([self.contrast, *self.blocks])
        self.expand = Normed(
            nn.ConvTranspose2d(band_channels, channels, squeeze_kernel, (1, squeeze), squeeze_padding, bias=False)
        )
        self.skip = Normed(nn.Conv2d(channels, channels, 1, bias=False))
        self.up_blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(depth)))
        self.mask = nn.ConvTranspose2d(channels, 2, stem_kernel, (1, self.bins_per_band), stem_padding)

    def forward(self, spec: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance ``spec (B, T, F, 2)`` from ``state (B, state_size)``; return the same shapes."""
        flow = Flow([self.contrast, *self.blocks], state)
        noisy = spec[:, :, : self.bins]
        x = compressed_features(noisy, self.compression)
        x = torch.cat((x, flow(self.contrast, x[..., 2])), dim=-1).permute(0, 3, 1, 2)
        x = x.contiguous(memory_format=torch.channels_last)
        x = down = self.down_blocks(self.stem(x))

        x = time_major(self.squeeze(x))
        for block in self.blocks:
            x = flow(block, x)
        x = self.expand(channels_second(x))

        x = self.up_blocks(torch.relu(x + self.skip(down)))
        mask = self.mask(x).permute(0, 2, 3, 1)
        return functional.pad(complex_product(noisy, mask), (0, 0, 0, 1)), flow.state()
