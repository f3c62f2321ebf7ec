"""Streaming layers: the parts from which every network in `undin.nn.networks` is built.

A streaming layer is a pure function ``(x, state) → (x, state)`` for any number of frames ``T ≥ 1``. Its state is a flat
float32 tensor ``(B, state_size)``, zeros when fresh, so that a container only splits its own state among its children
and joins the new parts, and an exported step has one state vector. Nothing is remembered on a module.

Features are ``(B, C, T, F)``: batch, channels, frames, bins or sub-bands, in channels-last memory, which is the fastest
layout for convolutions over frequency on CPU and keeps channels innermost for the recurrent cells. Spectra at the
border of a network are ``(B, T, F, 2)``: real and imaginary part.

This file holds what nearly every network uses: the protocol, layers with a norm, layouts. Layers with a theme of their
own lie beside it: `recurrent.py`, `convolutions.py`, `norms.py`, `attention.py`. No network is here, and no layer looks
ahead. Read `networks/undin.py` next.
"""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from undin.nn.batch_norm import BatchNorm
from undin.nn.kernels import address, kernels_for


class Streaming(nn.Module):
    """A module that maps ``(x, state) → (x, state)`` and says how much state it keeps for one stream.

    Attributes
    ----------
    state_size : int
        Floats of state a stream needs.
    look_ahead_frames : int
        By how many frames the output comes later than the input that it belongs to, since the module waits to see
        them. The latency of a model file follows from it.
    """

    state_size: int = 0
    look_ahead_frames: int = 0

    def initial_state(self, batch: int, device: torch.device | str | None = None) -> Tensor:
        """Return the state of a fresh stream: zeros ``(batch, state_size)``."""
        return torch.zeros(batch, self.state_size, device=device)

    def offline(self, spec: Tensor) -> Tensor:
        """Run a network from its fresh state over whole spectra, and line its output up with them.

        Parameters
        ----------
        spec : Tensor (B, T, F, 2)

        Returns
        -------
        Tensor (B, T, F, 2)
            Frame t belongs to frame t of `spec`, however far the network looks ahead: behind the end it sees silence.
        """
        late = self.look_ahead_frames
        seen = functional.pad(spec, (0, 0, 0, 0, 0, late)) if late else spec
        output, _ = self(seen, self.initial_state(len(spec), spec.device))
        return output[:, late:]


def total_state(layers: Sequence[Streaming]) -> int:
    """Return the floats of state that several layers need together."""
    return sum(layer.state_size for layer in layers)


def split_state(state: Tensor, layers: Sequence[Streaming]) -> tuple[Tensor, ...]:
    """Split a flat state ``(B, total_state(layers))`` into one part a layer, in order."""
    return state.split([layer.state_size for layer in layers], dim=1)


class Flow:
    """One pass through the layers of a container, in any topology: each layer meets its own part of the state.

    Parameters
    ----------
    layers : sequence of Streaming
        In the order of their parts in the state.
    state : Tensor (B, total_state(layers))
    """

    def __init__(self, layers: Sequence[Streaming], state: Tensor):
        # Layers without state are left out of the split, so that an exported step has no empty tensors.
        keepers = [layer for layer in layers if layer.state_size]
        self._parts = dict(zip(keepers, split_state(state, keepers), strict=True))
        self._empty = state[:, :0]

    def __call__(self, layer: Streaming, *inputs: Tensor) -> Tensor:
        """Run one of the layers, once, and return its output."""
        if not layer.state_size:
            return layer(*inputs, self._empty)[0]
        output, self._parts[layer] = layer(*inputs, self._parts[layer])
        return output

    def state(self) -> Tensor:
        """Return the joined new state, after all layers have run."""
        return torch.cat([*self._parts.values()], dim=1) if self._parts else self._empty


