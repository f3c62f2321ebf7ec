"""Matrix products and convolutions, all as calls of one kernel, `undin_matmul` in ``c/kernels/undin_matmul.h``.

Channels lie innermost, so the window of a convolution over frequency is contiguous and its rows overlap. Weights are
packed at compile time: rows in the order in which a window is read, columns padded with zeros (`row_padded`).
"""

from typing import Any

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.ir.operators import IDENTITY
from undin.compiler.ir.program import nest
from undin.compiler.ir.views import View
from undin.compiler.lower import integer_products, lanes, upsampling
from undin.compiler.lower.borders import within_zeros
from undin.compiler.lower.calls import MAX_TAPS, activation_fields, address, fields, pack, row_padded
from undin.compiler.lower.lowering import Lowering
from undin.compiler.lower.taps import Taps, assign
from undin.compiler.lower.windows import convolution, transposed, windows


def product_call(
    y: str, a: str, w: str, bias: str, node: Node, *, residual: str = "0", is_last: bool = True, **sizes: object
) -> str:
    """One call of the kernel; `sizes` are the fields of its shape. The last call for an output activates it."""
    if residual == "0":
        sizes.pop("residual_row", None)
    sizes |= activation_fields(node) if is_last else {"activation": IDENTITY.enumerator}
    return f"undin_matmul({y}, {a}, {w}, {bias}, {residual}, &(undin_matmul_shape){{{fields(sizes)}}});"


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
    seen = windows(node, kernel, is_transposed=is_transposed)
    if not is_transposed:
        x, seen = within_zeros(lowering, x, seen, str(node.inputs[0]))
    runs = [transposed(window) if is_transposed else convolution(window) for window in seen]

    order = (0, *range(2, 2 + rank), 1)
    target = lowering.output(y, order=order, unit_axis=1)
    x = lowering.dense(x, str(node.inputs[0]), unit_axis=1) if depth > 1 else x
    if columns == depth == 1 and group > 1:
        x = lowering.dense(x, str(node.inputs[0]), unit_axis=1)
        lanes.depthwise(lowering, node, x, target, weights[:, 0, 0], bias, runs)
        return
    if is_transposed and upsampling.fits(node, target):
        upsampling.upsample(lowering, node, x, target, node.constant(1), bias, product_call, pack)
        return
    packed_bias = lowering.constant(pack(bias.reshape(group, columns)), f"{node.name} bias")
    channel = x.strides[1] if depth > 1 else 1
    packs, calls = assign(runs, x, target, distance=depth * channel)
    packed = []
    for kernel_taps in packs:
        rows = [weights[:, :, :, *tap].swapaxes(1, 2) for tap in kernel_taps]
        joined = np.concatenate(rows, axis=1) if rows else np.zeros((group, 1, columns), np.float32)
        packed.append(lowering.constant(pack(joined), f"{node.name} weights"))

    def code() -> list[str]:
        lines = []
        for here, taps in calls:
            variables = "ijklmn"[: len(here.loops)]
            y_at, a = (
                address(name, start, [(v, loop[which]) for v, loop in zip(variables, here.loops, strict=True)])
                for name, start, which in (("y0", here.y_start, 2), ("x0", here.x_start, 1))
            )
            w, b, counts = f"x{2 + taps.pack}", "x1", [loop[0] for loop in here.loops]
            if group > 1:
                a, y_at = f"{a} + g * {depth * x.strides[1]}", f"{y_at} + g * {columns * target.strides[1]}"
                w, b = f"{w} + g * {packed[taps.pack].strides[0]}", f"{b} + g * {row_padded(columns)}"
                counts, variables = [*counts, group], variables + "g"
            sizes = {"rows": here.rows, "columns": columns, "a_row": here.x_row, "a_step": channel, "y_row": here.y_row}
            lines += nest(counts, _calls(node, y_at, a, w, b, taps, depth, sizes), variables=variables)
        return lines

    lowering.step(node.operator.lower(), node, [target], [x, packed_bias, *packed], code)


