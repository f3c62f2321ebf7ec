"""Reductions over axes.

Where the innermost axis stays, its results are added up side by side in their places; where it goes, a kernel of
``c/kernels/undin_pointwise.h`` reduces it with a vector of partial results.
"""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import C_TYPES, element, literal, merged_axes, nest
from undin.compiler.ir.views import View
from undin.compiler.lower.lowering import Lowering

KINDS = {  # how an element joins the result, how a partial result does, what becomes of the result of {n} elements
    "ReduceSum": ("{y} + {x}", "{y} + {x}", "{y}"),
    "ReduceMean": ("{y} + {x}", "{y} + {x}", "{y} / {n}"),
    "ReduceProd": ("{y} * {x}", "{y} * {x}", "{y}"),
    "ReduceL2": ("{y} + {x} * {x}", "{y} + {x}", "undin_sqrt({y})"),
    "ReduceMax": ("{x} > {y} ? {x} : {y}", "{x} > {y} ? {x} : {y}", "{y}"),
    "ReduceMin": ("{x} < {y} ? {x} : {y}", "{x} < {y} ? {x} : {y}", "{y}"),
}
KERNELS = {
    "ReduceSum": "undin_sum",
    "ReduceMean": "undin_sum",
    "ReduceL2": "undin_sum_of_squares",
    "ReduceMax": "undin_maximum",
    "ReduceMin": "undin_minimum",
}


def reduce(lowering: Lowering, node: Node) -> None:
    """Reduce axes of a tensor; no axes mean all of them, unless the node says that they mean none."""
    source, value = lowering.view(node.inputs[0]), node.outputs[0]
    axes = node.constant(1, "axes")
    rank = len(source.shape)
    if axes is None or np.size(axes) == 0:
        axes = [] if node.get("noop_with_empty_axes") else range(rank)
    axes = {int(axis) % rank for axis in np.atleast_1d(axes)}
    target = lowering.output(value, order=_order(source, axes, value.shape))
    # The target as wide as the source: every element of a reduced axis meets the same place.
    remaining = iter(target.strides if len(value.shape) < rank else np.delete(target.strides, list(axes)).tolist())
    strides = tuple(0 if axis in axes else next(remaining) for axis in range(rank))
    wide = View(target.buffer, source.shape, strides, target.offset)
    lowering.step(node.operator.lower(), node, [target], [source], lambda: _loops(node.operator, source, wide))


def _order(source: View, axes: set[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Memory order of the source, without the axes that go."""
    if len(shape) == len(source.shape):
        return source.order
    kept = [axis for axis in range(len(source.shape)) if axis not in axes]
    return tuple(kept.index(axis) for axis in source.order if axis not in axes)


def _loops(kind: str, source: View, target: View) -> list[str]:
    join, join_parts, finish = KINDS[kind]
    dtype = source.buffer.dtype
    axes = merged_axes([source, target])
    kept, reduced = [axis for axis in axes if axis[1][1]], [axis for axis in axes if not axis[1][1]]
    # The largest begins with the first: where that is a NaN it stays, as in ONNX Runtime, and later ones are ignored.
    start = _at("x0", kept, 0) if kind in ("ReduceMax", "ReduceMin") else literal(kind == "ReduceProd", dtype)
    count = literal(np.prod([length for length, _ in reduced], dtype=int), dtype)
    y = _at("y0", kept, 1)
    if not axes or axes[-1] in kept:
        every_y, every_x = _at("y0", axes, 1), _at("x0", axes, 0)
        lines = _nest(kept, [f"{y} = {start};"])
        lines += _nest(axes, [f"{every_y} = {join.format(y=every_y, x=every_x)};"])
        return lines + (_nest(kept, [f"{y} = {finish.format(y=y, n=count)};"]) if finish != "{y}" else [])
    if dtype == np.float32 and kind in KERNELS and reduced[-1][1][0] == 1:
        *reduced, (length, _) = reduced
        x = f"{KERNELS[kind]}(&{_at('x0', [*kept, *reduced], 0)}, {length})"
        joining = ["const float part = " + x + ";", f"result = {join_parts.format(y='result', x='part')};"]
    else:
        joining = [f"result = {join.format(y='result', x=_at('x0', [*kept, *reduced], 0))};"]
    inner = _nest(reduced, joining, variables=VARIABLES[len(kept) :])
    last = f"{y} = {finish.format(y='result', n=count)};"
    return _nest(kept, [f"{C_TYPES[dtype.name]} result = {start};", *inner, last])


VARIABLES = "ijklmnopq"
Axes = list[tuple[int, list[int]]]
"""As `merged_axes` gives them."""


def _at(name: str, axes: Axes, which: int) -> str:
    return element(name, [strides[which] for _, strides in axes])


def _nest(axes: Axes, body: list[str], *, variables: str = VARIABLES) -> list[str]:
    return nest([length for length, _ in axes], body, variables=variables)


OPERATORS = dict.fromkeys(KINDS, reduce)
