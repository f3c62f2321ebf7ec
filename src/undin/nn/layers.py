"""Streaming layers: the parts from which every network in `undin.nn.networks` is built.

A streaming layer is a pure function ``(x, state) → (x, state)`` for any number of frames ``T ≥ 1``. Its state is a flat
float32 tensor ``(B, state_size)``, zeros when fresh, so that a container only splits its own state among its children
and joins the new parts, and an exported step has one state vector. Nothing is remembered on a module.

Features are ``(B, C, T, F)``: batch, channels, frames, bins or sub-bands, in channels-last memory, which is the fastest
layout for convolutions over frequency on CPU and keeps channels innermost for the recurrent cells. Spectra at the border
of a network are ``(B, T, F, 2)``: real and imaginary part.

This file holds no network and nothing that looks ahead. Read `networks/undin.py` next.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


class Streaming(nn.Module):
    """A module that maps ``(x, state) → (x, state)`` and says how much state it keeps for one stream.

    Attributes
    ----------
    state_size : int
        Floats of state a stream needs.
    """

    state_size: int = 0

    def initial_state(self, batch: int, device: torch.device | str | None = None) -> Tensor:
        """Return the state of a fresh stream: zeros ``(batch, state_size)``."""
        return torch.zeros(batch, self.state_size, device=device)


def total_state(layers: Sequence[Streaming]) -> int:
    """Return the floats of state that several layers need together."""
    return sum(layer.state_size for layer in layers)


def split_state(state: Tensor, layers: Sequence[Streaming]) -> tuple[Tensor, ...]:
    """Split a flat state ``(B, total_state(layers))`` into one part a layer, in order."""
    return state.split([layer.state_size for layer in layers], dim=1)


def run_in_order(layers: Sequence[Streaming], x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Pass ``x`` through streaming layers one after the other; return the output and their joined new state."""
    new_states = []
    for layer, part in zip(layers, split_state(state, layers), strict=True):
        x, part = layer(x, part)
        new_states.append(part)
    return x, torch.cat(new_states, dim=1)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose training statistics span all processes of a data-parallel run.

    Two processes with half the batch each then compute what one process computes with the whole; torch's own
    synchronised variant runs on GPUs alone. In evaluation it is a fixed scale and shift, which export folds into the
    layer before it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, T, F)`` per channel."""
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
            )
        count = x.numel() // x.shape[1] * dist.get_world_size()
        sums = torch.stack((x.sum((0, 2, 3)), x.square().sum((0, 2, 3))))
        mean, mean_square = dist.nn.functional.all_reduce(sums) / count
        variance = (mean_square - mean.square()).clamp_min(0)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


class Normed(nn.Module):
    """A layer without bias followed by batch normalisation, which `fold_norms` merges into the layer before export.

    Parameters
    ----------
    layer : Conv2d, ConvTranspose2d, Linear or BandMix
        The first two put channels second, the others last.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer
        self.channels_last = isinstance(layer, nn.Linear | BandMix)
        self.norm = BatchNorm(layer.out_features if self.channels_last else layer.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, then normalise each of its output channels."""
        x = self.layer(x)
        if self.channels_last:
            return self.norm(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.norm(x)

    def folded(self) -> nn.Module:
        """Return one layer that computes what layer and norm compute in evaluation."""
        if isinstance(self.layer, nn.Linear):
            return fuse_linear_bn_eval(self.layer, self.norm)
        if isinstance(self.layer, BandMix):
            return self.layer.fused(self.norm)
        return fuse_conv_bn_eval(self.layer, self.norm, transpose=isinstance(self.layer, nn.ConvTranspose2d))


class BandMix(nn.Module):
    """Exchange across sub-bands: every channel mixes its bands by a matrix of its own.

    A matrix for every channel costs no more arithmetic than one they share.

    Parameters
    ----------
    channels, bands : int
    """

    def __init__(self, channels: int, bands: int):
        super().__init__()
        self.out_features = channels
        self.weight = nn.Parameter(torch.randn(channels, bands, bands) / bands)
        self.bias = None

    def forward(self, x: Tensor) -> Tensor:
        """Mix time-major ``(T, B, K, C)`` over K."""
        frames, batch, bands, channels = x.shape
        y = torch.bmm(x.permute(3, 0, 1, 2).reshape(channels, frames * batch, bands), self.weight)
        y = y.permute(1, 2, 0).reshape(x.shape)
        return y if self.bias is None else y + self.bias

    def fused(self, norm: BatchNorm) -> "BandMix":
        """Return a copy that also applies a norm's fixed scale and shift."""
        copy = BandMix(*self.weight.shape[:2])
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        copy.weight = nn.Parameter(self.weight * scale[:, None, None])
        copy.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        return copy


def fold_norms(network: nn.Module) -> None:
    """Replace every `Normed` below a network in evaluation mode, in place, by its folded layer."""
    for name, child in network.named_children():
        if isinstance(child, Normed):
            setattr(network, name, child.folded())
        else:
            fold_norms(child)


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
        Step over frequency. F of the output is ``ceil(bands / stride)``.
    dilation : (int, int)
        Spacing of the kernel's taps over frames and bands.
    groups : int
        Groups of channels that do not see each other.
    bias : bool
        Off where a norm follows.
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
        bias: bool = True,
    ):
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in, channels_out, kernel, (1, stride), dilation=dilation, groups=groups, bias=bias
        )
        self.past_frames = (kernel[0] - 1) * dilation[0]
        self.state_size = channels_in * self.past_frames * bands
        self.bands_out = -(-bands // stride)
        padding = (self.bands_out - 1) * stride + (kernel[1] - 1) * dilation[1] + 1 - bands
        if padding < 0:
            raise ValueError(f"a kernel of {kernel[1]} bands with stride {stride} would skip some of {bands} bands")
        self.padding = (padding // 2, padding - padding // 2)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(B, channels_in, T, bands)`` to ``(B, channels_out, T, bands_out)``."""
        if self.past_frames:
            past = state.view(len(x), x.shape[1], self.past_frames, x.shape[3])
            x = torch.cat((past, x), dim=2)
            state = x[:, :, -self.past_frames :].flatten(1)
        return self.conv(functional.pad(x, self.padding)), state


class TransposedConv(nn.Module):
    """Up-sampling over frequency by a transposed convolution: ``(B, C, T, F) → (B, C_out, T, F · factor)``."""

    def __init__(self, channels_in: int, channels_out: int, *, factor: int, kernel: int, bias: bool = True):
        super().__init__()
        if kernel < factor or (kernel - factor) % 2:
            raise ValueError(f"a transposed kernel of {kernel} bands cannot be centred on a factor of {factor}")
        self.conv = nn.ConvTranspose2d(
            channels_in, channels_out, (1, kernel), (1, factor), (0, (kernel - factor) // 2), bias=bias
        )

    def forward(self, x: Tensor) -> Tensor:
        """Up-sample ``(B, channels_in, T, F)`` over frequency."""
        return self.conv(x)


class SubPixelConv(nn.Module):
    """Up-sampling over frequency by a convolution to ``factor`` times the channels, dealt out over neighbouring bands.

    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network", CVPR 2016, over one axis.
    """

    def __init__(self, channels_in: int, channels_out: int, *, factor: int, kernel: int = 3, bias: bool = True):
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"a sub-pixel kernel must span an odd number of bands to be centred, not {kernel}")
        self.factor = factor
        self.conv = nn.Conv2d(channels_in, channels_out * factor, (1, kernel), padding=(0, kernel // 2), bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Up-sample ``(B, channels_in, T, F)`` to ``(B, channels_out, T, F · factor)``."""
        x = self.conv(x)
        batch, channels, frames, bands = x.shape
        x = x.view(batch, self.factor, channels // self.factor, frames, bands)
        return x.permute(0, 2, 3, 4, 1).reshape(batch, channels // self.factor, frames, bands * self.factor)


RECURRENT_CELLS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class Recurrent(Streaming):
    """A stack of GRU, LSTM or plain RNN cells over time, its weights shared by all bands.

    Parameters
    ----------
    cell : {"gru", "lstm", "rnn"}
    size_in, hidden : int
        Features a band brings, and units of each cell.
    bands : int
        Bands that run side by side with the same weights, each with its own state.
    layers : int
        Cells stacked on each other.
    """

    def __init__(self, cell: str, size_in: int, hidden: int, *, bands: int = 1, layers: int = 1):
        super().__init__()
        if cell not in RECURRENT_CELLS:
            raise ValueError(f"unknown recurrent cell {cell!r}: choose one of {', '.join(RECURRENT_CELLS)}")
        self.cells = RECURRENT_CELLS[cell](size_in, hidden, layers)
        self.parts = 2 if cell == "lstm" else 1
        self.shape = (layers, bands, hidden)
        self.state_size = self.parts * layers * bands * hidden

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map time-major ``(T, B, bands, size_in)`` to ``(T, B, bands, hidden)``.

        Time comes first because PyTorch's cells run about three times faster on CPU so than batch first.
        """
        frames, batch, bands, _ = x.shape
        layers, _, hidden = self.shape
        # (B, parts · layers · bands · hidden) → (parts, layers, B · bands, hidden), as the cells want it.
        state = state.view(batch, self.parts, layers, bands, hidden).permute(1, 2, 0, 3, 4)
        state = state.reshape(self.parts, layers, batch * bands, hidden)
        x, last = self.cells(x.reshape(frames, batch * bands, -1), tuple(state) if self.parts == 2 else state[0])
        last = torch.stack(last) if self.parts == 2 else last[None]
        last = last.view(self.parts, layers, batch, bands, hidden).permute(2, 0, 1, 3, 4)
        return x.view(frames, batch, bands, hidden), last.reshape(batch, -1)


def time_major(x: Tensor) -> Tensor:
    """Rearrange features ``(B, C, T, F)`` to ``(T, B, F, C)``, as the recurrent cells take them."""
    return x.permute(2, 0, 3, 1).contiguous()


def channels_second(x: Tensor) -> Tensor:
    """Rearrange ``(T, B, F, C)`` back to features ``(B, C, T, F)`` in channels-last memory."""
    return x.permute(1, 3, 0, 2).contiguous(memory_format=torch.channels_last)


def compress(spec: Tensor, power: float, *, floor: float = 1e-12) -> Tensor:
    """Raise the magnitude of a spectrum to a power and keep its phase.

    Parameters
    ----------
    spec : Tensor (B, T, F, 2)
    power : float
        0.3 brings speech of any level near the range of a network; 1 changes nothing.
    floor : float
        Added to the squared magnitude, so that silence has a gradient.
    """
    return spec * (spec.square().sum(-1, keepdim=True) + floor).pow((power - 1) / 2)


def complex_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply two complex spectra ``(B, T, F, 2)`` bin by bin."""
    a_real, a_imag = a.unbind(-1)
    b_real, b_imag = b.unbind(-1)
    return torch.stack((a_real * b_real - a_imag * b_imag, a_real * b_imag + a_imag * b_real), dim=-1)