def _calls(node: Node, y: str, a: str, w: str, bias: str, taps: Taps, depth: int, sizes: dict[str, Any]) -> list[str]:
    """Calls for the output positions of one area; `depth` is that of a tap of the kernel."""
    w_row = row_padded(sizes["columns"])
    sizes = sizes | {"w_row": w_row, "w_tap": taps.step * depth * w_row, "padded": 1}
    lines, offsets = [], taps.offsets
    for first in range(0, max(1, len(offsets)), MAX_TAPS):
        some = offsets[first : first + MAX_TAPS]
        lines.append(
            product_call(
                y,
                a,
                address(w, (taps.first + first * taps.step) * depth * w_row, []),
                bias if not first else "0",
                node,
                residual=y if first else "0",
                is_last=first + MAX_TAPS >= len(offsets),
                **sizes,
                depth=taps.joined * depth if some else 0,  # 0: all of the window lies in the padding
                taps=len(some) or 1,
                tap_offset=f"{{{', '.join(map(str, some or [0]))}}}",
                residual_row=sizes["y_row"],
            )
        )
    return lines


def matmul(lowering: Lowering, node: Node) -> None:
    """MatMul of operands with two axes or more, and the bias that ``rewrite`` may have added.

    One operand is read by vectors: packed constants, or whichever has its free axis contiguous. The other is read
    element by element with any strides.
    """
    a_value, b_value, y = node.inputs[0], node.inputs[1], node.outputs[0]
    if y.dtype != np.float32:
        integer_products.matmul(lowering, node)
        return
    a, b = lowering.view(a_value), lowering.view(b_value)
    if lanes.is_band_mix(node, a):
        lanes.band_mix(lowering, node, a)
        return
    batch = y.shape[:-2]
    (rows, depth), columns = a.shape[-2:], b.shape[-1]
    a, b = a.expand((*batch, rows, depth)), b.expand((*batch, depth, columns))
    bias = node.constant(2)

    swapped = _better_swapped(a_value, b_value, a, b)
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
        packed = packed.expand((*batch, depth, row_padded(columns)))
        w = packed.slice(-1, 0, columns)
        is_padded = 1
    else:
        w, is_padded = lowering.dense(b, str(b_value), unit_axis=-1), 0
    reads = [a, w]
    residual = None
    if bias is not None and bias.ndim <= 1 and not swapped:
        reads.append(lowering.constant(pack(np.broadcast_to(bias, (columns,))), f"{node.name} bias"))
    elif bias is not None:  # a number for every element
        every = np.broadcast_to(bias, y.shape)
        residual = lowering.constant(every.swapaxes(-1, -2) if swapped else every, f"{node.name} bias")
        reads.append(residual)

    # Leading axes join the rows where all strides allow it.
    added = residual.strides if residual else (0,) * len(y.shape)
    loops: list[tuple[int, ...]] = []
    row_count, row_steps = rows, (a.strides[-2], out.strides[-2], added[-2])
    for axis in reversed(range(len(batch))):
        steps = a.strides[axis], out.strides[axis], added[axis], w.strides[axis]
        length = batch[axis]
        if length == 1:
            continue
        joins = row_count == 1 or steps[:3] == tuple(row_count * step for step in row_steps)
        if not loops and steps[3] == 0 and joins:
            row_steps = steps[:3] if row_count == 1 else row_steps
            row_count *= length
        else:
            loops.insert(0, (length, *steps))

    def code() -> list[str]:
        variables = "ijklmn"[: len(loops)]
        at = [
            address(name, 0, [(v, loop[1 + i]) for v, loop in zip(variables, loops, strict=True)])
            for i, name in enumerate(("x0", "y0", "x2", "x1"))
        ]
        line = product_call(
            at[1],
            at[0],
            at[3],
            "x2" if bias is not None and residual is None else "0",
            node,
            residual=at[2] if residual else "0",
            rows=row_count,
            columns=columns,
            depth=depth,
            taps=1,
            a_row=row_steps[0],
            a_step=a.strides[-1],
            w_row=w.strides[-2],
            y_row=row_steps[1],
            residual_row=row_steps[2],
            padded=is_padded,
        )
        return nest([loop[0] for loop in loops], [line], variables=variables)

    lowering.step("matmul", node, [out], reads, code)


def _better_swapped(a_value: Value, b_value: Value, a: View, b: View) -> bool:
    """Whether to compute the transposed product, which reads `a` by vectors."""
    a_ready, b_ready = a.strides[-2] == 1 and a.shape[-2] > 1, b.strides[-1] == 1
    if b_value.constant is not None:
        # Rows that lie contiguous keep their place in memory if they are the vectors.
        return a_ready and a.strides[-1] != 1 and a.shape[-2] >= 4
    if a_value.constant is not None:
        return not b_ready
    return a_ready and not b_ready


OPERATORS = {"Conv": convolve, "ConvTranspose": convolve, "MatMul": matmul}
