"""Reductions, and what ranks the elements along an axis."""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes.reading import Shape, axes_in, axis_in, hold, integers, shape_of


def reduced_axes(node: Node) -> list[int]:
    """The axes that a reduction sums over; none mean all of them, unless the node says that they mean none."""
    rank = len(node.inputs[0].shape)
    axes = integers(node, 1, "axes")
    if not axes:
        return [] if node.get("noop_with_empty_axes") else list(range(rank))
    return axes_in(node, axes, rank)


def reduce(node: Node, opset: int) -> list[Shape]:
    """Without the axes, or with length 1 there."""
    x, axes = shape_of(node, 0), reduced_axes(node)
    if node.get("keepdims", 1):
        return [tuple(1 if axis in axes else length for axis, length in enumerate(x))]
    return [tuple(length for axis, length in enumerate(x) if axis not in axes)]


def arg(node: Node, opset: int) -> list[Shape]:
    """ArgMax and ArgMin, of one axis."""
    x = shape_of(node, 0)
    axis = axis_in(node, node.get("axis", 0), len(x))
    hold(x[axis] > 0, node, f"nothing lies along axis {axis}")
    return [(*x[:axis], *([1] if node.get("keepdims", 1) else []), *x[axis + 1 :])]


def top_k(node: Node, opset: int) -> list[Shape]:
    """The k largest or smallest, and where they are."""
    x = shape_of(node, 0)
    axis = axis_in(node, node.get("axis", -1), len(x))
    k = int(np.asarray(node.constant(1, "k")).reshape(-1)[0])
    hold(0 <= k <= x[axis], node, f"axis {axis} has no {k} elements")
    return [(*x[:axis], k, *x[axis + 1 :])] * 2


REDUCTIONS = "Sum Mean Max Min Prod L1 L2 LogSum LogSumExp SumSquare".split()

RULES = {
    **{f"Reduce{kind}": reduce for kind in REDUCTIONS},
    "ArgMax": arg,
    "ArgMin": arg,
    "TopK": top_k,
}
