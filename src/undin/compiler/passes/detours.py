"""Views that are undone again: what happens to elements between them happens to them without the views.

A batch norm over sub-bands sees channels and bands as more channels, and its result is seen as before. In memory the
channels lie innermost, where no strides say that, so that each such view would be a copy.
"""

from dataclasses import dataclass, field

import numpy as np

from undin.compiler.ir.graph import Graph, Node, Value
from undin.compiler.ir.operators import ACTIVATIONS, RESHAPES, VIEWS, seen_through

POINTWISE = {"Add", "Sub", "Mul", "Div", "Neg", "Abs", "Sqrt", "Exp", "Log", "Erf", *ACTIVATIONS}
"""Compute each element by itself, from one tensor and constants."""

MAX_ELEMENTS = 1 << 22
"""Of a tensor whose elements are followed, one by one."""


def remove_detours(graph: Graph) -> None:
    """Take out views that undo each other around pointwise nodes whose other inputs are constants."""
    readers = graph.readers()
    for first in [node for node in graph.nodes if node.operator in RESHAPES]:
        detour = _detour(graph, readers, first)
        if detour is not None and detour.inside:
            _straighten(graph, detour)
            readers = graph.readers()


@dataclass
class _Detour:
    """From a tensor by way of views back to its own shape.

    Attributes
    ----------
    start, end : Value
    views : list of Node
    inside : list of (Node, ndarray)
        Pointwise nodes, and which element of `start` each element of their input comes from.
    """

    start: Value
    end: Value
    views: list[Node] = field(default_factory=list)
    inside: list[tuple[Node, np.ndarray]] = field(default_factory=list)


def _detour(graph: Graph, readers: dict[Value, list[Node]], first: Node) -> _Detour | None:
    """The detour that begins with a view; None where it does not come back, or others read what is on the way."""
    start = first.inputs[0]
    if start.constant is not None or start.size > MAX_ELEMENTS:
        return None
    straight = np.arange(start.size).reshape(start.shape)
    detour, node, origin, value = _Detour(start, start), first, straight, start
    while True:
        if node.operator in VIEWS:
            detour.views.append(node)
            origin = seen_through(node, origin)
        elif node.operator in POINTWISE and _reads_constants_beside(node, value):
            detour.inside.append((node, origin))
        else:
            return None
        value = node.outputs[0]
        if len(detour.views) > 1 and origin.shape == straight.shape and (origin == straight).all():
            detour.end = value
            return detour
        found = readers.get(value, [])
        if len(found) != 1 or value in graph.outputs:
            return None
        node = found[0]


def _reads_constants_beside(node: Node, value: Value) -> bool:
    others = [other for other in node.inputs if other is not None and other is not value]
    return (
        node.outputs[0].shape == value.shape
        and node.inputs.count(value) == 1
        and all(other.constant is not None for other in others)
    )


def _straighten(graph: Graph, detour: _Detour) -> None:
    value = detour.start
    last = detour.inside[-1][0]
    for node, origin in detour.inside:
        node.inputs = [
            other if other is None else _seen_straight(other, origin, value) if other.constant is not None else value
            for other in node.inputs
        ]
        old = node.outputs[0]
        value = detour.end if node is last else Value(old.name, detour.start.shape, old.dtype)
        node.outputs[0] = value
    graph.nodes = [node for node in graph.nodes if node not in detour.views]


def _seen_straight(constant: Value, origin: np.ndarray, start: Value) -> Value:
    """A constant of the shape that it needs without the views."""
    if constant.size == 1:
        return constant
    whole = np.empty(start.size, constant.dtype)
    whole[origin.ravel()] = np.broadcast_to(constant.constant, origin.shape).ravel()
    whole = whole.reshape(start.shape)
    for axis in range(whole.ndim):
        thin = whole.take([0], axis)
        whole = thin if (whole == thin).all() else whole
    return Value.of(constant.name, whole)
