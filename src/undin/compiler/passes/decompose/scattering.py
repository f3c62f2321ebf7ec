"""Scattering to constant indices that fill a box, as an assignment to a slice does: pieces around the updates.

Concatenations can be computed in place, copies of everything with updates over them cannot.
"""

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.passes.decompose.builder import Builder


def scatter_nd(make: Builder, node: Node) -> Value | None:
    """Along each axis that the box does not fill, what lies before, the box, and what lies after."""
    data, indices, updates = node.inputs
    if indices.constant is None or node.get("reduction", "none") != "none":
        return None
    box = _box(indices.constant, data.shape)
    if box is None:
        return None
    return _replaced(make, data, make.reshape(updates, tuple(len(positions) for positions in box)), box, 0)


def scatter_elements(make: Builder, node: Node) -> Value:
    """ScatterElements to constant indices: ScatterND with the place of each element."""
    data, updates = node.inputs[0], node.inputs[2]
    indices = node.constant(1)
    axis = node.get("axis", 0) % len(data.shape)
    places = np.indices(indices.shape)
    places[axis] = indices % data.shape[axis]
    reduction = node.get("reduction", "none")
    return make("ScatterND", data, np.moveaxis(places, 0, -1), updates, reduction=reduction)


def _box(indices: np.ndarray, shape: tuple[int, ...]) -> list[range] | None:
    """The positions along each axis, if the indices name all of their combinations in order."""
    depth = indices.shape[-1]
    rows = indices.reshape(-1, depth) % np.array(shape[:depth], indices.dtype)
    if not len(rows):
        return None
    box = []
    for axis in range(depth):
        positions = list(dict.fromkeys(rows[:, axis].tolist()))
        step = positions[1] - positions[0] if len(positions) > 1 else 1
        if step != 1 or positions != list(range(positions[0], positions[-1] + 1)):
            return None
        box.append(range(positions[0], positions[-1] + 1))
    grid = np.stack(np.meshgrid(*box, indexing="ij"), axis=-1).reshape(-1, depth)
    if not np.array_equal(grid, rows):
        return None
    return [*box, *(range(length) for length in shape[depth:])]


def _replaced(make: Builder, data: Value, updates: Value, box: list[range], axis: int) -> Value:
    while axis < len(box) and len(box[axis]) == data.shape[axis]:
        axis += 1
    if axis == len(box):
        return updates
    start, stop, length = box[axis].start, box[axis].stop, data.shape[axis]
    inside = _replaced(make, make.slice(data, axis, start, stop), updates, box, axis + 1)
    pieces = [make.slice(data, axis, 0, start)] if start else []
    pieces.append(inside)
    pieces += [make.slice(data, axis, stop, length)] if stop < length else []
    return make("Concat", *pieces, axis=axis)


RULES = {"ScatterND": scatter_nd, "ScatterElements": scatter_elements}
