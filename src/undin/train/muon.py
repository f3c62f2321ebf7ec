"""Muon: momentum whose step for a matrix is made orthogonal, so that every direction of it learns at one pace.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with the scale of Liu et al., "Muon is
scalable for LLM training" (2025), by which a learning rate for AdamW suits it as well. torch has a Muon since version
2.9, for plain matrices; here it takes the kernels of convolutions and stacks of matrices too.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the odd polynomial that drives singular values towards one in few steps, not quite to it."""
STEPS = 5
UPDATE_RMS = 0.2
"""Root mean square of a step at a learning rate of one, about that of AdamW."""
MIN_NORM = 1e-7
TILE = 32
"""Matrices whose sides are the same multiples of it, rounded up, are one batch."""


class Muon(torch.optim.Optimizer):
    """An optimiser for matrices.

    Parameters
    ----------
    parameters : iterable of Parameter
        With two dimensions or more: kernels of convolutions count as matrices of their first dimension by all others,
        those with three dimensions as stacks of matrices.
    lr : float
        Learning rate.
    momentum : float
        Of Nesterov's kind.
    weight_decay : float
        Decoupled, as in AdamW.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Take a step against the gradients."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            gradients = [parameter.grad for parameter in parameters]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter]["momentum"] = torch.zeros_like(parameter)
            averages = [self.state[parameter]["momentum"] for parameter in parameters]
            torch._foreach_lerp_(averages, gradients, 1 - group["momentum"])
            ahead = torch._foreach_lerp(gradients, averages, group["momentum"])
            packing = _Packing.of(tuple(parameter.shape for parameter in parameters), parameters[0].device)
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(parameters, packing.updates(ahead), alpha=-group["lr"])


def orthogonal(matrices: Tensor) -> Tensor:
    """Return the nearest (semi-)orthogonal matrices ``(…, m, n)``, about: all singular values near one.

    Newton–Schulz iteration on the smaller side.
    """
    if matrices.shape[-2] > matrices.shape[-1]:
        return orthogonal(matrices.mT).mT
    a, b, c = COEFFICIENTS
    x = matrices.reshape(-1, *matrices.shape[-2:])
    x = x / (x.norm(dim=(1, 2), keepdim=True) + MIN_NORM)
    for _ in range(STEPS):
        square = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.view(matrices.shape)


class _Packing:
    """How matrices of many shapes lie in a few batches: each with zeros around it, which change no singular value.

    A step is thus some dozens of operators, however many parameters there are.
    """

    def __init__(self, shapes: Sequence[torch.Size], device: torch.device):
        self.shapes, self.sizes = shapes, [shape.numel() for shape in shapes]
        self.zero = torch.zeros(1, device=device)
        zero_at = sum(self.sizes)
        batches, scales = defaultdict(list), []
        for shape, elements in zip(shapes, torch.arange(zero_at).split(self.sizes), strict=True):
            matrices = elements.view(shape if len(shape) == 3 else (1, shape[0], -1))
            rows, columns = sorted(matrices.shape[1:])
            padded = torch.full((len(matrices), _padded(rows), _padded(columns)), zero_at)
            padded[:, :rows, :columns] = matrices if matrices.shape[1] == rows else matrices.mT
            batches[padded.shape[1:]].append(padded)
            scales.append(torch.full((len(elements),), UPDATE_RMS * columns**0.5))
        self.batches = [torch.cat(padded).to(device) for padded in batches.values()]
        self.scale = torch.cat(scales).to(device)
        self.back = torch.cat([batch.flatten() for batch in self.batches]).argsort()[:zero_at]

    @staticmethod
    @lru_cache
    def of(shapes: tuple[torch.Size, ...], device: torch.device) -> "_Packing":
        return _Packing(shapes, device)

    def updates(self, directions: Sequence[Tensor]) -> list[Tensor]:
        """Turn what shall be descended along, a tensor a parameter, into steps at a learning rate of one."""
        flat = torch.cat([*(direction.flatten() for direction in directions), self.zero])
        flat = torch.cat([orthogonal(flat[batch]).flatten() for batch in self.batches])[self.back] * self.scale
        return [part.view(shape) for part, shape in zip(flat.split(self.sizes), self.shapes, strict=True)]


def _padded(side: int) -> int:
    return -(-side // TILE) * TILE
