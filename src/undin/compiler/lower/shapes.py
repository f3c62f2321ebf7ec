"""Operators that move or rename elements: views where strides can say it, one copy where they cannot."""

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported
from undin.compiler.ir.operators import RESHAPES, permutation
from undin.compiler.ir.sizes.moving import positions
from undin.compiler.ir.views import View, joined
from undin.compiler.lower.borders import fill_around
from undin.compiler.lower.lowering import Lowering


def reshape(lowering: Lowering, node: Node) -> None:
    """One of the `RESHAPES`: a view if strides can express it."""
    source, value = lowering.view(node.inputs[0]), node.outputs[0]
    view = source.reshape(value.shape)
    if view is None:
        dense = lowering.output(value, order=lowering.wanted_order(value))
        # The elements in their order, written as the output's memory or, where that cannot be, as a dense copy.
        target = dense.reshape(source.shape)
        if target is None:
            target = lowering.scratch(source.shape, value.dtype, value.name)
            view = target.reshape(value.shape)
        lowering.copy(source, target, comment=str(value))
    if view is not None:
        lowering.views[value] = view


def transpose(lowering: Lowering, node: Node) -> None:
    """Transpose: always a view."""
    lowering.views[node.outputs[0]] = lowering.view(node.inputs[0]).transpose(permutation(node))


def expand(lowering: Lowering, node: Node) -> None:
    """Expand: a view that repeats elements."""
    lowering.views[node.outputs[0]] = lowering.view(node.inputs[0]).expand(node.outputs[0].shape)


def slice_(lowering: Lowering, node: Node) -> None:
    """Slice, with steps of either sign: a view."""
    view = lowering.view(node.inputs[0])
    starts, ends = (np.atleast_1d(node.constant(i, name)) for i, name in ((1, "starts"), (2, "ends")))
    axes = node.constant(3, "axes")
    axes = range(len(starts)) if axes is None else np.atleast_1d(axes)
    steps = node.constant(4)
    steps = np.ones(len(starts), int) if steps is None else np.atleast_1d(steps)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = int(axis) % len(view.shape)
        kept = positions(int(start), int(end), int(step), view.shape[axis])
        view = view.slice(axis, kept.start, kept.stop, kept.step)
    lowering.views[node.outputs[0]] = view


def concat(lowering: Lowering, node: Node) -> None:
    """Concat: a view where the inputs already lie side by side; those that could not be computed so are copied."""
    axis = node.get("axis") % len(node.outputs[0].shape)
    whole = joined([lowering.view(value) for value in node.inputs if value.shape[axis]], axis)
    if whole is not None:
        lowering.views[node.outputs[0]] = whole
        return
    for value, place in zip(node.inputs, lowering.concatenation(node), strict=True):
        lowering.copy(lowering.view(value), place, comment=f"{value} into {node.outputs[0]}")
    lowering.views[node.outputs[0]] = lowering.places[node.outputs[0]]


def pad(lowering: Lowering, node: Node) -> None:
    """Pad: the input in the middle, and around it a constant, or what the mode reflects, repeats or wraps."""
    value, source = node.outputs[0], lowering.view(node.inputs[0])
    pads = [int(width) for width in node.constant(1, "pads")]
    axes = node.constant(3)
    rank = len(source.shape)
    axes = list(range(rank)) if axes is None else [int(axis) % rank for axis in axes]
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = pads[i], pads[i + len(axes)]
    for axis in range(rank):  # negative widths cut off
        source = source.slice(axis, max(0, -before[axis]), source.shape[axis] - max(0, -after[axis]))
    before, after = ([max(0, width) for width in widths] for widths in (before, after))
    target = lowering.output(value, order=source.order if source.size > 1 else None)
    mode = node.get("mode", "constant")
    middle = target
    for axis in range(rank):
        middle = middle.slice(axis, before[axis], before[axis] + source.shape[axis])
    lowering.copy(source, middle, comment=str(value))
    fill = node.constant(2, "value", 0)
    fill = np.asarray(0 if fill is None else fill, value.dtype).reshape(-1)[0]
    if mode == "constant":
        fill_around(lowering, target, before, source.shape, fill, str(value))
        return
    # Axis by axis: what lies beside the filled part of this axis, over the filled parts of the axes before it.
    for axis in range(rank):
        inner = target
        for later in range(axis + 1, rank):
            inner = inner.slice(later, before[later], before[later] + source.shape[later])
        length = source.shape[axis]
        filled = inner.slice(axis, before[axis], before[axis] + length)
        for start, width in ((0, before[axis]), (before[axis] + length, after[axis])):
            border = inner.slice(axis, start, start + width)
            for i, index in enumerate(BORDERS[mode](np.arange(start, start + width) - before[axis], length)):
                lowering.copy(
                    filled.slice(axis, int(index), int(index) + 1), border.slice(axis, i, i + 1), comment=str(value)
                )


BORDERS = {
    "edge": lambda positions, length: np.clip(positions, 0, length - 1),
    "wrap": lambda positions, length: positions % length,
    "reflect": lambda positions, length: length - 1 - abs(positions % max(1, 2 * length - 2) - (length - 1)),
}
"""Where the elements beside an axis come from."""


def tile(lowering: Lowering, node: Node) -> None:
    """Tile: every repetition is a copy."""
    source, value = lowering.view(node.inputs[0]), node.outputs[0]
    repeats = [int(count) for count in node.constant(1)]
    target = lowering.output(value)
    # (r0·n0, r1·n1, …) seen as (r0, n0, r1, n1, …)
    shape = tuple(length for pair in zip(repeats, source.shape, strict=True) for length in pair)
    strides = tuple(
        stride for length, step in zip(source.shape, target.strides, strict=True) for stride in (length * step, step)
    )
    wide = View(target.buffer, shape, strides, target.offset)
    thin = View(source.buffer, shape, tuple(s for stride in source.strides for s in (0, stride)), source.offset)
    lowering.copy(thin, wide, comment=str(value))


def depth_to_space(lowering: Lowering, node: Node) -> None:
    """DepthToSpace, both modes, as reshape, transpose, reshape."""
    source, value, block = lowering.view(node.inputs[0]), node.outputs[0], node.get("blocksize")
    batch, channels, height, width = source.shape
    mode = node.get("mode", "DCR")
    depth = channels // block**2
    split_shape = (batch, block, block, depth) if mode == "DCR" else (batch, depth, block, block)
    split_view = source.reshape((*split_shape, height, width))
    if split_view is None:
        raise Unsupported(node, "its channels do not lie evenly in memory")
    order = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    view = split_view.transpose(order)
    reshaped = view.reshape(value.shape)
    if reshaped is None:
        target = lowering.output(value, order=lowering.wanted_order(value))
        rows = value.shape[2]
        blocks = target.slice(2, 0, rows).reshape((batch, depth, height, block, width, block))
        if blocks is None:
            target = lowering.scratch(value.shape, value.dtype, value.name)
            blocks = target.reshape((batch, depth, height, block, width, block))
        lowering.copy(view, blocks, comment=str(value))
        reshaped = target
    lowering.views[value] = reshaped


OPERATORS = {
    **dict.fromkeys(RESHAPES, reshape),
    "Transpose": transpose,
    "Expand": expand,
    "Slice": slice_,
    "Concat": concat,
    "Pad": pad,
    "Tile": tile,
    "DepthToSpace": depth_to_space,
}
