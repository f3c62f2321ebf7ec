"""Nested U-Net with two-level skip connections (NUNet-TLS): a U-Net whose every stage is a small U-Net itself.

Hwang, Park & Park, "Monoaural speech enhancement using a nested U-Net with two-level skip connections", Interspeech
2022. Features skip from the way down to the way up within each small U-Net, from each small U-Net to its mirror image,
and from stage to stage.

Differences from the paper's published code: it normalises over all frames, here each frame is normalised by itself, so
that frames stream; it dilates over bands too, of which at most four are left there; its output is the magnitude itself,
here it is a mask.

`nunet_lstm.py` is the same network with recurrent cells in place of everything that looks at past frames here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.nn.attention import TimeFrequencyAttention
from undin.nn.convolutions import CausalConv, SubPixelConv, TransposedConv
from undin.nn.layers import Flow, Streaming, compressed_magnitude, total_state
from undin.nn.norms import FrameNorm

DEPTHS = (6, 5, 4, 4, 4, 3)


class Unit(Streaming):
    """A convolution, normalisation within each frame, and PReLU."""

    def __init__(self, conv: Streaming, channels: int):
        super().__init__()
        self.conv = conv
        self.state_size = conv.state_size
        self.norm = FrameNorm(channels, conv.bands_out)
        self.activation = nn.PReLU()

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, T, F)`` as the convolution does."""
        x, state = self.conv(x, state)
        return self.activation(self.norm(x)), state


