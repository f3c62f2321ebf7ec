"""Transposed convolutions along the last axis whose phases are computed together.

The positions between one input and the next, a stride of them, lie next to each other in memory, channels innermost:
seen as one row of stride · channels columns they are one matrix product with as many taps as inputs meet there. Few
channels so fill whole vectors. Other transposed convolutions go phase by phase, in ``products``.
"""

from collections.abc import Callable
from itertools import groupby

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import nest
from undin.compiler.ir.views import View
from undin.compiler.lower.lowering import Lowering


def fits(node: Node, y: View) -> bool:
    """Whether the phases of a ConvTranspose can be computed together, given where its output lies."""
    kernel, rank = node.inputs[1].shape[2:], len(y.shape) - 2
    strides, pads = node.get("strides") or [1] * rank, node.get("pads") or [0] * (2 * rank)
    plain = all(kernel[axis] == strides[axis] == 1 and not any(pads[axis::rank]) for axis in range(rank - 1))
    dense = (y.strides[1] == 1 or y.shape[1] == 1) and y.strides[-1] == y.shape[1]
    return (
        plain
        and dense
        and strides[-1] > 1
        and kernel[-1] >= strides[-1]
        and node.get("group", 1) == 1
        and set(node.get("dilations") or [1]) == {1}
        and node.get("auto_pad", "NOTSET") == "NOTSET"
        and not node.get("output_shape")
    )


def upsample(
    lowering: Lowering,
    node: Node,
    x: View,
    y: View,
    weights: np.ndarray,
    bias: np.ndarray,
    call: Callable[..., str],
    pack: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Add the step of such a ConvTranspose.

    Parameters
    ----------
    x, y : View
        Input and output ``(B, channels, …, bands)``.
    weights : ndarray, shape (channels in, channels out, …, kernel)
    bias : ndarray, shape (channels out,)
    call, pack
        The functions of ``products`` that write a call and pad weights.
    """
    depth, channels = weights.shape[:2]
    stride, pad = node.get("strides")[-1], (node.get("pads") or [0] * 2 * (len(y.shape) - 2))[len(y.shape) - 3]
    taps = -(-weights.shape[-1] // stride)
    missing = taps * stride - weights.shape[-1]  # positions that the last tap does not reach
    weights = np.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, missing)])
    length_in, length_out = x.shape[-1], y.shape[-1]
    # (in, out, taps, stride) → rows (taps, in), the last tap first as it reads the first input; columns (stride, out)
    rows = weights.reshape(depth, channels, taps, stride)[:, :, ::-1].transpose(2, 0, 3, 1)
    packed = lowering.constant(pack(rows.reshape(taps * depth, stride * channels)), f"{node.name} weights")
    packed_bias = lowering.constant(pack(np.tile(bias, stride)), f"{node.name} bias")
    w_row = packed.shape[-1]

    def inside(row: int) -> tuple[int, int, int, int]:
        """Inputs first to last and positions first to last of a row that exist."""
        inputs = max(0, row - taps + 1), min(length_in, row + 1)
        return *inputs, max(0, pad - row * stride), min(stride, length_out + pad - row * stride)

    def kind(row: int) -> tuple[int, int, int, int]:
        first, last, start, stop = inside(row)
        return first - row, last - row, start, stop

    loops = [
        (x.shape[axis], x.strides[axis], y.strides[axis])
        for axis in (0, *range(2, len(x.shape) - 1))
        if x.shape[axis] > 1
    ]
    variables = "ijklmn"[: len(loops)]

    def at(name: str, start: int, index: int) -> str:
        terms = [f"{variable} * {loop[index]}" for variable, loop in zip(variables, loops, strict=True)]
        return " + ".join([name, *([str(start)] if start else []), *terms])

    def code() -> list[str]:
        lines = []
        for (first, last, start, stop), group in groupby(range(-(-(length_out + pad) // stride)), key=kind):
            if start >= stop:  # all of it is cut off
                continue
            same = list(group)
            row, seen = same[0], last - first
            skipped = (taps - 1 + first) * depth  # rows of the weights whose inputs lie before the first
            columns = (stop - start) * channels
            lines.append(
                call(
                    at("y0", (row * stride - pad + start) * channels, 2),
                    at("x0", (row + first) * x.strides[-1] if seen else 0, 1),
                    f"x2 + {skipped * w_row + start * channels}" if seen else "x2",
                    f"x1 + {start * channels}" if start else "x1",
                    node,
                    rows=len(same),
                    columns=columns,
                    **_window(x, depth, seen, w_row),
                    w_row=w_row,
                    a_row=x.strides[-1],
                    y_row=stride * channels,
                    padded=int(columns == stride * channels),
                )
            )
        return nest([loop[0] for loop in loops], lines, variables=variables)

    lowering.step("convtranspose", node, [y], [x, packed_bias, packed], code)


def _window(x: View, depth: int, seen: int, w_row: int) -> dict[str, object]:
    """Depth and taps of what a row reads: one run of memory where channels lie innermost and dense."""
    step = x.strides[1] if depth > 1 else 1
    if seen == 0:
        return {"depth": 0, "taps": 1, "a_step": 1}
    if x.strides[-1] == depth * step:
        return {"depth": seen * depth, "taps": 1, "a_step": step}
    offsets = ", ".join(str(tap * x.strides[-1]) for tap in range(seen))
    return {"depth": depth, "taps": seen, "tap_offset": f"{{{offsets}}}", "a_step": step, "w_tap": depth * w_row}
