"""Operators that sum up axes: reductions, pooling, softmax."""

import numpy as np

from undin.compiler.graph import Node
from undin.compiler.lower.lowering import Lowering
from undin.compiler.program import literal, nest
from undin.compiler.views import View

KINDS = {  # start, how an element x joins the result s, what becomes of the result s of n elements
    "ReduceSum": ("0", "{s} + {x}", "{s}"),
    "ReduceMean": ("0", "{s} + {x}", "{s} / {n}"),
    "ReduceL2": ("0", "{s} + {x} * {x}", "undin_sqrt({s})"),
    "ReduceMax": (None, "{x} > {s} ? {x} : {s}", "{s}"),
    "ReduceMin": (None, "{x} < {s} ? {x} : {s}", "{s}"),
}


def reduce(lowering: Lowering, node: Node) -> None:
    """Reduce axes of a tensor; no axes mean all of them, unless the node says that they mean none."""
    source, value = lowering.view(node.inputs[0]), node.outputs[0]
    axes = node.constant(1, "axes")
    rank = len(source.shape)
    if axes is None or np.size(axes) == 0:
        axes = [] if node.get("noop_with_empty_axes") else range(rank)
    axes = {int(axis) % rank for axis in np.atleast_1d(axes)}
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(source.shape))
    target = lowering.output(value, order=source.order if len(value.shape) == rank else None)
    out = target.reshape(kept)
    reduce_views(lowering, node, node.operator, source, View(out.buffer, kept, out.strides, out.offset), axes)


def reduce_views(lowering: Lowering, node: Node, kind: str, source: View, target: View, axes: set[int]) -> None:
    """Add the step that reduces `axes` of a view into a view where they have length 1."""
    start, join, finish = KINDS[kind]
    dtype = source.buffer.dtype
    kept = [axis for axis in source.order if axis not in axes and source.shape[axis] > 1]
    inner = [axis for axis in source.order if axis in axes and source.shape[axis] > 1]
    count = int(np.prod([source.shape[axis] for axis in inner], dtype=int))
    outer_names, inner_names = "ijklm", "pqrstu"

    def at(name: str, view: View, chosen: list[tuple[str, int]]) -> str:
        terms = [f"{variable} * {view.strides[axis]}" for variable, axis in chosen if view.strides[axis]]
        return f"{name}[{' + '.join(terms) or 0}]"

    def code() -> list[str]:
        outer = list(zip(outer_names, kept, strict=False))
        both = outer + list(zip(inner_names, inner, strict=False))
        c_type = {"float32": "float", "int64": "int64_t", "int32": "int32_t"}[str(dtype)]
        first = at("x0", source, outer)
        begin = literal(dtype.type(0), dtype) if start is not None else first
        x = at("x0", source, both)
        total = f"{count}" if dtype != np.float32 else f"{count}.0f"
        body = [f"{c_type} sum = {begin};"]
        body += nest(
            [source.shape[axis] for axis in inner], [f"sum = {join.format(s='sum', x=x)};"], variables=inner_names
        )
        body.append(f"{at('y0', target, outer)} = {finish.format(s='sum', n=total)};")
        return nest([source.shape[axis] for axis in kept], body, variables=outer_names)

    lowering.step(kind.lower(), node, [target], [source], code)


OPERATORS = dict.fromkeys(KINDS, reduce)
