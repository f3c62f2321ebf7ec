"""What a run minimises: the losses that its recipe names, and their sum by the recipe's weights."""

from collections.abc import Sequence

import torch
from torch import Tensor

from undin.train.losses import LOSSES, Signals
from undin.train.recipe import Loss


class Objective:
    """The losses of a recipe.

    Parameters
    ----------
    losses : sequence of Loss
        Their names, weights and options.
    """

    def __init__(self, losses: Sequence[Loss]):
        self._losses = tuple(losses)

    def each(self, signals: Signals) -> Tensor:
        """Return the losses ``(L,)`` by themselves, as means over the batch."""
        return torch.stack([LOSSES[loss.name](signals, **loss.options) for loss in self._losses]).mean(1)

    def total(self, values: Tensor) -> Tensor:
        """Add up the losses ``(L,)`` that `each` returned, by their weights."""
        return values @ values.new_tensor([loss.weight for loss in self._losses])
