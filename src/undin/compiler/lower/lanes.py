"""Products in which every channel is by itself: depthwise convolutions, and mixing of bands.

Channels lie innermost, and the kernels of ``c/kernels/undin_lanes.h`` work on a vector of them at a time.
"""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import nest
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import MAX_TAPS, activation_fields, address, fields, pack
from undin.compiler.lower.lowering import Lowering
from undin.compiler.lower.taps import assign
from undin.compiler.lower.windows import Stretch


def depthwise(
    lowering: Lowering, node: Node, x: View, y: View, weights: np.ndarray, bias: np.ndarray, runs: list[list[Stretch]]
) -> None:
    """Add the step of a depthwise convolution.

    Parameters
    ----------
    x, y : View
        Input and output (B, channels, …), channels with stride 1.
    weights : ndarray, shape (channels, kernel…)
    bias : ndarray, shape (channels,)
    runs : list of list of Stretch
        Of each spatial axis.
    """
    channels = len(weights)
    packed_bias = lowering.constant(pack(bias), f"{node.name} bias")
    packs, areas = assign(runs, x, y, distance=0)
    packed = []
    for taps in packs:
        rows = [weights[:, *tap] for tap in taps] or [np.zeros(channels)]  # type: ignore[arg-type] # mypy cannot spread an index
        packed.append(lowering.constant(pack(np.stack(rows)), f"{node.name} weights"))
    w_row = packed[0].shape[-1]

    def code() -> list[str]:
        lines = []
        for here, part in areas:
            variables = "ijklmn"[: len(here.loops)]
            y_at, x_at = (
                address(name, start, [(v, loop[which]) for v, loop in zip(variables, here.loops, strict=True)])
                for name, start, which in (("y0", here.y_start, 2), ("x0", here.x_start, 1))
            )
            calls, offsets = [], part.offsets
            for first in range(0, max(1, len(offsets)), MAX_TAPS):
                taps = offsets[first : first + MAX_TAPS]
                sizes = {
                    "rows": here.rows,
                    "channels": channels,
                    "taps": len(taps),
                    "tap_offset": f"{{{', '.join(map(str, taps or [0]))}}}",
                    "x_row": here.x_row,
                    "w_tap": part.step * w_row,
                    "y_row": here.y_row,
                }
                sizes |= {"residual_row": here.y_row} if first else {}
                sizes |= activation_fields(node) if first + MAX_TAPS >= len(offsets) else {}
                w = address(f"x{2 + part.pack}", (part.first + first * part.step) * w_row, [])
                ends = ("0", y_at) if first else ("x1", "0")
                shape = f"&(undin_depthwise_shape){{{fields(sizes)}}}"
                calls.append(f"undin_depthwise({y_at}, {x_at}, {w}, {', '.join(ends)}, {shape});")
            lines += nest([loop[0] for loop in here.loops], calls, variables=variables)
        return lines

    lowering.step("depthwise", node, [y], [x, packed_bias, *packed], code)


def is_band_mix(node: Node, a: View) -> bool:
    """Whether a MatMul, (C, 1, K) by (C, K, N), has a constant matrix for each channel, and channels innermost."""
    b = node.inputs[1]
    return (
        b.constant is not None
        and len(b.shape) == 3
        and len(a.shape) == 3
        and a.shape[:2] == (b.shape[0], 1)
        and a.strides[0] == 1
        and b.shape[0] > 1
    )


def band_mix(lowering: Lowering, node: Node, a: View) -> None:
    """Add the step of such a MatMul, whose output has its channels innermost too."""
    weights, bias = node.inputs[1].constant, node.constant(2)
    channels, depth, columns = weights.shape
    y = lowering.output(node.outputs[0], order=(2, 1, 0), unit_axis=0)
    reads = [a, lowering.constant(pack(weights.transpose(2, 1, 0)), f"{node.name} weights")]
    sizes = {"rows": columns, "channels": channels, "depth": depth, "x_row": a.strides[2], "y_row": y.strides[2]}
    if bias is not None:
        rows = pack(np.broadcast_to(bias, y.shape)[:, 0].transpose())
        reads.append(lowering.constant(rows, f"{node.name} bias"))
        sizes["bias_row"] = rows.shape[1]
    sizes |= activation_fields(node)
    arguments = f"y0, x0, x1, {'x2' if bias is not None else '0'}"
    lowering.step(
        "band_mix",
        node,
        [y],
        reads,
        lambda: [f"undin_band_mix({arguments}, &(undin_band_mix_shape){{{fields(sizes)}}});"],
    )
