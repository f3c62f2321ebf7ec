"""Products in integers, as calls of the kernels in ``c/kernels/undin_int8_matmul.h``.

They are those that ``passes/quantize`` has marked. What such a node reads is rounded into a buffer of its own first,
channels innermost, with room around it for the borders of windows: so a convolution has no edges. Weights become
integers in ``int8_weights``. Recurrent cells are in ``int8_cells``.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.ir.operators import Quantization
from undin.compiler.ir.program import Step, literal, merged_axes, nest
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import activation_fields, address, fields
from undin.compiler.lower.int8_fits import by_group, is_depthwise
from undin.compiler.lower.int8_weights import GROUP, WholeWeights, pack_groups, pack_row, round_weights, round_wide
from undin.compiler.lower.lowering import Lowering
from undin.compiler.lower.windows import Stretch, Window, area, windows


@dataclass(eq=False, kw_only=True)
class Rounding(Step):
    """A value in integers, which all nodes can read that ask for the same, and for no wider borders.

    Attributes
    ----------
    what : tuple
        The value, the axis that lies innermost, and the `Quantization`.
    borders : tuple of (int, int)
        Positions of zeros before and after each axis.
    """

    what: tuple[Value, int, Quantization]
    borders: tuple[tuple[int, int], ...]


def rounded(
    lowering: Lowering,
    value: Value,
    quantization: Quantization,
    *,
    unit_axis: int,
    borders: tuple[tuple[int, int], ...] = (),
) -> View:
    """A value in integers.

    Parameters
    ----------
    unit_axis : int
        The axis that lies innermost.
    borders : tuple of (int, int)
        Positions of zeros before and after each of the last axes.

    Returns
    -------
    View
        Of the value's shape, the borders beyond it.
    """
    rank = len(value.shape)
    borders = ((0, 0),) * (rank - len(borders)) + tuple(borders)
    what = value, unit_axis, quantization
    for step in lowering.steps:
        if isinstance(step, Rounding) and step.what == what and (np.array(step.borders) >= borders).all():
            return step.writes[0]
    x = lowering.dense(lowering.view(value), str(value), unit_axis=unit_axis)
    shape = tuple(length + sum(border) for length, border in zip(value.shape, borders, strict=True))
    order = (*(axis for axis in range(rank) if axis != unit_axis % rank), unit_axis % rank)
    kind = np.dtype(f"int{quantization.bits}")
    whole = lowering.scratch(shape, kind, f"{value.name} rounded", order=order)
    inner = whole
    for axis, (before, _) in enumerate(borders):
        inner = inner.slice(axis, before, before + value.shape[axis])
    zero, scaling = quantization.zero_point, _inverse_scales(lowering, value, quantization, unit_axis=unit_axis)

    def code() -> list[str]:
        lines = []
        if inner.shape != whole.shape:
            byte = f"{zero} + UNDIN_BYTE_OFFSET" if kind.itemsize == 1 else "0"
            size, before, after = kind.itemsize, inner.offset, whole.size - inner.offset - inner.size
            if len(merged_axes([inner])) <= 1:
                lines += [f"__builtin_memset(y0 - {before}, {byte}, {before * size});"] if before else []
                lines += [f"__builtin_memset(y0 + {inner.size}, {byte}, {after * size});"] if after else []
            else:
                lines.append(f"__builtin_memset(y0 - {before}, {byte}, {whole.size * size});")
        *loops, (rows, (y_row, x_row, *_)), (columns, _) = [(1, [0, 0]), *_axes([inner, x, *scaling])]
        sizes = {"rows": rows, "columns": columns, "x_row": x_row, "y_row": y_row} | _scale(quantization)
        variables = "ijklmn"[: len(loops)]
        y_at, x_at = (
            address(name, 0, [(v, loop[1][which]) for v, loop in zip(variables, loops, strict=True)])
            for name, which in (("y0", 0), ("x0", 1))
        )
        scales = "x1" if scaling else "0"
        kernel = "undin_quantize_bytes" if kind.itemsize == 1 else "undin_quantize_words"
        call = f"{kernel}({y_at}, {x_at}, {scales}, &(undin_quantize_shape){{{fields(sizes)}}});"
        return lines + nest([loop[0] for loop in loops], [call], variables=variables)

    reads = [x, *scaling]
    lowering.steps.append(Rounding("round", f"{value} in {kind}", [inner], reads, code, what=what, borders=borders))
    return inner


def _inverse_scales(lowering: Lowering, value: Value, quantization: Quantization, *, unit_axis: int) -> list[View]:
    """One divided by the scale of each channel, seen along the whole value; none where one scale is for all."""
    if len(quantization.scales) == 1:
        return []
    inverse = lowering.constant(1 / np.array(quantization.scales, np.float32), f"{value.name} scales")
    strides = [0] * len(value.shape)
    strides[unit_axis] = 1
    return [View(inverse.buffer, value.shape, tuple(strides))]


def _axes(views: list[View]) -> list[tuple[int, list[int]]]:
    """Axes to loop over, the unit axis, or what it was merged into, last."""
    axes = merged_axes(views)
    return axes if axes and set(axes[-1][1]) == {1} else [*axes, (1, [1] * len(views))]


def _scale(quantization: Quantization) -> dict[str, object]:
    sizes: dict[str, object] = {"zero_point": quantization.zero_point}
    if len(quantization.scales) == 1:
        inverse = np.float32(1) / np.float32(quantization.scales[0])
        sizes["inverse_scale"] = literal(inverse, np.dtype(np.float32))
    return sizes


def _rescaled(node: Node, weights: np.ndarray) -> np.ndarray:
    """Weights that meet what a node reads as integers."""
    scales = np.array(node.attributes["quantization"].scales, np.float32)
    if node.operator == "Conv" and len(scales) > 1:  # (out, in / group, kernel…)
        scales = scales.reshape(node.get("group", 1), -1)
        scales = scales.repeat(len(weights) // len(scales), axis=0)
        return weights * scales.reshape(*weights.shape[:2], *[1] * (weights.ndim - 2))
    return weights * scales.reshape(-1, *[1] * (weights.ndim - 1))


class _Columns:
    """Columns of weights of one product, rounded: constants of the program, and the arguments that name them."""

    def __init__(self, lowering: Lowering, node: Node, groups: list[WholeWeights], bias: np.ndarray | None):
        """Each group has one part (taps, depth, columns), and all are as large; `bias` (groups, columns)."""
        parts = np.stack([whole.parts[0] for whole in groups])
        self.depth, self.count = parts.shape[2:]
        self.is_wide, self.are_narrow = parts.itemsize > 1, all(whole.are_narrow for whole in groups)
        zeros = np.stack([np.zeros(self.count, np.int32) if whole.zeros is None else whole.zeros for whole in groups])
        sums = parts.sum((1, 2), np.int32) - (len(parts[0]) * zeros if is_depthwise(node) else 0)
        arrays = {
            "weights": pack_row(parts[:, :, 0]) if is_depthwise(node) else pack_groups(parts),
            "sums of weights": None if self.is_wide else pack_row(sums),
            "zeros": pack_row(zeros) if zeros.any() else None,
            "scales": pack_row(np.stack([whole.scale for whole in groups])),
            "bias": None if bias is None else pack_row(bias),
        }
        self.steps = [None if array is None else array[0].size for array in arrays.values()]
        self.views = [lowering.constant(a, f"{node.name} {name}") for name, a in arrays.items() if a is not None]

    def arguments(self, first: int, *, group: str = "") -> str:
        """Names of the operands of a step, the first of which is `first`, those of one group if there is a variable."""
        numbers = itertools.count(first)
        of_group = [f" + {group} * {step}" if group else "" for step in self.steps]
        weights, *others = [
            "0" if step is None else f"x{next(numbers)}{more}" for step, more in zip(self.steps, of_group, strict=True)
        ]
        return ", ".join([_as_bytes(weights, self.is_wide), *others])


def convolve(lowering: Lowering, node: Node) -> None:
    """Conv and ConvTranspose; of a depthwise one all channels are the columns of one group."""
    is_transposed, is_lanes = node.operator == "ConvTranspose", is_depthwise(node)
    bias = node.constant(2)
    weights = by_group(node, _rescaled(node, node.constant(1)))
    weights = weights.swapaxes(0, 2) if is_lanes else weights
    group, depth, columns = weights.shape[:3]
    bias = None if bias is None else np.broadcast_to(bias, group * columns).reshape(group, columns)
    rank = weights.ndim - 3
    found = windows(node, weights.shape[3:], is_transposed=is_transposed)
    runs = [_phases(window) if is_transposed else [_whole(window)] for window in found]
    borders = tuple(_border(axis_runs, window.length_in) for axis_runs, window in zip(runs, found, strict=True))
    x = rounded(lowering, node.inputs[0], node.attributes["quantization"], unit_axis=1, borders=borders)
    y = lowering.output(node.outputs[0], order=(0, *range(2, 2 + rank), 1), unit_axis=1)
    whole = np.moveaxis(weights, (0, 1, 2), (-3, -2, -1))  # (kernel…, group, in, out)
    is_wide = node.attributes["quantization"].bits > 8
    blocks, reads, first = [], [x], []
    side_by_side = [[run] for run in runs[-1]] if is_lanes else _side_by_side(runs[-1], y, columns)
    for outer, neighbours in itertools.product(itertools.product(*runs[:-1]), side_by_side):
        here = area((*outer, neighbours[0]), x, y)
        taps = [
            list(itertools.product(*([index for index, _ in run.taps] for run in (*outer, last))))
            for last in neighbours
        ]
        if not taps[0]:  # nothing meets these positions but the bias: one weight of 0, again and again
            here = replace(here, x_start=0, x_row=0, loops=[(count, 0, step) for count, _, step in here.loops])
        offsets, deep = _joined(here.offsets, depth) if taps[0] else ([0], 1)
        nothing = [np.zeros((group, 1, columns), np.float32)]
        rows = np.concatenate([np.concatenate([whole[tap] for tap in one] or nothing, axis=1) for one in taps], axis=-1)
        rows = rows.reshape(group, len(offsets), deep, -1)
        in_integers = [round_wide(one) if is_wide else round_weights(one, may_have_zeros=True) for one in rows]
        added = None if bias is None else np.tile(bias, len(neighbours))
        operands = _Columns(lowering, node, in_integers, added)
        blocks.append((here, offsets, operands))
        first.append(len(reads))
        reads += operands.views

    def code() -> list[str]:
        lines = []
        for (here, offsets, operands), start in zip(blocks, first, strict=True):
            variables, counts = "ijklmn"[: len(here.loops)], [loop[0] for loop in here.loops]
            y_at, x_at = (
                address(name, begin, [(v, loop[which]) for v, loop in zip(variables, here.loops, strict=True)])
                for name, begin, which in (("y0", here.y_start, 2), ("x0", here.x_start, 1))
            )
            if group > 1:
                y_at, x_at = f"{y_at} + g * {columns}", f"{x_at} + g * {depth}"
                counts, variables = [*counts, group], variables + "g"
            arguments = f"{y_at}, {_as_bytes(x_at, is_wide)}, {operands.arguments(start, group='g' * (group > 1))}"
            size = 2 if is_wide else 1
            sizes: dict[str, object] = {"rows": here.rows, "taps": len(offsets)}
            sizes |= {"tap_offset": f"{{{', '.join(str(offset * size) for offset in offsets)}}}", "y_row": here.y_row}
            if is_lanes:
                sizes |= {"channels": columns, "x_row": here.x_row}
                call = _call("undin_int8_depthwise", arguments, node, sizes)
            else:
                sizes |= {"columns": operands.count, "depth": operands.depth * size, "a_row": here.x_row * size}
                sizes |= {"narrow": int(operands.are_narrow), "wide": int(is_wide)}
                call = _call("undin_int8_matmul", arguments, node, sizes)
            lines += nest(counts, [call], variables=variables)
        return lines

    lowering.step(f"int8_{node.operator.lower()}", node, [y], reads, code)


def _as_bytes(pointer: str, is_wide: bool) -> str:
    """How a kernel takes a pointer to integers of 8 or of 16 bits."""
    return f"(const int8_t *)({pointer})" if is_wide else pointer


def _call(kernel: str, arguments: str, node: Node, sizes: dict[str, object]) -> str:
    sizes = sizes | {"zero_point": node.attributes["quantization"].zero_point} | activation_fields(node)
    return f"{kernel}({arguments}, &({kernel}_shape){{{fields(sizes)}}});"


def _whole(window: Window) -> Stretch:
    """All output positions of one axis of a convolution, which may read its borders."""
    taps = tuple((index, index * window.dilation) for index in range(window.kernel))
    return Stretch(0, 1, window.length_out, -window.pad, window.stride, taps)


def _phases(window: Window) -> list[Stretch]:
    """The same of a transposed convolution: output positions a stride apart see the same part of the kernel."""
    runs = []
    for phase in range(min(window.stride, window.length_out)):
        taps = []
        for index in reversed(range(window.kernel)):
            position, rest = divmod(phase + window.pad - index * window.dilation, window.stride)
            if not rest:
                taps.append((index, position))
        count = len(range(phase, window.length_out, window.stride))
        runs.append(Stretch(phase, window.stride, count, 0, 1, tuple(taps)))
    return runs


def _side_by_side(runs: list[Stretch], y: View, columns: int) -> list[list[Stretch]]:
    """Stretches of the last axis in groups that one product computes: they read the same, and write side by side."""
    groups: list[list[Stretch]] = []
    for run in runs:
        before = groups[-1][-1] if groups and y.strides[-1] == columns * y.strides[1] else None
        offsets = [offset for _, offset in run.taps]
        if before and before.count == run.count and [offset for _, offset in before.taps] == offsets:
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def _border(runs: list[Stretch], length: int) -> tuple[int, int]:
    """Positions before and after the input of one axis that runs read."""
    firsts = [run.in_start + offset for run in runs for _, offset in run.taps]
    lasts = [run.in_start + (run.count - 1) * run.in_step + offset for run in runs for _, offset in run.taps]
    return max(0, -min(firsts, default=0)), max(0, max(lasts, default=0) - (length - 1))


def _joined(offsets: list[int], depth: int) -> tuple[list[int], int]:
    """One tap in place of several that lie one after the other in memory, all of them as many, and its depth."""
    jumps = [i for i in range(1, len(offsets)) if offsets[i] != offsets[i - 1] + depth]
    run = jumps[0] if jumps else len(offsets)
    if len(offsets) % run or any(jump % run for jump in jumps):
        return offsets, depth
    return offsets[::run], depth * run


def matmul(lowering: Lowering, node: Node) -> None:
    """MatMul by a constant matrix, or by one for each channel."""
    if len(node.inputs[1].shape) == 3:
        band_mix(lowering, node)
        return
    weights, bias = node.constant(1), node.constant(2)
    x = rounded(lowering, node.inputs[0], node.attributes["quantization"], unit_axis=-1)
    y = lowering.output(node.outputs[0], unit_axis=-1)
    is_wide = node.attributes["quantization"].bits > 8
    rescaled = _rescaled(node, weights)[None]
    whole = round_wide(rescaled) if is_wide else round_weights(rescaled, may_have_zeros=True)
    operands = _Columns(lowering, node, [whole], None if bias is None else np.broadcast_to(bias, (1, weights.shape[1])))

    def code() -> list[str]:
        *loops, (count, (y_row, x_row)) = [(1, [0, 0]), *merged_axes([y.select(-1, 0), x.select(-1, 0)])]
        variables = "ijklmn"[: len(loops)]
        y_at, x_at = (
            address(name, 0, [(v, loop[1][which]) for v, loop in zip(variables, loops, strict=True)])
            for name, which in (("y0", 0), ("x0", 1))
        )
        size = 2 if is_wide else 1
        sizes = {"rows": count, "columns": operands.count, "depth": operands.depth * size, "taps": 1}
        sizes |= {"a_row": x_row * size, "y_row": y_row, "narrow": int(operands.are_narrow), "wide": int(is_wide)}
        arguments = f"{y_at}, {_as_bytes(x_at, is_wide)}, {operands.arguments(1)}"
        call = _call("undin_int8_matmul", arguments, node, sizes)
        return nest([loop[0] for loop in loops], [call], variables=variables)

    lowering.step("int8_matmul", node, [y], [x, *operands.views], code)


def band_mix(lowering: Lowering, node: Node) -> None:
    """MatMul (C, 1, K) by (C, K, N): in every channel, bands are mixed."""
    weights, bias = node.constant(1), node.constant(2)
    channels, depth, columns = weights.shape
    a = lowering.dense(lowering.view(node.inputs[0]), str(node.inputs[0]), unit_axis=0)
    y = lowering.output(node.outputs[0], order=(2, 1, 0), unit_axis=0)
    value, quantization = node.inputs[0], node.attributes["quantization"]
    groups = lowering.scratch((-(-depth // GROUP), channels, GROUP), np.int8, f"{value.name} rounded")
    scaling = _inverse_scales(lowering, value, quantization, unit_axis=0)
    sizes = {"rows": depth, "columns": channels, "x_row": a.strides[2]} | _scale(quantization)
    scales = "x1" if scaling else "0"
    line = f"undin_quantize_groups(y0, x0, {scales}, &(undin_quantize_shape){{{fields(sizes)}}});"
    lowering.steps.append(Step("round", f"{value} in int8", [groups], [a, *scaling], lambda: [line]))

    whole = round_weights(_rescaled(node, weights).transpose(2, 1, 0))  # (N, K, C)
    by_channel = whole.parts[0]
    packed = pack_groups(by_channel).transpose(1, 0, 2, 3)  # (groups, N, padded, 4)
    reads = [
        groups,
        lowering.constant(packed, f"{node.name} weights"),
        lowering.constant(pack_row(by_channel.sum(1, np.int32)), f"{node.name} sums of weights"),
        lowering.constant(pack_row(whole.scale), f"{node.name} scales"),
    ]
    sizes = {"rows": columns, "channels": channels, "depth": depth, "y_row": y.strides[2]}
    sizes["narrow"] = int(whole.are_narrow)
    if bias is not None:
        rows = pack_row(np.broadcast_to(bias, y.shape)[:, 0].transpose())
        reads.append(lowering.constant(rows, f"{node.name} bias"))
        sizes["bias_row"] = rows.shape[1]
    arguments = ", ".join(["y0", *(f"x{i}" for i in range(len(reads))), *["0"] * (5 - len(reads))])
    lowering.step("int8_band_mix", node, [y], reads, lambda: [_call("undin_int8_band_mix", arguments, node, sizes)])


OPERATORS = {"Conv": convolve, "ConvTranspose": convolve, "MatMul": matmul}
