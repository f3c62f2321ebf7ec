"""Operators that read or write where indices say; constant indices must lie inside."""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes.reading import Shape, axis_in, hold, shape_of


def _hold_inside(node: Node, index: int, lengths: Shape) -> None:
    """Refuse constant indices outside of the axes that they count along; `lengths` broadcast against them."""
    indices = node.inputs[index].constant
    if indices is not None:
        indices = np.atleast_1d(indices)
        outside = indices[(indices < -np.asarray(lengths)) | (indices >= np.asarray(lengths))]
        hold(not outside.size, node, f"its index {outside[:1].tolist()} lies outside of it")


def gather(node: Node, opset: int) -> list[Shape]:
    """The axes of the indices take the place of one."""
    x, indices = shape_of(node, 0), shape_of(node, 1)
    axis = axis_in(node, node.get("axis", 0), len(x))
    hold(x[axis] > 0 or 0 in indices, node, f"nothing lies along axis {axis}")
    _hold_inside(node, 1, (x[axis],))
    return [(*x[:axis], *indices, *x[axis + 1 :])]


def gather_elements(node: Node, opset: int) -> list[Shape]:
    """An index for each element of the output, nowhere beyond the other axes."""
    x, indices = shape_of(node, 0), shape_of(node, 1)
    axis = axis_in(node, node.get("axis", 0), len(x))
    _hold_along(node, x, indices, axis)
    return [indices]


def scatter_elements(node: Node, opset: int) -> list[Shape]:
    """As large as the data."""
    x, indices = shape_of(node, 0), shape_of(node, 1)
    axis = axis_in(node, node.get("axis", 0), len(x))
    _hold_along(node, x, indices, axis)
    hold(shape_of(node, 2) == indices, node, "its updates are not as many as its indices")
    return [x]


def _hold_along(node: Node, x: Shape, indices: Shape, axis: int) -> None:
    fits = len(x) == len(indices) and all(
        i == axis or count <= length for i, (count, length) in enumerate(zip(indices, x, strict=True))
    )
    hold(fits, node, f"its indices {indices} reach beyond {x}")
    hold(x[axis] > 0 or 0 in indices, node, f"nothing lies along axis {axis}")
    _hold_inside(node, 1, (x[axis],))


def gather_nd(node: Node, opset: int) -> list[Shape]:
    """The last axis of the indices is a place."""
    x, indices, batch = shape_of(node, 0), shape_of(node, 1), node.get("batch_dims", 0)
    fits = 0 <= batch < min(len(x), len(indices)) and 1 <= indices[-1] <= len(x) - batch
    hold(fits, node, f"its indices {indices} are no places in {x}")
    hold(x[:batch] == indices[:batch], node, f"its {batch} leading axes differ")
    _hold_inside(node, 1, x[batch : batch + indices[-1]])
    return [(*indices[:-1], *x[batch + indices[-1] :])]


def scatter_nd(node: Node, opset: int) -> list[Shape]:
    """As large as the data."""
    x, indices = shape_of(node, 0), shape_of(node, 1)
    hold(bool(indices) and 1 <= indices[-1] <= len(x), node, f"its indices {indices} are no places in {x}")
    wanted = (*indices[:-1], *x[indices[-1] :])
    hold(shape_of(node, 2) == wanted, node, f"its updates must have the shape {wanted}")
    _hold_inside(node, 1, x[: indices[-1]])
    return [x]


RULES = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
}
