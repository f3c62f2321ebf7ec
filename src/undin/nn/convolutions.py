"""Streaming convolutions over frames and frequency: as they are, and two ways up to more bands.

Each sees the present frame and, with a kernel of more than one frame, as many past ones as the kernel spans; these are
its state. Read `layers.py` first for the protocol and the layout of features.
"""

import torch
from torch import Tensor, nn

from undin.nn.layers import Normed, Streaming


def _with_past(x: Tensor, state: Tensor, past_frames: int) -> tuple[Tensor, Tensor]:
    """Put the past frames that a state holds before ``x (B, C, T, F)``; return both and the state after them."""
    if not past_frames:
        return x, state
    past = state.view(len(x), x.shape[1], past_frames, x.shape[3])
    x = torch.cat((past, x), dim=2)
    return x.contiguous(memory_format=torch.channels_last), x[:, :, -past_frames:].flatten(1)


class CausalConv(Streaming):
    """Convolution over frames and frequency that sees the present and the past only.

    Parameters
    ----------
    channels_in, channels_out : int
    bands : int
        F of the input; the state's size depends on it.
    kernel : (int, int)
        Frames and bands a kernel spans. With one frame the layer keeps no state.
    stride : int
        Step over frequency. F of the output is ``bands_out = ceil(bands / stride)``.
    dilation : (int, int)
        Spacing of the kernel's taps over frames and bands.
    groups : int
        Groups of channels that do not see each other.
    norm : bool
        Follow it by batch normalisation, in place of a bias.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        bands: int,
        kernel: tuple[int, int] = (1, 3),
        stride: int = 1,
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        norm: bool = False,
    ):
        super().__init__()
        self.past_frames = (kernel[0] - 1) * dilation[0]
        self.state_size = channels_in * self.past_frames * bands
        self.bands_out = -(-bands // stride)
        padding = (self.bands_out - 1) * stride + (kernel[1] - 1) * dilation[1] + 1 - bands
        if padding < 0:
            raise ValueError(f"a kernel of {kernel[1]} bands with stride {stride} would skip some of {bands} bands")
        if stride == 1 and padding % 2:
            raise ValueError(f"a kernel of {kernel[1]} bands cannot be centred on one: take an odd number")
        # What is odd goes below the lowest band; the convolution never reaches the surplus above the highest.
        padding = -(-padding // 2)
        conv = nn.Conv2d(channels_in, channels_out, kernel, (1, stride), (0, padding), dilation, groups, bias=not norm)
        self.conv = Normed(conv) if norm else conv

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, channels_in, T, bands)`` to ``(B, channels_out, T, bands_out)``."""
        x, state = _with_past(x, state, self.past_frames)
        return self.conv(x), state


class TransposedConv(Streaming):
    """Up-sampling over frequency by a transposed convolution, over several frames if wanted.

    Parameters
    ----------
    channels_in, channels_out : int
    bands : int
        F of the input; the state's size depends on it. F of the output is ``bands_out = bands * factor``.
    kernel : (int, int)
        Frames and bands a kernel spans, of the latter at least `factor`.
    factor : int
    norm : bool
        Follow it by batch normalisation, in place of a bias.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        bands: int,
        kernel: tuple[int, int],
        factor: int = 2,
        norm: bool = False,
    ):
        super().__init__()
        surplus = kernel[1] - factor
        if surplus < 0:
            raise ValueError(f"a transposed kernel of {kernel[1]} bands leaves gaps when it steps {factor} bands")
        self.taps = kernel[0]
        self.state_size = channels_in * (self.taps - 1) * bands
        self.bands_out = bands * factor
        # Over time it is a plain convolution, whose taps are stacked as channels: torch's own would compute frames that
        # are cut off afterwards.
        conv = nn.ConvTranspose2d(
            channels_in * self.taps,
            channels_out,
            (1, kernel[1]),
            (1, factor),
            padding=(0, -(-surplus // 2)),
            output_padding=(0, surplus % 2),
            bias=not norm,
        )
        self.conv = Normed(conv) if norm else conv

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, channels_in, T, bands)`` to ``(B, channels_out, T, bands_out)``."""
        frames = x.shape[2]
        x, state = _with_past(x, state, self.taps - 1)
        x = torch.cat([x[:, :, tap : tap + frames] for tap in range(self.taps)], dim=1)
        return self.conv(x), state


class SubPixelConv(Streaming):
    """Up-sampling over frequency by a convolution to `factor` times the channels, dealt out over neighbouring bands.

    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network", CVPR 2016, over one axis.

    Parameters
    ----------
    channels_in, channels_out : int
    bands : int
        F of the input; the state's size depends on it. F of the output is ``bands_out = bands * factor``.
    kernel : (int, int)
        Frames and bands a kernel spans, of the latter an odd number.
    factor : int
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, bands: int, kernel: tuple[int, int] = (1, 3), factor: int = 2
    ):
        super().__init__()
        self.conv = CausalConv(channels_in, channels_out * factor, bands=bands, kernel=kernel)
        self.state_size = self.conv.state_size
        self.bands_out = bands * factor

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, channels_in, T, bands)`` to ``(B, channels_out, T, bands_out)``."""
        x, state = self.conv(x, state)
        # With channels last, dealing out is another way to look at the same memory.
        x = x.permute(0, 2, 3, 1).reshape(len(x), x.shape[2], self.bands_out, -1)
        return x.permute(0, 3, 1, 2), state