class DilatedDense(Streaming):
    """Densely connected convolutions whose dilation over frames doubles from one to the next, at half the channels."""

    dilations = (1, 2, 4, 8, 16, 32)

    def __init__(self, channels: int, bands: int):
        super().__init__()
        half = channels // 2
        self.entry = CausalConv(channels, half, bands=bands, kernel=(2, 3))
        self.entry_activation = nn.PReLU()
        # By channel and then across channels, which is far less arithmetic than both at once.
        self.by_channel = nn.ModuleList(
            CausalConv(half * count, half, bands=bands, kernel=(2, 3), dilation=(dilation, 1), groups=half)
            for count, dilation in enumerate(self.dilations, start=1)
        )
        self.across = nn.ModuleList(
            nn.Sequential(nn.Conv2d(half, half, 1), FrameNorm(half, bands), nn.PReLU()) for _ in self.dilations
        )
        self.exit = CausalConv(half, channels, bands=bands, kernel=(2, 3))
        self.exit_activation = nn.PReLU()
        self.state_size = total_state(self._layers())

    def _layers(self) -> list[Streaming]:
        return [self.entry, *self.by_channel, self.exit]

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, C, T, F)`` to the same shape."""
        flow = Flow(self._layers(), state)
        x = dense = self.entry_activation(flow(self.entry, x))
        for by_channel, across in zip(self.by_channel, self.across, strict=True):
            x = across(flow(by_channel, dense))
            dense = torch.cat((x, dense), dim=1)
        return self.exit_activation(flow(self.exit, x)), flow.state()


class NestedBlock(Streaming):
    """A small U-Net with attention, added to its own input.

    Parameters
    ----------
    channels_in, middle, channels_out : int
    bands : int
        F of input and output, divisible by ``2 ** depth``.
    depth : int
        Steps down, each to half the bands, and as many up.
    mirrored : bool
        Whether each step down also takes the features that a mirrored block had on its way up at the same bands.
    time_kernel : int
        Frames that the convolutions of the steps span.
    bottleneck : Streaming
        At the lowest step; keeps the shape ``(B, middle, T, bands >> depth)``.
    """

    def __init__(
        self,
        channels_in: int,
        middle: int,
        channels_out: int,
        *,
        bands: int,
        depth: int,
        mirrored: bool,
        time_kernel: int,
        bottleneck: Streaming,
    ):
        super().__init__()
        kernel = (time_kernel, 3)
        self.entry = Unit(CausalConv(channels_in, channels_out, bands=bands, kernel=(1, 1)), channels_out)
        widths = [channels_out, *[middle] * depth]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for step in range(depth):
            width, below, bands_here = widths[step], widths[step + 1], bands >> step
            down = CausalConv(width * (1 + mirrored), below, bands=bands_here, kernel=kernel, stride=2)
            up = SubPixelConv(2 * below, width, bands=bands_here // 2, kernel=kernel)
            self.downs.append(Unit(down, below))
            self.ups.append(Unit(up, width))
        self.bottleneck = bottleneck
        self.attention = TimeFrequencyAttention(channels_out, bands, reduced=max(1, channels_out // 4))
        self.state_size = total_state(self._layers())

    def _layers(self) -> list[Streaming]:
        return [*self.downs, self.bottleneck, *self.ups, self.attention]

    def forward(
        self, x: Tensor, mirror: Sequence[Tensor] | None, state: Tensor
    ) -> tuple[tuple[Tensor, list[Tensor]], Tensor]:
        """Transform ``(B, channels_in, T, bands)``.

        Parameters
        ----------
        x : Tensor
        mirror : sequence of Tensor, or None
            From the highest bands to the lowest, the second output of the mirrored block.
        state : Tensor

        Returns
        -------
        (Tensor, list of Tensor), Tensor
            Features ``(B, channels_out, T, bands)``, those of the way up from the highest bands to the lowest; state.
        """
        flow = Flow(self._layers(), state)
        entry = x = flow(self.entry, x)
        downs = []
        for step, down in enumerate(self.downs):
            x = flow(down, x if mirror is None else torch.cat((x, mirror[step]), dim=1))
            downs.append(x)
        x = flow(self.bottleneck, x)
        ups = []
        for up, skip in zip(reversed(self.ups), reversed(downs), strict=True):
            x = flow(up, torch.cat((x, skip), dim=1))
            ups.insert(0, x)
        return (flow(self.attention, x) + entry, ups), flow.state()


class NUNetTLS(Streaming):
    """Enhance a spectrum by a mask in [0, 1] on its magnitude; the phase stays noisy. The bin at 0 Hz is set to zero.

    Parameters
    ----------
    n_fft : int
        Size of the transform, a multiple of 512.
    channels : int
        Features between the small U-Nets; 64 in the paper.
    middle_channels : int
        Features inside the small U-Nets; 32 in the paper.
    compression : float
        Power of the magnitude that the network sees; 1 in the paper.
    """

    time_kernel = 2

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int,
        channels: int = 64,
        middle_channels: int = 32,
        compression: float = 0.3,
    ):
        super().__init__()
        multiple = 2 * max(2 ** (stage + depth) for stage, depth in enumerate(DEPTHS))
        if n_fft % multiple:
            raise ValueError(f"n_fft {n_fft} must be a multiple of {multiple}, to be halved by every small U-Net")
        if channels % 2 or middle_channels % 2:
            raise ValueError(f"channels {channels} and middle_channels {middle_channels} must be even")
        self.compression = compression

        def block(channels_in: int, bands: int, depth: int, *, mirrored: bool) -> NestedBlock:
            return NestedBlock(
                channels_in,
                middle_channels,
                channels,
                bands=bands,
                depth=depth,
                mirrored=mirrored,
                time_kernel=self.time_kernel,
                bottleneck=self.make_bottleneck(middle_channels, bands >> depth),
            )

        stages = [(n_fft // 2 >> stage, depth) for stage, depth in enumerate(DEPTHS)]
        self.entry = Unit(CausalConv(1, channels, bands=n_fft // 2, kernel=(1, 1)), channels)
        self.down_blocks = nn.ModuleList(block(channels, bands, depth, mirrored=False) for bands, depth in stages)
        self.downs = nn.ModuleList(CausalConv(channels, channels, bands=bands, stride=2) for bands, _ in stages)
        self.bottleneck = self.make_bottleneck(channels, n_fft // 2 >> len(DEPTHS))
        self.ups = nn.ModuleList(
            TransposedConv(2 * channels, 2 * channels, bands=bands // 2, kernel=(1, 3)) for bands, _ in stages
        )
        self.up_blocks = nn.ModuleList(block(2 * channels, bands, depth, mirrored=True) for bands, depth in stages)
        self.mask = nn.Conv2d(channels, 1, 1)
        self.state_size = total_state(self._layers())

    def make_bottleneck(self, channels: int, bands: int) -> Streaming:
        """Return the layer at the lowest step of the whole and of every small U-Net."""
        return DilatedDense(channels, bands)

    def _layers(self) -> list[Streaming]:
        return [*self.down_blocks, self.bottleneck, *self.up_blocks]

    def forward(self, spec: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance ``spec (B, T, F, 2)`` from ``state (B, state_size)``; return the same shapes."""
        flow = Flow(self._layers(), state)
        noisy = spec[:, :, 1:]
        x = flow(self.entry, compressed_magnitude(noisy, self.compression)[:, None])
        downs, mirrors = [], []
        for block, down in zip(self.down_blocks, self.downs, strict=True):
            x, mirror = flow(block, x, None)
            x = flow(down, x)
            downs.append(x)
            mirrors.append(mirror)
        x = flow(self.bottleneck, x)
        for stage in reversed(range(len(DEPTHS))):
            x = flow(self.ups[stage], torch.cat((x, downs[stage]), dim=1))
            x, _ = flow(self.up_blocks[stage], x, mirrors[stage])
        mask = torch.sigmoid(self.mask(x))[:, 0, :, :, None]
        return functional.pad(noisy * mask, (0, 0, 1, 0)), flow.state()
