"""MaxPool and AveragePool: outputs that see the same part of the window are one loop, with a line for each position.

Which outputs those are is known at compile time, so that the loops have no conditions and run along the channels. Where
that would be too many lines, every position of the window joins the outputs that see it, one loop for each. A long
average along a single row is made of sums of 2, 4, 8 … neighbours.
"""

from collections.abc import Callable
from itertools import product
from math import prod

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import C_TYPES, element, literal, merged_axes, nest, place
from undin.compiler.ir.views import Buffer, View
from undin.compiler.lower.borders import within_zeros
from undin.compiler.lower.lowering import Lowering
from undin.compiler.lower.windows import Window, convolution, windows

MAX_LINES = 1024
"""Of the loops of one pool, one for each position of a window: more take long to compile."""

ENOUGH_TO_DOUBLE = 8
"""Positions of a window."""


def max_pool(lowering: Lowering, node: Node) -> None:
    """MaxPool, and on demand where each maximum was found."""
    x, value = lowering.view(node.inputs[0]), node.outputs[0]
    y = lowering.output(value, order=x.order)
    found = node.outputs[1] if len(node.outputs) > 1 else None
    targets = [y] if found is None else [y, lowering.output(found, order=x.order)]
    # Positions in the input as MaxPool counts them: a view of a tensor that is not there.
    rank = len(x.shape)
    order = (0, 1, *reversed(range(2, rank))) if node.get("storage_order") else tuple(range(rank))
    counted = View.dense(Buffer("positions", x.size, np.dtype(np.int64)), x.shape, order=order)

    def join(places: list[str], position: str) -> list[str]:
        old, new = places[0], places[-1]
        if found is None:
            return [f"{old} = {new} > {old} ? {new} : {old};"]
        return [f"if ({new} > {old}) {{", f"    {old} = {new};", f"    {places[1]} = {position};", "}"]

    lowest = -np.inf if value.dtype == np.float32 else np.iinfo(value.dtype).min
    fills = [literal(lowest, value.dtype), "0"]
    seen = windows(node, tuple(node.get("kernel_shape")))
    if found is None and _lines(seen) <= MAX_LINES:
        kind = C_TYPES[value.dtype.name]
        body = [f"{kind} pooled = {fills[0]};"], "pooled = {0} > pooled ? {0} : pooled;", "pooled"
        lowering.step("max_pool", node, targets, [x], lambda: _at_once(seen, y, x, *body))
        return

    def code() -> list[str]:
        lines = []
        for target, name, fill in zip(targets, ("y0", "y1"), fills, strict=False):
            axes = merged_axes([target])
            place_ = element(name, [steps[0] for _, steps in axes])
            lines += nest([length for length, _ in axes], [f"{place_} = {fill};"])
        return lines + _taps(node, targets, x, counted, join)

    lowering.step("max_pool", node, targets, [x], code)


def average_pool(lowering: Lowering, node: Node) -> None:
    """AveragePool, over the positions inside the input or, on demand, over padding too."""
    x = lowering.view(node.inputs[0])
    y = lowering.output(node.outputs[0], order=x.order)
    counts = np.ones((1,) * len(y.shape), np.float32)
    seen = windows(node, tuple(node.get("kernel_shape")))
    for axis, window in enumerate(seen, 2):
        counts = counts * _counts(window, node.get("count_include_pad", 0)).reshape(
            [-1 if other == axis else 1 for other in range(len(y.shape))]
        )
    counts = np.maximum(counts, 1)  # what sees nothing but padding is 0
    count = lowering.constant(counts, f"{node.name} counts").expand(y.shape)
    if _lines(seen) <= MAX_LINES:
        order = _side_by_side(x)
        x, seen = within_zeros(lowering, x, seen, str(node.inputs[0]), order=order)
        x = lowering.dense(x, str(node.inputs[0]), unit_axis=order[-1])
        sliding = max(seen, key=lambda window: window.kernel)
        is_a_row = (
            x.size == sliding.length_in and y.size == sliding.length_out == sliding.length_in - sliding.kernel + 1
        )
        is_plain = sliding.stride == sliding.dilation == 1
        if is_a_row and is_plain and ENOUGH_TO_DOUBLE <= sliding.kernel <= sliding.length_out:
            sums = lowering.scratch((x.size,), np.float32, f"{node.name} sums")
            lowering.step("average_pool", node, [y, sums], [x, count], lambda: _by_doubling(sliding, y, x, count))
            return
        body = ["float pooled = 0;"], "pooled += {0};", "pooled / {1}"
        lowering.step("average_pool", node, [y], [x, count], lambda: _at_once(seen, y, x, *body, count))
        return

    def code() -> list[str]:
        axes = merged_axes([y, count])
        lengths = [length for length, _ in axes]
        target, number = (element(name, [steps[i] for _, steps in axes]) for i, name in enumerate(("y0", "x1")))
        lines = nest(lengths, [f"{target} = 0;"])
        lines += _taps(node, [y], x, x, lambda places, _: [f"{places[0]} += {places[1]};"])
        return lines + nest(lengths, [f"{target} /= {number};"])

    lowering.step("average_pool", node, [y], [x, count], code)


