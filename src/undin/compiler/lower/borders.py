"""What lies around a tensor: constants beside its edges, and zeros where windows reach far beyond."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from undin.compiler.ir.program import Pointwise, literal
from undin.compiler.ir.views import View
from undin.compiler.lower.lowering import Lowering
from undin.compiler.lower.windows import Window, convolution

MAX_AREAS = 6
"""Parts of an output that see different parts of a kernel, for each axis that has any; each is a call of its own. With
more of them most are a row or two, which read all weights for little work: then zeros around a copy of the input are
cheaper, and less code."""


def fill_around(
    lowering: Lowering, target: View, before: Sequence[int], lengths: Sequence[int], fill: np.generic, comment: str
) -> None:
    """Fill a view beside its middle, which begins at `before` and has these lengths."""
    for axis in range(len(lengths)):
        inner = target  # axis by axis: over the middle of the axes behind
        for later in range(axis + 1, len(lengths)):
            inner = inner.slice(later, before[later], before[later] + lengths[later])
        end = before[axis] + lengths[axis]
        for start, stop in ((0, before[axis]), (end, target.shape[axis])):
            if start < stop:
                expression = literal(fill, target.buffer.dtype)
                border = inner.slice(axis, start, stop)
                lowering.steps.append(Pointwise("fill", comment, [border], [], expression=expression))


def within_zeros(
    lowering: Lowering, x: View, windows: list[Window], comment: str, *, order: tuple[int, ...] | None = None
) -> tuple[View, list[Window]]:
    """The input (B, C, …) of windows, and these as they lie in it: where they see many areas, with zeros in memory.

    Its axes are then in an order of memory, channels innermost if none is given.
    """
    parts = [len(convolution(window)) for window in windows]
    if prod(parts) <= max(1, MAX_AREAS * sum(part > 1 for part in parts)):
        return x, windows
    reaches = [
        (window.length_out - 1) * window.stride + (window.kernel - 1) * window.dilation + 1 for window in windows
    ]
    lengths = [max(window.pad + window.length_in, reach) for window, reach in zip(windows, reaches, strict=True)]
    rank, shape = len(x.shape), (*x.shape[:2], *lengths)
    whole = lowering.scratch(
        shape, x.buffer.dtype, f"{x.buffer.name} within zeros", order=order or (0, *range(2, rank), 1)
    )
    before = [0, 0, *(window.pad for window in windows)]
    middle = whole
    for axis in range(2, rank):
        middle = middle.slice(axis, before[axis], before[axis] + x.shape[axis])
    lowering.copy(x, middle, comment=comment)
    fill_around(lowering, whole, before, x.shape, x.buffer.dtype.type(0), comment)
    return whole, [
        replace(window, length_in=length, pad=0, pad_after=0) for window, length in zip(windows, lengths, strict=True)
    ]
