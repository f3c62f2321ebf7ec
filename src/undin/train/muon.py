"""Muon: momentum whose step for a matrix is made orthogonal, so that every direction of it learns at one pace.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with the scale of Liu et al., "Muon is
scalable for LLM training" (2025), by which a learning rate for AdamW suits it as well. torch has a Muon since version
2.9, for plain matrices; here it takes the kernels of convolutions and stacks of matrices too.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the odd polynomial that drives singular values towards one in few steps, not quite to it."""
STEPS = 5
UPDATE_RMS = 0.2
"""Root mean square of a step at a learning rate of one, about that of AdamW."""
MIN_NORM = 1e-7


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
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                average = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(average, group["momentum"])
                matrices = ahead if ahead.ndim == 3 else ahead.flatten(1)
                scale = UPDATE_RMS * max(matrices.shape[-2:]) ** 0.5
                update = orthogonal(matrices).view(parameter.shape)
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)


def orthogonal(matrices: Tensor) -> Tensor:
    """Return the nearest (semi-)orthogonal matrices ``(…, m, n)``, about: all singular values near one.

    Newton–Schulz iteration on the smaller side.
    """
    if matrices.shape[-2] > matrices.shape[-1]:
        return orthogonal(matrices.mT).mT
    a, b, c = COEFFICIENTS
    matrices = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + MIN_NORM)
    for _ in range(STEPS):
        square = matrices @ matrices.mT
        matrices = a * matrices + (b * square + c * square @ square) @ matrices
    return matrices