class Normed(nn.Module):
    """A layer without bias followed by batch normalisation, which `fold_norms` merges into the layer before export.

    Parameters
    ----------
    layer : Conv2d, ConvTranspose2d, Linear or BandMix
        The first two put channels second, the others last.
    rectify : bool
        A rectifier (ReLU) comes last.
    """

    def __init__(self, layer: nn.Module, *, rectify: bool = False):
        super().__init__()
        self.layer = layer
        self.channels_last = isinstance(layer, nn.Linear | BandMix)
        channels = layer.out_features if self.channels_last else layer.out_channels
        self.norm = BatchNorm(channels, rectify=rectify)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, then normalise each of its output channels."""
        x = self.layer(x)
        return self.norm.channels_last(x) if self.channels_last else self.norm(x)

    def folded(self) -> nn.Module:
        """Return what computes, in evaluation, the same without a norm."""
        if isinstance(self.layer, nn.Linear):
            layer = fuse_linear_bn_eval(self.layer, self.norm)
        elif isinstance(self.layer, BandMix):
            layer = self.layer.fused(self.norm)
        else:
            layer = fuse_conv_bn_eval(self.layer, self.norm, transpose=isinstance(self.layer, nn.ConvTranspose2d))
        return nn.Sequential(layer, nn.ReLU()) if self.norm.rectify else layer


class BandMix(nn.Module):
    """Exchange across sub-bands: every channel mixes its bands by a matrix of its own.

    A matrix for every channel costs no more arithmetic than one they share. In training on CPUs it runs in C
    (``c/training/band_mix.c``).

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
        kernels = kernels_for(self, x, "band_mix", bands=bands, channels=channels) if bands % 4 == 0 else None
        if kernels is not None:
            return _BandMix.apply(x, self.weight, kernels)
        y = torch.bmm(x.permute(3, 0, 1, 2).reshape(channels, frames * batch, bands), self.weight)
        y = y.permute(1, 2, 0).reshape(x.shape)
        return y if self.bias is None else y + self.bias

    def fused(self, norm: BatchNorm) -> "BandMix":
        """Return a copy that also applies a norm's fixed scale and shift."""
        copy = BandMix(*self.weight.shape[:2])
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        copy.weight = nn.Parameter(self.weight * scale[:, None, None])
        copy.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        return copy.eval()


class _BandMix(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, kernels: ctypes.CDLL) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.kernels = kernels
        y = torch.empty_like(x)
        kernels.undin_band_mix_forward(_rows(x), *map(address, (x, weight, y)))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        x_gradient, weight_gradient = torch.empty_like(x), torch.empty_like(weight)
        ctx.kernels.undin_band_mix_backward(_rows(x), *map(address, (gradient, x, weight, x_gradient, weight_gradient)))
        return x_gradient, weight_gradient, None


def _rows(x: Tensor) -> ctypes.c_ssize_t:
    return ctypes.c_ssize_t(x.shape[0] * x.shape[1])


def fold_norms(network: nn.Module) -> None:
    """Replace every `Normed` below a network in evaluation mode, in place, by its folded layer."""
    for name, child in network.named_children():
        if isinstance(child, Normed):
            setattr(network, name, child.folded())
        else:
            fold_norms(child)


def time_major(x: Tensor) -> Tensor:
    """Rearrange features ``(B, C, T, F)`` to ``(T, B, F, C)``, as the recurrent cells take them."""
    return x.permute(2, 0, 3, 1).contiguous()


def channels_second(x: Tensor) -> Tensor:
    """Rearrange ``(T, B, F, C)`` back to features ``(B, C, T, F)`` in channels-last memory."""
    return x.permute(1, 3, 0, 2).contiguous(memory_format=torch.channels_last)


def compressed_features(spec: Tensor, power: float, *, floor: float = 1e-12) -> Tensor:
    """Return what a network sees of a spectrum: real part, imaginary part and magnitude, with compressed magnitude.

    Parameters
    ----------
    spec : Tensor (B, T, F, 2)
    power : float
        0.3 brings speech of any level near the range of a network; 1 changes nothing.
    floor : float
        Added to the squared magnitude, so that silence has a gradient.

    Returns
    -------
    Tensor (B, T, F, 3)
    """
    squared = spec.square().sum(-1, keepdim=True) + floor
    gain = squared.pow((power - 1) / 2)
    return torch.cat((spec * gain, squared.sqrt() * gain), dim=-1)


def compressed_magnitude(spec: Tensor, power: float, *, floor: float = 1e-12) -> Tensor:
    """Return the magnitude ``(B, T, F)`` of a spectrum ``(B, T, F, 2)``, raised to a power; see
    `compressed_features`."""
    return (spec.square().sum(-1) + floor).pow(power / 2)


def complex_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply two complex spectra ``(B, T, F, 2)`` bin by bin."""
    if torch.onnx.is_in_onnx_export() or torch.compiler.is_compiling():  # exported graphs know real numbers alone
        a_real, a_imag = a.unbind(-1)
        b_real, b_imag = b.unbind(-1)
        return torch.stack((a_real * b_real - a_imag * b_imag, a_real * b_imag + a_imag * b_real), dim=-1)
    return torch.view_as_real(_complex(a) * _complex(b))


def _complex(x: Tensor) -> Tensor:
    x = x.to(torch.promote_types(x.dtype, torch.float32))  # there are no complex numbers of two bfloat16
    return torch.view_as_complex(x if x.stride(-1) == 1 else x.contiguous())
