"""The state of lowering: which view each value has become, and where results should be written.

A value that ends in a concatenation or in an output of the graph, possibly by way of views, is computed right there:
`Lowering.output` looks ahead along its readers. Operators are in the other files of this folder.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from undin.compiler.ir.graph import Graph, Node, Value
from undin.compiler.ir.operators import GATES, VIEWS, axes_through, seen_back, seen_through
from undin.compiler.ir.program import Pointwise, Program, Step
from undin.compiler.ir.views import Buffer, View

CHANNEL_AXIS = dict.fromkeys(("Conv", "ConvTranspose", "AveragePool", "MaxPool"), 1) | dict.fromkeys(GATES, 2)
"""Which axis of its input an operator wants innermost in memory."""

LOOK_AHEAD = 40
"""Readers followed in search of a convolution."""


class Lowering:
    """Turns the nodes of one graph into steps, in their order."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.readers = graph.readers()
        self.steps: list[Step] = []
        self.views: dict[Value, View] = {}
        self.constants: dict[tuple[str, bytes], Buffer] = {}
        self.inputs = {value.name: self._external(value, "input") for value in graph.inputs}
        self.outputs = {value.name: self._external(value, "output") for value in graph.outputs}
        self.places: dict[Value, View] = {}
        for value in graph.inputs:
            self.views[value] = View.dense(self.inputs[value.name], value.shape)
        for value in graph.outputs:
            self.places[value] = View.dense(self.outputs[value.name], value.shape)

    def _external(self, value: Value, kind: str) -> Buffer:
        return Buffer(value.name, int(np.prod(value.shape, dtype=int)), value.dtype, kind)

    def program(self) -> Program:
        """The finished program: outputs that were computed elsewhere are copied to their places."""
        for value in self.graph.outputs:
            self.copy(self.view(value), self.places[value], comment=str(value))
        in_integers = any(node.get("quantization") for node in self.graph.nodes)
        return Program(self.graph.name, self.inputs, self.outputs, self.steps, in_integers, self.graph.states)

    def view(self, value: Value) -> View:
        """Where a value is."""
        if value not in self.views:
            if value.constant is None:
                raise KeyError(value)
            self.views[value] = self.constant(value.constant, value.name)
        return self.views[value]

    def constant(self, array: np.ndarray, name: str) -> View:
        """A constant array of the program; equal ones are kept once."""
        array = np.ascontiguousarray(array)
        key = f"{array.dtype}", array.tobytes()
        if key not in self.constants:
            self.constants[key] = Buffer(name, array.size, array.dtype, "constant", array.reshape(-1))
        return View.dense(self.constants[key], array.shape)

    def scratch(
        self, shape: tuple[int, ...], dtype: DTypeLike, name: str, *, order: tuple[int, ...] | None = None
    ) -> View:
        """A fresh dense tensor in the arena."""
        return View.dense(Buffer(name, int(np.prod(shape, dtype=int)), np.dtype(dtype)), shape, order=order)

    def output(self, value: Value, *, order: tuple[int, ...] | None = None, unit_axis: int | None = None) -> View:
        """Where to compute a value, already entered as its view.

        Parameters
        ----------
        value : Value
        order : tuple of int, optional
            Axes from the outermost to the innermost in memory, where the place is free to choose.
        unit_axis : int, optional
            An axis that must have stride 1.
        """
        place = self.place(value)
        if place is not None and unit_axis is not None and value.shape[unit_axis] > 1 and place.strides[unit_axis] != 1:
            place = None
        if place is None:
            place = self.scratch(value.shape, value.dtype, value.name, order=order)
        self.views[value] = place
        return place

    def place(self, value: Value) -> View | None:
        """Where readers want to find a value, if any of them does."""
        if value in self.places:
            return self.places[value]
        for node in self.readers.get(value, ()):
            place = self._place_for(node, value)
            if place is not None and place.buffer.dtype == value.dtype:
                self.places[value] = place
                return place
        return self._place_before_reshape(value)

    def _place_before_reshape(self, value: Value) -> View | None:
        """Where a value saves the copy of a later Reshape: in an order of memory that the Reshape can see."""
        view = self.scratch(value.shape, value.dtype, value.name, order=self.wanted_order(value))
        views, current = [], value
        while view is not None:
            found = [node for node in self.readers.get(current, ()) if node.operator in VIEWS]
            if len(found) != 1 or found[0].inputs[0] is not current:
                return None
            (node,) = found
            views.append(node)
            current = node.outputs[0]
            view = seen_through(node, view)
        whole = place = self.scratch(current.shape, value.dtype, current.name, order=self.wanted_order(current))
        for node in reversed(views):
            place = place and seen_back(node, place)
        if place is not None:
            self.places[current], self.places[value] = whole, place
        return place

    def _place_for(self, node: Node, value: Value) -> View | None:
        if node.operator in VIEWS and node.inputs[0] is value:
            place = self.place(node.outputs[0])
            return place and seen_back(node, place)
        if node.operator == "Concat" and node.inputs.count(value) == 1:
            return self.concatenation(node)[node.inputs.index(value)]
        return None

    def concatenation(self, node: Node) -> list[View]:
        """The places of the inputs of a concatenation."""
        value, axis = node.outputs[0], node.get("axis") % len(node.outputs[0].shape)
        whole = self.place(value)
        if whole is None:
            whole = self.scratch(value.shape, value.dtype, value.name, order=self.wanted_order(value))
            self.places[value] = whole
        pieces, start = [], 0
        for piece in node.inputs:
            pieces.append(whole.slice(axis, start, start + piece.shape[axis]))
            start += piece.shape[axis]
        return pieces

    def wanted_order(self, value: Value) -> tuple[int, ...] | None:
        """The axis innermost that readers want there: channels for a convolution, features for a recurrent cell.

        They are looked for behind other operators as well, as long as the axis can be told there.
        """
        seen: set[Value] = set()
        queue = [(value, list(range(len(value.shape))))]
        while queue and len(seen) < LOOK_AHEAD:
            current, axes = queue.pop(0)
            if current in seen:  # by another way
                continue
            seen.add(current)
            for node in self.readers.get(current, ()):
                inner = CHANNEL_AXIS.get(node.operator)
                if inner is not None and node.inputs[0] is current and len(current.shape) > 2:
                    if axes[inner] is None:
                        continue
                    return (*(axis for axis in range(len(value.shape)) if axis != axes[inner]), axes[inner])
                output = node.outputs[0]
                if output is not None and output not in seen:
                    queue.append((output, _axes_behind(node, current, axes)))
        return None

    def copy(self, source: View, target: View, *, comment: str) -> None:
        """Copy elements, unless they are there already."""
        if target.size and not source.same_place(target):
            self.steps.append(Pointwise("copy", comment, [target], [source]))

    def dense(self, view: View, comment: str, *, unit_axis: int) -> View:
        """The view itself where an axis has stride 1, else a copy where it has."""
        if view.shape[unit_axis] == 1 or view.strides[unit_axis] == 1:
            return view
        unit_axis %= len(view.shape)
        order = (*(axis for axis in view.order if axis != unit_axis), unit_axis)
        copy = self.scratch(view.shape, view.buffer.dtype, view.buffer.name, order=order)
        self.copy(view, copy, comment=comment)
        return copy

    def step(
        self, label: str, node: Node, writes: list[View], reads: list[View], code: Callable[[], list[str]]
    ) -> None:
        """Add a step for a node; `code` returns its body in C."""
        self.steps.append(Step(label, describe(node), writes, reads, code))


def _axes_behind(node: Node, value: Value, axes: list[int | None]) -> list[int | None]:
    """What has become of some axes of a value in the output of a reader; None for other axes."""
    if node.operator in VIEWS:
        return [None if axis is None else axes[axis] for axis in axes_through(node)]
    rank = len(node.outputs[0].shape)
    return axes if rank == len(value.shape) else [None] * rank


def describe(node: Node) -> str:
    """Operator, tensors and shapes of a node in one line."""
    inputs = ", ".join(str(value.shape) for value in node.inputs if value and value.constant is None)
    outputs = ", ".join(str(value.shape) for value in node.outputs if value)
    return f"{node.name} ({node.operator}): {inputs} -> {outputs}"