def _counts(window: Window, with_padding: bool) -> np.ndarray:
    """Positions of the window that count, for each output."""
    first = np.arange(window.length_out)[:, None] * window.stride - window.pad
    positions = first + np.arange(window.kernel) * window.dilation
    before, after = (window.pad, window.pad_after) if with_padding else (0, 0)
    return ((positions >= -before) & (positions < window.length_in + after)).sum(axis=1).astype(np.float32)


def _lines(seen: list[Window]) -> int:
    """Lines of `_at_once`: positions of the window that lie in the input, for each part of the output."""
    return prod(sum(len(stretch.taps) for stretch in convolution(window)) for window in seen)


def _side_by_side(x: View) -> tuple[int, ...]:
    """Axes of an input whose neighbours are to lie side by side: each is read for every position of a window."""
    return tuple(sorted(x.order, key=lambda axis: x.shape[axis] > 1))  # what has no neighbours goes outside


def _at_once(
    seen: list[Window], y: View, x: View, begin: list[str], join: str, result: str, count: View | None = None
) -> list[str]:
    """A loop for the outputs that see the same part of the window; `join` takes in an element of the input."""
    lines = []
    for block in product(*(convolution(window) for window in seen)):
        views = [y, y if count is None else count]
        for axis, run in enumerate(block, 2):
            views = [view.slice(axis, run.out_start, run.out_start + run.count) for view in views]
        # An input of the shape of these outputs, at their first position of the window, which may lie before it.
        steps = [x.strides[axis] for axis in range(2)] + [
            run.in_step * x.strides[axis] for axis, run in enumerate(block, 2)
        ]
        start = sum(run.in_start * x.strides[axis] for axis, run in enumerate(block, 2))
        views.append(View(x.buffer, views[0].shape, tuple(steps)))
        axes = merged_axes(views)
        target, number, source = ([steps[i] for _, steps in axes] for i in range(3))
        body = list(begin)
        for tap in product(*(run.taps for run in block)):
            offset = sum(offset * x.strides[axis] for axis, (_, offset) in enumerate(tap, 2))
            body.append(join.format(element("x0", source, constant=start + offset)))
        at = element("x1", number, constant=views[1].offset - (y if count is None else count).offset)
        body.append(f"{element('y0', target, constant=views[0].offset - y.offset)} = {result.format('', at)};")
        loops = nest([length for length, _ in axes], body)
        lines += loops if axes else ["{", *(f"    {line}" for line in loops), "}"]
    return lines


def _by_doubling(window: Window, y: View, x: View, count: View) -> list[str]:
    """A window of n positions: the sums of 2^b neighbours, for each bit b of n that is set, one behind the other."""
    axis = x.shape.index(window.length_in)
    steps = [view.strides[axis] for view in (y, count, x)]
    y_at, count_at = element("y0", steps[:1]), element("x1", steps[1:2])
    lines, total, begun = [], "", 0
    for bit in range(window.kernel.bit_length()):
        width, (name, step) = 1 << bit, ("y1", 1) if bit else ("x0", steps[2])
        if window.kernel & width:
            total += f"{' + ' if total else ''}{element(name, [step], constant=begun * step)}"
            begun += width
            if bit and begun < window.kernel:  # since y1 goes on
                lines += nest([window.length_out], [f"{y_at} = {total};"])
                total = y_at
        if begun < window.kernel:
            pair = f"{element(name, [step])} + {element(name, [step], constant=width * step)}"
            lines += nest([window.length_in - 2 * width + 1], [f"{element('y1', [1])} = {pair};"])
    return lines + nest([window.length_out], [f"{y_at} = ({total}) / {count_at};"])


def _taps(
    node: Node, targets: list[View], x: View, counted: View, join: Callable[[list[str], str], list[str]]
) -> list[str]:
    """A loop for every position of the window, over the outputs that see the input there."""
    lines = []
    for tap in product(*(_seen(window) for window in windows(node, tuple(node.get("kernel_shape"))))):
        if any(not outputs for outputs, _ in tap):
            continue
        *parts, source, numbers = (*targets, x, counted)
        for axis, (outputs, inputs) in enumerate(tap, 2):
            parts = [part.slice(axis, outputs.start, outputs.stop) for part in parts]
            source, numbers = (view.slice(axis, inputs.start, inputs.stop, inputs.step) for view in (source, numbers))
        views = [*parts, source, numbers]
        axes = merged_axes(views)
        steps = [[axis[1][i] for axis in axes] for i in range(len(views))]
        starts = [part.offset - whole.offset for part, whole in zip(views, (*targets, x, counted), strict=True)]
        names = [*(f"y{i}" for i in range(len(parts))), "x0"]
        places = [element(name, steps[i], constant=starts[i]) for i, name in enumerate(names)]
        lines += nest([length for length, _ in axes], join(places, place(steps[-1], constant=starts[-1])))
    return lines


def _seen(window: Window) -> list[tuple[range, range]]:
    """For every position of a window along one axis: the outputs that see the input there, and what they see."""
    found = []
    for index in range(window.kernel):
        shift = index * window.dilation - window.pad
        start = max(0, -(shift // window.stride))
        stop = max(start, min((window.length_in - 1 - shift) // window.stride + 1, window.length_out))
        first, last = start * window.stride + shift, (stop - 1) * window.stride + shift
        found.append((range(start, stop), range(first, last + 1, window.stride)))
    return found


OPERATORS = {"MaxPool": max_pool, "AveragePool": average_pool}
