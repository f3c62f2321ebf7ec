"""Operators that read or write where indices say: views and copies for constant indices, loops for computed ones."""

import numpy as np

from undin.compiler.graph import Node
from undin.compiler.lower.lowering import Lowering
from undin.compiler.program import element, nest
from undin.compiler.views import View

VARIABLES = "ijklmnopq"


def gather(lowering: Lowering, node: Node) -> None:
    """Gather along one axis. Evenly spaced constant indices are a view."""
    source, value = lowering.view(node.inputs[0]), node.outputs[0]
    axis = node.get("axis", 0) % len(source.shape)
    indices = node.inputs[1]
    if indices.constant is not None:
        positions = indices.constant % source.shape[axis]
        steps = set(np.diff(positions.reshape(-1)).tolist())
        if positions.ndim == 0:
            lowering.views[value] = source.select(axis, int(positions))
            return
        if positions.ndim == 1 and len(steps) <= 1 and 0 not in steps and positions.size:
            start, step = int(positions[0]), next(iter(steps), 1)
            stop = start + step * positions.size
            view = source.slice(axis, start, start + 1)
            shape, strides = list(view.shape), list(view.strides)
            shape[axis], strides[axis] = len(range(start, stop, step)), source.strides[axis] * step
            lowering.views[value] = View(view.buffer, tuple(shape), tuple(strides), view.offset)
            return
    _gather_loop(lowering, node, source, axis)


def _gather_loop(lowering: Lowering, node: Node, source: View, axis: int) -> None:
    value, indices = node.outputs[0], lowering.view(node.inputs[1])
    target = lowering.output(value)
    rank = len(indices.shape)

    def code() -> list[str]:
        names = VARIABLES[: len(target.shape)]
        inside = names[axis : axis + rank]
        outside = names[:axis] + names[axis + rank :]
        steps = source.strides[:axis] + source.strides[axis + 1 :]
        index = f"undin_index({element('x1', indices.strides, variables=inside)}, {source.shape[axis]})"
        terms = [f"{name} * {step}" for name, step in zip(outside, steps, strict=True) if step]
        place = " + ".join([*terms, f"{index} * {source.strides[axis]}"])
        return nest(list(target.shape), [f"{element('y0', target.strides)} = x0[{place}];"])

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
