"""Batch normalisation whose training statistics span all processes of a data-parallel run.

Two processes with half the batch each then compute what one process computes with the whole; torch's own synchronised
variant runs on GPUs alone. On CPUs the passes over the features are C (``c/training/batch_norm.c``), with a rectifier
in the same pass. Outside training it is a fixed scale and shift, which `Normed` in ``nn/layers.py`` folds away.
"""

import ctypes

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from undin.nn.kernels import address, kernels_for


class BatchNorm(nn.BatchNorm2d):
    """Normalise each channel to mean 0 and variance 1 over all else, then scale and shift it.

    Parameters
    ----------
    channels : int
    rectify : bool
        A rectifier (ReLU) follows.
    """

    def __init__(self, channels: int, *, rectify: bool = False):
        super().__init__(channels)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        """Normalise features ``(B, C, T, F)``."""
        return self.channels_last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def channels_last(self, x: Tensor) -> Tensor:
        """Normalise ``(..., C)``."""
        passes = self._passes(x)
        if not self.training or (passes is _TorchPasses and _processes() == 1):
            y = functional.batch_norm(
                x.reshape(-1, x.shape[-1]),
                *(self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps),
            ).view(x.shape)
            return torch.relu(y) if self.rectify else y
        y, mean, variance, count = _Normalise.apply(x, self.weight, self.bias, self.eps, self.rectify, passes)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return y

    def _passes(self, x: Tensor) -> "type[_TorchPasses] | _CPasses":
        """What does the work for features ``(..., C)``."""
        kernels = kernels_for(self, x, "batch_norm", channels=x.shape[-1])
        return _TorchPasses if kernels is None else _CPasses(kernels, x.shape[-1])


class _Normalise(torch.autograd.Function):
    """Ioffe & Szegedy, "Batch normalization", ICML 2015, algorithm 1 and the gradients below it.

    ``y = scale · x + shift`` with ``scale = weight / √(variance + eps)``, and of that the positive part if there is a
    rectifier. `passes` are the four over the features ``(rows, C)``, in C or in torch.
    """

    @staticmethod
    def forward(
        ctx, x: Tensor, weight: Tensor, bias: Tensor, eps: float, rectify: bool, passes: "type[_TorchPasses] | _CPasses"
    ):
        features = x.reshape(-1, x.shape[-1]).contiguous()
        count = len(features) * _processes()
        mean, mean_square = _over_processes(passes.sums(features)) / count
        variance = (mean_square - mean.square()).clamp_min(0)
        mean, spread = mean.to(weight.dtype), torch.rsqrt(variance + eps).to(weight.dtype)
        scale = weight * spread
        shift = bias - mean * scale
        ctx.save_for_backward(features, mean, spread, scale, shift)
        ctx.count, ctx.rectify, ctx.passes = count, rectify, passes
        variance = variance.to(weight.dtype)
        ctx.mark_non_differentiable(mean, variance)
        return passes.apply(features, scale, shift, rectify).view(x.shape), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor, *_):
        features, mean, spread, scale, shift = ctx.saved_tensors
        shape, passes = gradient.shape, ctx.passes
        gradient = gradient.reshape(features.shape).contiguous()
        own = passes.gradient_sums(gradient, features, scale, shift, ctx.rectify)
        bias_gradient, product = own.to(scale.dtype)
        weight_gradient = (product - mean * bias_gradient) * spread
        all_bias, all_product = (_over_processes(own) / ctx.count).to(scale.dtype)
        all_weight = (all_product - mean * all_bias) * spread
        # dx = scale · (dy − mean(dy) − x̂ mean(dy x̂)), with x̂ = (x − mean) · spread, as one line in x and dy
        slope = -scale * spread * all_weight
        offset = -scale * all_bias - slope * mean
        x_gradient = passes.gradient(gradient, features, scale, shift, slope, offset, ctx.rectify)
        return x_gradient.view(shape), weight_gradient, bias_gradient, None, None, None


def _processes() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def _over_processes(sums: Tensor) -> Tensor:
    """Add up sums of all processes; those of this one stay as they are."""
    if _processes() > 1:
        sums = sums.clone()
        dist.all_reduce(sums)
    return sums


class _TorchPasses:
    """The passes over features ``(rows, C)`` in torch, for GPUs and where there is no C compiler."""

    @staticmethod
    def sums(x: Tensor) -> Tensor:
        return torch.stack((x.sum(0, dtype=torch.float64), x.square().sum(0, dtype=torch.float64)))

    @staticmethod
    def apply(x: Tensor, scale: Tensor, shift: Tensor, rectify: bool) -> Tensor:
        y = torch.addcmul(shift, x, scale)
        return y.relu_() if rectify else y

    @staticmethod
    def gradient_sums(gradient: Tensor, x: Tensor, scale: Tensor, shift: Tensor, rectify: bool) -> Tensor:
        passed = _TorchPasses._passed(gradient, x, scale, shift, rectify)
        return torch.stack((passed.sum(0, dtype=torch.float64), (passed * x).sum(0, dtype=torch.float64)))

    @staticmethod
    def gradient(
        gradient: Tensor, x: Tensor, scale: Tensor, shift: Tensor, slope: Tensor, offset: Tensor, rectify: bool
    ) -> Tensor:
        passed = _TorchPasses._passed(gradient, x, scale, shift, rectify)
        return torch.addcmul(offset, x, slope).addcmul_(passed, scale)

    @staticmethod
    def _passed(gradient: Tensor, x: Tensor, scale: Tensor, shift: Tensor, rectify: bool) -> Tensor:
        return torch.where(torch.addcmul(shift, x, scale) > 0, gradient, 0) if rectify else gradient


class _CPasses:
    """The same passes in C, for one number of channels."""

    def __init__(self, kernels: ctypes.CDLL, channels: int):
        self.kernels, self.channels = kernels, channels

    def sums(self, x: Tensor) -> Tensor:
        total = torch.empty(2, self.channels, dtype=torch.float64)
        self.kernels.undin_batch_norm_sums(ctypes.c_ssize_t(len(x)), address(x), address(total))
        return total

    def apply(self, x: Tensor, scale: Tensor, shift: Tensor, rectify: bool) -> Tensor:
        y = torch.empty_like(x)
        self._call("undin_batch_norm_apply", rectify, x, scale, shift, y)
        return y

    def gradient_sums(self, gradient: Tensor, x: Tensor, scale: Tensor, shift: Tensor, rectify: bool) -> Tensor:
        total = torch.empty(2, self.channels, dtype=torch.float64)
        self._call("undin_batch_norm_gradient_sums", rectify, gradient, x, scale, shift, total)
        return total

    def gradient(
        self, gradient: Tensor, x: Tensor, scale: Tensor, shift: Tensor, slope: Tensor, offset: Tensor, rectify: bool
    ) -> Tensor:
        x_gradient = torch.empty_like(x)
        self._call("undin_batch_norm_gradient", rectify, gradient, x, scale, shift, slope, offset, x_gradient)
        return x_gradient

    def _call(self, name: str, rectify: bool, *tensors: Tensor) -> None:
        rows = ctypes.c_ssize_t(len(tensors[0]))
        getattr(self.kernels, name)(rows, int(rectify), *map(address, tensors))
