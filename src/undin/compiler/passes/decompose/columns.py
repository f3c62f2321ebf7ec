"""Convolutions as a matrix product of what each position of the window sees: for weights that no kernel can pack.

Those are integers, and weights that are computed at run time.
"""

from itertools import product
from math import prod

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.ir.sizes.windows import slides, transposed_slides
from undin.compiler.passes.decompose.builder import Builder


def convolution(make: Builder, node: Node) -> Value | None:
    """Conv whose weights are not constant."""
    x, w, bias = node.inputs[0], node.inputs[1], node.input(2)
    is_bias_known = bias is None or bias.constant is not None
    if w.constant is not None:
        if is_bias_known:
            return None
        attributes = {name: value for name, value in node.attributes.items() if value is not None}
        y = make("Conv", x, w, **attributes)
    else:
        y = convolve(make, node, x, w)
    return y if bias is None else make("Add", y, make.reshape(bias, (w.shape[0], *[1] * (len(w.shape) - 2))))


def convolve(make: Builder, node: Node, x: Value, w: Value) -> Value:
    """The convolution that a node describes, of other operands of the same shapes."""
    group, rank = node.get("group", 1), len(w.shape) - 2
    axes = slides(node, x.shape[2:], w.shape[2:])
    pads = [0, 0, *(slide.before for slide in axes), 0, 0, *(slide.after for slide in axes)]
    if any(pads):
        x = make("Pad", x, np.array(pads, np.int64), np.zeros((), x.dtype))
    batch, channels = x.shape[:2]
    counts = [slide.count for slide in axes]
    seen = []
    for tap in product(*(range(slide.kernel) for slide in axes)):
        starts = [at * slide.dilation for at, slide in zip(tap, axes, strict=True)]
        ends = [start + (slide.count - 1) * slide.stride + 1 for start, slide in zip(starts, axes, strict=True)]
        steps = [slide.stride for slide in axes]
        view = make("Slice", x, starts, ends, list(range(2, 2 + rank)), steps)
        seen.append(make.reshape(view, (batch, group, channels // group, 1, prod(counts))))
    columns = make("Concat", *seen, axis=3) if len(seen) > 1 else seen[0]
    depth = channels // group * len(seen)
    columns = make.reshape(columns, (batch, group, depth, prod(counts)))
    weights = make.reshape(w, (group, w.shape[0] // group, depth))
    return make.reshape(make("MatMul", weights, columns), (batch, w.shape[0], *counts))


def transposed(make: Builder, node: Node) -> Value | None:
    """ConvTranspose whose weights or bias are not constant: the sum of what each position of the window spreads."""
    x, w, bias = node.inputs[0], node.inputs[1], node.input(2)
    if w.constant is not None and (bias is None or bias.constant is not None):
        return None
    if w.constant is not None:
        y = make("ConvTranspose", x, w, **node.attributes)
    else:
        y = _spread(make, node, x, w)
    return y if bias is None else make("Add", y, make.reshape(bias, (bias.size, *[1] * (len(w.shape) - 2))))


def _spread(make: Builder, node: Node, x: Value, w: Value) -> Value:
    group, (channels, columns, *kernel) = node.get("group", 1), w.shape
    batch, lengths = x.shape[0], x.shape[2:]
    axes = transposed_slides(node, lengths, tuple(kernel))
    rows = make.reshape(x, (batch, group, channels // group, prod(lengths)))
    pieces = []
    for tap in product(*map(range, kernel)):
        view = make.reshape(make("Slice", w, tap, [at + 1 for at in tap], list(range(2, len(w.shape)))), w.shape[:2])
        weights = make("Transpose", make.reshape(view, (group, channels // group, columns)), perm=[0, 2, 1])
        y = make.reshape(make("MatMul", weights, rows), (batch, group * columns, *lengths))
        for axis, (at, length, slide) in enumerate(zip(tap, lengths, axes, strict=True), 2):
            # Zeros between the positions, and around them up to where the output begins and ends.
            if slide.stride > 1:
                shape = y.shape
                wide = make("Unsqueeze", y, np.array([axis + 1]))
                wide = make("Pad", wide, _pads(len(shape) + 1, axis + 1, 0, slide.stride - 1))
                y = make.reshape(wide, (*shape[:axis], length * slide.stride, *shape[axis + 1 :]))
            start = at * slide.dilation - slide.before
            first, last = max(0, -start), min(y.shape[axis], slide.count - start)
            if first >= last:
                break
            y = make.slice(y, axis, first, last)
            y = make("Pad", y, _pads(len(w.shape), axis, start + first, slide.count - start - last))
        else:
            pieces.append(y)
    if not pieces:
        return make.value(np.zeros(node.outputs[0].shape, np.float32))
    return make("Sum", *pieces) if len(pieces) > 1 else pieces[0]


def _pads(rank: int, axis: int, before: int, after: int) -> np.ndarray:
    pads = np.zeros((2, rank), np.int64)
    pads[:, axis] = before, after
    return pads.reshape(-1)


RULES = {"Conv": convolution, "ConvTranspose": transposed}
