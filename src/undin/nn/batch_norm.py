"""Batch normalisation whose training statistics span all processes of a data-parallel run.

Two processes with half the batch each then compute what one process computes with the whole; torch's own synchronised
variant runs on GPUs alone. Outside training it is a fixed scale and shift, which `Normed` in `layers.py` folds away.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class BatchNorm(nn.BatchNorm2d):
    """Normalise each channel of ``(B, C, T, F)`` to mean 0 and variance 1 over all else, then scale and shift it."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(B, C, T, F)``."""
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
            )
        y, mean, variance, count = _NormaliseTogether.apply(x.permute(0, 2, 3, 1), self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return y.permute(0, 3, 1, 2)


class _NormaliseTogether(torch.autograd.Function):
    """Ioffe & Szegedy, "Batch normalization", ICML 2015, algorithm 1 and the gradients below it.

    Channels are innermost, so a frame ``(F, C)`` is seen as one long row: products by one number a channel then run
    over rows of F · C instead of C.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, eps: float):
        bands, channels = x.shape[2:]
        rows = x.reshape(-1, bands * channels)
        count = x.numel() // channels * dist.get_world_size()
        mean, mean_square = _sum_everywhere(rows.sum(0), rows.square().sum(0), channels=channels) / count
        variance = (mean_square - mean.square()).clamp_min(0)
        spread = torch.rsqrt(variance + eps)
        scale = weight * spread
        ctx.save_for_backward(rows, weight, mean, spread)
        ctx.count = count
        ctx.mark_non_differentiable(mean, variance)
        y = torch.addcmul((bias - mean * scale).repeat(bands), rows, scale.repeat(bands))
        return y.view(x.shape), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor, *_):
        rows, weight, mean, spread = ctx.saved_tensors
        channels = len(weight)
        bands = rows.shape[1] // channels
        shape, grad = grad.shape, grad.reshape(rows.shape)
        own = grad.sum(0), (grad * rows).sum(0)
        grad_bias, grad_product = _sum_here(*own, channels=channels)
        grad_weight = (grad_product - mean * grad_bias) * spread
        all_bias, all_product = _sum_everywhere(*own, channels=channels) / ctx.count
        all_weight = (all_product - mean * all_bias) * spread
        scale = weight * spread
        # dx = scale · (dy − mean(dy) − x̂ mean(dy x̂)), with x̂ = (x − mean) · spread, as one line in x and dy
        slope = -scale * spread * all_weight
        offset = -scale * all_bias - slope * mean
        grad_x = torch.addcmul(offset.repeat(bands), rows, slope.repeat(bands)).addcmul_(grad, scale.repeat(bands))
        return grad_x.view(shape), grad_weight, grad_bias, None


def _sum_here(*sums: Tensor, channels: int) -> Tensor:
    """Sum rows (F · C) over their bands; one row of the result a sum."""
    return torch.stack(sums).view(len(sums), -1, channels).sum(1)


def _sum_everywhere(*sums: Tensor, channels: int) -> Tensor:
    """The same over all processes."""
    total = _sum_here(*sums, channels=channels)
    dist.all_reduce(total)
    return total
