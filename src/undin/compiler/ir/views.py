"""A tensor as a strided window into a buffer: reshaping, transposing, slicing and broadcasting move no data.

Strides and offsets count elements. Where a view cannot express an operation the functions say so by returning None,
and ``lower`` copies.
"""

from dataclasses import dataclass, replace
from math import prod

import numpy as np


@dataclass(eq=False)
class Buffer:
    """A block of memory of the step.

    Attributes
    ----------
    name : str
    size : int
        Elements.
    dtype : np.dtype
    kind : {"arena", "input", "output", "constant"}
    data : ndarray, optional
        The elements of a constant, flat.
    """

    name: str
    size: int
    dtype: np.dtype
    kind: str = "arena"
    data: np.ndarray | None = None


@dataclass(frozen=True)
class View:
    """Element ``(i, j, …)`` lies at ``offset + i·strides[0] + j·strides[1] + …`` of the buffer."""

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @classmethod
    def dense(cls, buffer: Buffer, shape: tuple[int, ...], *, order: tuple[int, ...] | None = None) -> "View":
        """The whole buffer; `order` lists the axes from the outermost to the innermost in memory."""
        strides, step = [0] * len(shape), 1
        for axis in reversed(order if order is not None else range(len(shape))):
            strides[axis] = step
            step *= shape[axis]
        return cls(buffer, tuple(shape), tuple(strides))

    @property
    def size(self) -> int:
        """Elements of the view, each counted as often as it is seen."""
        return prod(self.shape)

    @property
    def order(self) -> tuple[int, ...]:
        """Axes from the outermost to the innermost in memory; broadcast axes first."""
        return tuple(sorted(range(len(self.shape)), key=lambda axis: -abs(self.strides[axis]) or -np.inf))

    def transpose(self, permutation: tuple[int, ...]) -> "View":
        """Reorder the axes."""
        return replace(
            self,
            shape=tuple(self.shape[axis] for axis in permutation),
            strides=tuple(self.strides[axis] for axis in permutation),
        )

    def slice(self, axis: int, start: int, stop: int, step: int = 1) -> "View":
        """Keep ``range(start, stop, step)`` of one axis; indices lie inside it, the step may be negative."""
        axis %= len(self.shape)
        length = len(range(start, stop, step))
        shape, strides = list(self.shape), list(self.strides)
        shape[axis], strides[axis] = length, self.strides[axis] * step
        offset = self.offset + (start * self.strides[axis] if length else 0)
        return replace(self, shape=tuple(shape), strides=tuple(strides), offset=offset)

    def select(self, axis: int, index: int) -> "View":
        """Fix one axis and drop it."""
        return self.slice(axis, index, index + 1).squeeze((axis,))

    def squeeze(self, axes: tuple[int, ...]) -> "View":
        """Drop axes of length 1."""
        kept = [axis for axis in range(len(self.shape)) if axis not in axes]
        return self.transpose(tuple(kept))

    def expand(self, shape: tuple[int, ...]) -> "View":
        """Broadcast to a shape, as numpy does."""
        missing = len(shape) - len(self.shape)
        own_shape, own_strides = (1,) * missing + self.shape, (0,) * missing + self.strides
        strides = tuple(0 if length == 1 else stride for length, stride in zip(own_shape, own_strides, strict=True))
        return replace(self, shape=tuple(shape), strides=strides)

    def reshape(self, shape: tuple[int, ...]) -> "View | None":
        """See the elements in the same order under another shape; None where strides cannot express it."""
        if 0 in shape:
            return replace(self, shape=tuple(shape), strides=(0,) * len(shape))
        # Two axes join where the outer one steps over exactly the inner one.
        runs: list[list[int]] = []  # [length, stride]
        for length, stride in zip(self.shape, self.strides, strict=True):
            if length == 1:
                continue
            if runs and runs[-1][1] == stride * length:
                runs[-1] = [runs[-1][0] * length, stride]
            else:
                runs.append([length, stride])
        strides: list[int] = []
        for length in reversed(shape):
            if length == 1:
                strides.append(0)
                continue
            if not runs or runs[-1][0] % length:
                return None
            strides.append(runs[-1][1])
            runs[-1] = [runs[-1][0] // length, runs[-1][1] * length]
            if runs[-1][0] == 1:
                runs.pop()
        return replace(self, shape=tuple(shape), strides=tuple(reversed(strides)))

    def same_place(self, other: "View") -> bool:
        """Whether both see the same elements in the same order."""

        def steps(view: View) -> list[tuple[int, int]]:
            return [(length, stride) for length, stride in zip(view.shape, view.strides, strict=True) if length > 1]

        return self.buffer is other.buffer and self.offset == other.offset and steps(self) == steps(other)


def joined(views: list[View], axis: int) -> View | None:
    """The view that sees some views one after the other along an axis, if they lie so in memory."""
    first = views[0]
    steps = {view.strides[axis] for view in views if view.shape[axis] > 1}
    if len(views) > 1 and not steps and first.shape[axis] == 1:
        steps = {views[1].offset - first.offset}
    if len(steps) > 1 or any(view.buffer is not first.buffer or not view.shape[axis] for view in views):
        return None
    step, offset, length = next(iter(steps), 0), first.offset, 0
    for view in views:
        others = (
            own == other or own_length == 1
            for i, (own, other, own_length) in enumerate(zip(view.strides, first.strides, view.shape, strict=True))
            if i != axis
        )
        if view.offset != offset + length * step or not all(others):
            return None
        length += view.shape[axis]
    shape, strides = list(first.shape), list(first.strides)
    shape[axis], strides[axis] = length, step
    return replace(first, shape=tuple(shape), strides=tuple(strides))
