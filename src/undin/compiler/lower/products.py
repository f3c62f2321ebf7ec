"""Matrix products and convolutions, all as calls of one kernel, `undin_matmul` in ``c/undin_matmul.h``.

Channels lie innermost, so the window of a convolution over frequency is contiguous and its rows overlap. Weights are
packed at compile time: rows in the order in which a window is read, columns padded to a multiple of 4.
"""

from itertools import product

import numpy as np

from undin.compiler.graph import Node, Unsupported
from undin.compiler.lower import upsampling
from undin.compiler.lower.lowering import Lowering
from undin.compiler.lower.windows import Run, convolution, transposed, windows
from undin.compiler.program import literal, nest
from undin.compiler.views import View

ACTIVATIONS = {
    None: "UNDIN_IDENTITY",
    "Relu": "UNDIN_RELU",
    "LeakyRelu": "UNDIN_LEAKY_RELU",
    "Sigmoid": "UNDIN_SIGMOID",
    "Tanh": "UNDIN_TANH",
}
"""What ``rewrite`` may have put into the attribute ``activation`` of a product."""

MOST_TAPS = 16


def padded(columns: int) -> int:
    """Columns of packed weights."""
    return -(-columns // 4) * 4


def pack(weights: np.ndarray) -> np.ndarray:
    """Pad the last axis to a multiple of 4 with zeros."""
    missing = padded(weights.shape[-1]) - weights.shape[-1]
    return np.pad(weights.astype(np.float32), [(0, 0)] * (weights.ndim - 1) + [(0, missing)])


def call(y: str, a: str, w: str, bias: str, node: Node, **sizes) -> str:
    """One call of the kernel; `sizes` are the fields of its shape."""
    sizes["activation"] = ACTIVATIONS[node.get("activation")]
    if node.get("activation") == "LeakyRelu":
        sizes["alpha"] = literal(node.get("activation_alpha", 0.01), np.dtype(np.float32))
    fields = ", ".join(f".{name} = {value}" for name, value in sizes.items())
    return f"undin_matmul({y}, {a}, {w}, {bias}, 0, 0, &(undin_matmul_shape){{{fields}}});"


def convolve(lowering: Lowering, node: Node) -> None:
    """Conv and ConvTranspose of any number of spatial axes."""
    x, y = lowering.view(node.inputs[0]), node.outputs[0]
    weights, bias = node.constant(1), node.constant(2)
    is_transposed = node.operator == "ConvTranspose"
    group = node.get("group", 1)
    kernel = weights.shape[2:]
    rank = len(kernel)
    if is_transposed:  # (in, out / group, kernel…) → (group, out / group, in / group, kernel…)
        weights = weights.reshape(group, -1, *weights.shape[1:]).swapaxes(1, 2)
    else:
        weights = weights.reshape(group, -1, *weights.shape[1:])
    _, columns, depth, *_ = weights.shape
    bias = np.zeros(group * columns, np.float32) if bias is None else bias
    runs = [
        transposed(window) if is_transposed else convolution(window)
        for window in windows(node, kernel, is_transposed=is_transposed)
    ]

    order = (0, *range(2, 2 + rank), 1)
    target = lowering.output(y, order=order, unit_axis=1)
    x = lowering.dense(x, str(node.inputs[0]), unit_axis=1) if depth > 1 else x
    if is_transposed and upsampling.fits(node, target):
        upsampling.upsample(lowering, node, x, target, node.constant(1), bias, call, pack)
        return
    packed_bias = lowering.constant(pack(bias.reshape(group, columns)), f"{node.name} bias")
    packs: list[View] = []
    places: dict[tuple, int] = {}
    blocks: list[tuple[tuple[Run, ...], int]] = []
    for block in product(*runs):
        taps = tuple(product(*([index for index, _ in run.taps] for run in block)))
        if taps not in places:
            places[taps] = len(packs)
            rows = [weights[:, :, :, *tap].swapaxes(1, 2) for tap in taps]
            rows = np.concatenate(rows, axis=1) if rows else np.zeros((group, 1, columns), np.float32)
            packs.append(lowering.constant(pack(rows), f"{node.name} weights"))
        blocks.append((block, places[taps]))

    def code() -> list[str]:
        lines = []
        for block, place in blocks:
            lines += _block(node, block, x, target, packs[place], depth, columns, group, weights=f"x{2 + place}")
        return lines

    lowering.step(node.operator.lower(), node, [target], [x, packed_bias, *packs], code)


def _block(
    node: Node,
    block: tuple[Run, ...],
    x: View,
    y: View,
    packed: View,
    depth: int,
    columns: int,
    group: int,
    *,
    weights: str,
) -> list[str]:
    """Calls for the output positions of one run on each axis: rows along the longest, loops over the others."""
    rank = len(block)
    row_axis = max(range(rank), key=lambda axis: (block[axis].count, axis))
    x_steps, y_steps = x.strides[2:], y.strides[2:]
    offsets = [
        sum(offset * step for (_, offset), step in zip(taps, x_steps, strict=True))
        for taps in product(*(run.taps for run in block))
    ]
    channel = x.strides[1] if depth > 1 else 1
    offsets, tap_depth = _joined(offsets, depth, channel if group == 1 else 0)
    x_start = sum(run.in_start * step for run, step in zip(block, x_steps, strict=True))
    y_start = sum(run.out_start * step for run, step in zip(block, y_steps, strict=True))
    if not offsets:
        offsets, tap_depth = [0], 1
        x_start = 0  # its weight is 0, and it must lie inside the input
    x_start, offsets = x_start + offsets[0], [offset - offsets[0] for offset in offsets]
    others = [axis for axis in range(rank) if axis != row_axis and block[axis].count > 1]
    loops = [(x.shape[0], x.strides[0], y.strides[0])] if x.shape[0] > 1 else []
    loops += [
        (block[axis].count, block[axis].in_step * x_steps[axis], block[axis].out_step * y_steps[axis])
        for axis in others
    ]
    variables = "ijklmn"[: len(loops)]
    a = _sum("x0", x_start, [(v, step) for v, (_, step, _) in zip(variables, loops, strict=True)])
    y_at = _sum("y0", y_start, [(v, step) for v, (_, _, step) in zip(variables, loops, strict=True)])
    w, bias = weights, "x1"
    counts = [length for length, _, _ in loops]
    if group > 1:
        rows = packed.shape[1]
        a, y_at = f"{a} + g * {depth * x.strides[1]}", f"{y_at} + g * {columns * y.strides[1]}"
        w, bias = f"{w} + g * {rows * padded(columns)}", f"{bias} + g * {padded(columns)}"
        counts, variables = [*counts, group], variables + "g"
    row = block[row_axis]
    lines = []
    for first in range(0, len(offsets), MOST_TAPS):
        if first:
            raise Unsupported(node, f"a kernel of {len(offsets)} separate taps, more than {MOST_TAPS}")
        lines.append(
            call(
                y_at,
                a,
                w,
                bias,
                node,
                rows=row.count,
                columns=columns,
                depth=tap_depth,
                taps=len(offsets),
                tap_offset="{" + ", ".join(map(str, offsets)) + "}",
                a_row=row.in_step * x_steps[row_axis],
                a_step=channel,
                w_row=padded(columns),
                y_row=row.out_step * y_steps[row_axis],
                padded=1,
            )
        )
    return nest(counts, lines, variables=variables)


def _joined(offsets: list[int], depth: int, channel: int) -> tuple[list[int], int]:
    """Join taps that lie one after the other in memory into fewer, deeper ones, all of one depth."""
    if not offsets or not channel:
        return offsets, depth
    for count in range(len(offsets), 1, -1):
        if len(offsets) % count:
            continue
        starts = offsets[::count]
        if all(
            offset == start + i * depth * channel
            for j, start in enumerate(starts)
            for i, offset in enumerate(offsets[j * count : (j + 1) * count])
        ):
            return starts, depth * count
    return offsets, depth


def _sum(pointer: str, constant: int, terms: list[tuple[str, int]]) -> str:
    parts = [pointer, *([str(constant)] if constant else []), *(f"{name} * {step}" for name, step in terms if step)]
    return " + ".join(parts).replace("+ -", "- ")


def matmul(lowering: Lowering, node: Node) -> None:
    """MatMul of operands with two axes or more, and the bias that ``rewrite`` may have added.

    One operand is read by vectors: packed constants, or whichever has its free axis contiguous. The other is read
    element by element with any strides.
    """
    a_value, b_value, y = node.inputs[0], node.inputs[1], node.outputs[0]
    a, b = lowering.view(a_value), lowering.view(b_value)
    batch = y.shape[:-2]
    (rows, depth), columns = a.shape[-2:], b.shape[-1]
    a, b = a.expand((*batch, rows, depth)), b.expand((*batch, depth, columns))
    bias = node.constant(2)

    swapped = _better_swapped(a_value, b_value, a, b, bias)
    if swapped:  # yᵀ = bᵀ aᵀ
        flip = (*range(len(batch)), len(batch) + 1, len(batch))
        a, b = b.transpose(flip), a.transpose(flip)
        a_value, b_value = b_value, a_value
        rows, columns = columns, rows
    order = (*range(len(batch)), len(batch) + 1, len(batch)) if swapped else None
    target = lowering.output(y, order=order, unit_axis=-2 if swapped else -1)
    out = target.transpose((*range(len(batch)), len(batch) + 1, len(batch))) if swapped else target

    if b_value.constant is not None and not swapped:
        packed = lowering.constant(pack(b_value.constant), f"{b_value.name} packed")
        packed = packed.expand((*batch, depth, padded(columns)))
        w = packed.slice(-1, 0, columns)
        is_padded = 1
    else:
        w, is_padded = lowering.dense(b, str(b_value), unit_axis=-1), 0
    reads = [a, w]
    if bias is not None:
        reads.append(lowering.constant(pack(np.broadcast_to(bias.reshape(-1), (columns,))), f"{node.name} bias"))

    # Leading axes join the rows where all strides allow it.
    loops, row_count, row_steps = [], rows, (a.strides[-2], out.strides[-2])
    for axis in reversed(range(len(batch))):
        steps = a.strides[axis], w.strides[axis], out.strides[axis]
        length = batch[axis]
        if length == 1:
            continue
        if (
            not loops
            and steps[1] == 0
            and (row_count == 1 or (steps[0], steps[2]) == tuple(row_count * s for s in row_steps))
        ):
            row_steps = (steps[0], steps[2]) if row_count == 1 else row_steps
            row_count *= length
        else:
            loops.insert(0, (length, *steps))

    def code() -> list[str]:
        variables = "ijklmn"[: len(loops)]
        at = [
            _sum(name, 0, [(v, loop[1 + i]) for v, loop in zip(variables, loops, strict=True)])
            for i, name in enumerate(("x0", "x1", "y0"))
        ]
        line = call(
            at[2],
            at[0],
            at[1],
            "x2" if bias is not None else "0",
            node,
            rows=row_count,
            columns=columns,
            depth=depth,
            taps=1,
            a_row=row_steps[0],
            a_step=a.strides[-1],
            w_row=w.strides[-2] or columns,
            y_row=row_steps[1],
            padded=is_padded if bias is None or is_padded else 0,
        )
        return nest([loop[0] for loop in loops], [line], variables=variables)

    lowering.step("matmul", node, [out], reads, code)


def _better_swapped(a_value, b_value, a: View, b: View, bias) -> bool:
    """Whether to compute the transposed product, which reads `a` by vectors."""
    if bias is not None:
        return False
    a_ready, b_ready = a.strides[-2] == 1 and a.shape[-2] > 1, b.strides[-1] == 1
    if b_value.constant is not None:
        # Rows that lie contiguous keep their place in memory if they are the vectors.
        return a_ready and a.strides[-1] != 1 and a.shape[-2] >= 4
    if a_value.constant is not None:
        return not b_ready
    return a_ready and not b_ready


OPERATORS = {"Conv": convolve, "ConvTranspose": convolve, "MatMul": matmul}
