"""Operators that walk along one axis, element by element: the place of the largest, the k largest, running sums."""

from collections.abc import Callable

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import C_TYPES, nest, place
from undin.compiler.ir.views import View
from undin.compiler.lower.lowering import Lowering

VARIABLES = "ijklmnopq"


def arg(lowering: Lowering, node: Node) -> None:
    """ArgMax and ArgMin: of equal ones the first, or on demand the last."""
    source, value = lowering.view(node.inputs[0]), node.outputs[0]
    axis = node.get("axis", 0) % len(source.shape)
    target = lowering.output(value)
    outer = target.squeeze((axis,)) if node.get("keepdims", 1) else target
    sign = (">" if node.operator == "ArgMax" else "<") + "=" * bool(node.get("select_last_index", 0))
    step, length = source.strides[axis], source.shape[axis]

    def body(x: str, y: str) -> list[str]:
        return [
            "int best = 0;",
            f"for (int at = 1; at < {length}; ++at)",
            f"    if (x0[{x} + at * {step}] {sign} x0[{x} + best * {step}]) best = at;",
            f"y0[{y}] = best;",
        ]

    lowering.step(node.operator.lower(), node, [target], [source], lambda: _lines(source, axis, [outer], body))


def top_k(lowering: Lowering, node: Node) -> None:
    """TopK: one after the other is put into its place; of equal ones the first comes first, and NaN is the largest."""
    source = lowering.view(node.inputs[0])
    axis = node.get("axis", -1) % len(source.shape)
    values, places = (lowering.output(value) if value else None for value in (*node.outputs, None)[:2])
    shape = (node.outputs[0] or node.outputs[1]).shape
    values = values or lowering.scratch(shape, source.buffer.dtype, f"{node.name} values")
    places = places or lowering.scratch(shape, np.int64, f"{node.name} places")
    targets, count, length = [values, places], shape[axis], source.shape[axis]
    steps = [source.strides[axis], *(target.strides[axis] for target in targets)]
    kind = C_TYPES[source.buffer.dtype.name]
    is_less = "{0} < {1}" if node.get("largest", 1) else "{1} < {0}"
    if source.buffer.dtype == np.float32:
        unordered = "{0} == {0} && {1} != {1}" if node.get("largest", 1) else "{1} == {1} && {0} != {0}"
        is_less = f"({is_less} || ({unordered}))"

    def body(x: str, y: str, z: str) -> list[str]:
        before = is_less.format(f"y0[{y} + (to - 1) * {steps[1]}]", "now")
        return [
            f"for (int at = 0; at < {length}; ++at) {{",
            f"    const {kind} now = x0[{x} + at * {steps[0]}];",
            f"    int to = at < {count} ? at : {count};",
            f"    for (; to > 0 && {before}; --to)",
            f"        if (to < {count}) {{",
            f"            y0[{y} + to * {steps[1]}] = y0[{y} + (to - 1) * {steps[1]}];",
            f"            y1[{z} + to * {steps[2]}] = y1[{z} + (to - 1) * {steps[2]}];",
            "        }",
            f"    if (to < {count}) y0[{y} + to * {steps[1]}] = now, y1[{z} + to * {steps[2]}] = at;",
            "}",
        ]

    rest = [target.slice(axis, 0, 1).squeeze((axis,)) for target in targets]
    lowering.step("top_k", node, targets, [source], lambda: _lines(source, axis, rest, body))


def cumulative_sum(lowering: Lowering, node: Node) -> None:
    """CumSum, of all before on demand, and on demand from the end."""
    source = lowering.view(node.inputs[0])
    axis = int(np.asarray(node.constant(1)).reshape(-1)[0]) % len(source.shape)
    target = lowering.output(node.outputs[0], order=source.order)
    kind, length = C_TYPES[source.buffer.dtype.name], source.shape[axis]
    steps, sign, start = (source.strides[axis], target.strides[axis]), "+", 0
    if node.get("reverse"):
        sign, start = "-", length - 1

    def body(x: str, y: str) -> list[str]:
        at = [f"{base} + {start * step} {sign} at * {step}" for base, step in zip((x, y), steps, strict=True)]
        lines = [f"sum += x0[{at[0]}];", f"y0[{at[1]}] = sum;"]
        if node.get("exclusive"):
            lines = [f"const {kind} now = x0[{at[0]}];", f"y0[{at[1]}] = sum;", "sum += now;"]
        return [
            f"{kind} sum = 0;",
            f"for (int at = 0; at < {length}; ++at) {{",
            *(f"    {line}" for line in lines),
            "}",
        ]

    rest = [target.slice(axis, 0, 1).squeeze((axis,))]
    lowering.step("cumsum", node, [target], [source], lambda: _lines(source, axis, rest, body))


def _lines(source: View, axis: int, targets: list[View], body: Callable[..., list[str]]) -> list[str]:
    """Loops over all axes but one; `body` is given where each view begins there."""
    rest = source.slice(axis, 0, 1).squeeze((axis,))
    lengths = list(rest.shape)
    names = VARIABLES[: len(lengths)]
    starts = [place(view.strides, variables=names) for view in (rest, *targets)]
    lines = body(*starts)
    return nest(lengths, lines, variables=names) if lengths else ["{", *(f"    {line}" for line in lines), "}"]


OPERATORS = {"ArgMax": arg, "ArgMin": arg, "TopK": top_k, "CumSum": cumulative_sum}
