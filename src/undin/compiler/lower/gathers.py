"""Operators that read or write where indices say: views and copies for constant indices, loops for computed ones."""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import element, nest
from undin.compiler.ir.views import View
from undin.compiler.lower.lowering import Lowering

VARIABLES = "ijklmnopq"


def gather(lowering: Lowering, node: Node) -> None:
    """Gather along one axis. Constant indices with a step along each of their axes are a view."""
    source = lowering.view(node.inputs[0])
    axis = node.get("axis", 0) % len(source.shape)
    indices = node.inputs[1]
    if indices.constant is not None:
        positions = indices.constant % source.shape[axis]
        steps = _steps(positions)
        if steps is not None:
            place = source.slice(axis, int(positions.flat[0]), source.shape[axis])
            step = source.strides[axis]
            lowering.views[node.outputs[0]] = View(
                source.buffer,
                (*source.shape[:axis], *positions.shape, *source.shape[axis + 1 :]),
                (*source.strides[:axis], *(count * step for count in steps), *source.strides[axis + 1 :]),
                place.offset,
            )
            return
    _gather_loop(lowering, node, source, axis)


def _steps(positions: np.ndarray) -> list[int] | None:
    """By how much positions grow along each axis, if that is the same everywhere."""
    first = positions.flat[0]
    steps = [
        int(positions[tuple(int(i == axis) for i in range(positions.ndim))] - first) if length > 1 else 0
        for axis, length in enumerate(positions.shape)
    ]
    even = first + sum((np.indices(positions.shape)[axis] * step for axis, step in enumerate(steps)), 0)
    return steps if np.array_equal(np.broadcast_to(even, positions.shape), positions) else None


def _gather_loop(lowering: Lowering, node: Node, source: View, axis: int) -> None:
    value, indices = node.outputs[0], lowering.view(node.inputs[1])
    rank = len(indices.shape)
    inside = range(axis, axis + rank)
    moved = [other if other < axis else other - 1 + rank for other in source.order if other != axis]
    at = source.order.index(axis)
    target = lowering.output(value, order=(*moved[:at], *inside, *moved[at:]))

    def code() -> list[str]:
        names = VARIABLES[: len(target.shape)]
        outside = names[:axis] + names[axis + rank :]
        steps = source.strides[:axis] + source.strides[axis + 1 :]
        index = (
            f"undin_index({element('x1', indices.strides, variables=names[axis : axis + rank])}, {source.shape[axis]})"
        )
        terms = [f"{name} * {step}" for name, step in zip(outside, steps, strict=True) if step]
        position = " + ".join([*terms, f"{index} * {source.strides[axis]}"])
        lengths, order = [target.shape[i] for i in target.order], "".join(names[i] for i in target.order)
        return nest(lengths, [f"{element('y0', target.strides)} = x0[{position}];"], variables=order)

    lowering.step("gather", node, [target], [source, indices], code)


def gather_elements(lowering: Lowering, node: Node) -> None:
    """GatherElements: an index for every element of the output."""
    source, indices = lowering.view(node.inputs[0]), lowering.view(node.inputs[1])
    axis = node.get("axis", 0) % len(source.shape)
    target = lowering.output(node.outputs[0])

    def code() -> list[str]:
        names = VARIABLES[: len(target.shape)]
        index = f"undin_index({element('x1', indices.strides)}, {source.shape[axis]})"
        terms = [
            f"{index if i == axis else name} * {step}"
            for i, (name, step) in enumerate(zip(names, source.strides, strict=True))
            if step
        ]
        return nest(list(target.shape), [f"{element('y0', target.strides)} = x0[{' + '.join(terms) or 0}];"])

    lowering.step("gather_elements", node, [target], [source, indices], code)


def scatter_nd(lowering: Lowering, node: Node) -> None:
    """ScatterND: a copy of the data, and updates of whole slices over it."""
    value = node.outputs[0]
    data, indices, updates = (lowering.view(operand) for operand in node.inputs)
    target = lowering.output(value, order=data.order)
    lowering.copy(data, target, comment=str(value))
    depth = indices.shape[-1]
    outer = indices.shape[:-1]
    reduction = node.get("reduction", "none")
    join = SCATTER[reduction]

    def code() -> list[str]:
        names = VARIABLES[: len(updates.shape)]
        front, back = names[: len(outer)], names[len(outer) :]
        terms = []
        for position in range(depth):
            at = element("x0", indices.strides, constant=position * indices.strides[-1], variables=front)
            terms.append(f"undin_index({at}, {target.shape[position]}) * {target.strides[position]}")
        terms += [f"{name} * {step}" for name, step in zip(back, target.strides[depth:], strict=True)]
        old, new = f"y0[{' + '.join(terms) or 0}]", element("x1", updates.strides)
        return nest(list(updates.shape), [f"{old} = {join.format(old=old, new=new)};"])

    lowering.step("scatter", node, [target], [indices, updates], code)


SCATTER = {
    "none": "{new}",
    "add": "{old} + {new}",
    "mul": "{old} * {new}",
    "max": "{new} > {old} ? {new} : {old}",
    "min": "{new} < {old} ? {new} : {old}",
}


OPERATORS = {"Gather": gather, "GatherElements": gather_elements, "ScatterND": scatter_nd}
