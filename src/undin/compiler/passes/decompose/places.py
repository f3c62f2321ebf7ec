"""Operators that choose elements by place, as those that choose by one index: masks, one-hot rows, blocks."""

from math import prod

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.passes.decompose.builder import Builder


def one_hot(make: Builder, node: Node) -> Value:
    """Where each place of the new axis is the index; negative ones count from the end, others beyond it give none."""
    indices, depth, values = node.inputs[0], int(np.asarray(node.constant(1)).reshape(-1)[0]), node.inputs[2]
    rank = len(indices.shape) + 1
    axis = node.get("axis", -1) % rank
    whole = indices if indices.dtype == np.int64 else make("Cast", indices, to=7)
    whole = make("Where", make("Less", whole, 0), make("Add", whole, depth), whole)
    whole = make("Unsqueeze", whole, np.array([axis]))
    places = np.arange(depth).reshape([-1 if i == axis else 1 for i in range(rank)])
    off, on = (make.reshape(make.slice(values, 0, i, i + 1), ()) for i in range(2))
    return make("Where", make("Equal", whole, places), on, off)


def trilu(make: Builder, node: Node) -> Value:
    """A triangle, and 0 beside it."""
    x, k = node.inputs[0], node.constant(1)
    k = 0 if k is None else int(np.asarray(k).reshape(-1)[0])
    rows, columns = np.indices(x.shape[-2:], sparse=True)
    mask = columns - rows >= k if node.get("upper", 1) else columns - rows <= k
    return make("Where", mask, x, np.zeros((), x.dtype))


def space_to_depth(make: Builder, node: Node) -> Value:
    """Blocks of positions as channels, as reshape, transpose, reshape."""
    x, block = node.inputs[0], node.get("blocksize")
    batch, channels, height, width = x.shape
    split = make.reshape(x, (batch, channels, height // block, block, width // block, block))
    order = [0, 1, 3, 5, 2, 4] if node.get("mode") == "CRD" else [0, 3, 5, 1, 2, 4]
    return make.reshape(make("Transpose", split, perm=order), node.outputs[0].shape)


def gather_nd(make: Builder, node: Node) -> Value:
    """Gather of slices from the flattened leading axes, at the number that places have there."""
    x, indices, batch = node.inputs[0], node.inputs[1], node.get("batch_dims", 0)
    depth = indices.shape[-1]
    lengths = x.shape[batch : batch + depth]
    steps = np.array([prod(lengths[i + 1 :]) for i in range(depth)], np.int64)
    whole = indices if indices.dtype == np.int64 else make("Cast", indices, to=7)
    whole = make("Where", make("Less", whole, 0), make("Add", whole, np.array(lengths, np.int64)), whole)
    whole = make("Max", make("Min", whole, np.array(lengths, np.int64) - 1), 0)
    flat = make("ReduceSum", make("Mul", whole, steps), np.array([-1]), keepdims=0)
    if batch:
        starts = np.arange(prod(x.shape[:batch])).reshape(x.shape[:batch]) * prod(lengths)
        flat = make("Add", flat, starts.reshape(*starts.shape, *[1] * (len(indices.shape) - 1 - batch)))
    rows = make.reshape(x, (prod(x.shape[: batch + depth]), *x.shape[batch + depth :]))
    return make.reshape(make("Gather", rows, flat, axis=0), node.outputs[0].shape)


RULES = {"OneHot": one_hot, "Trilu": trilu, "SpaceToDepth": space_to_depth, "GatherND": gather_nd}
