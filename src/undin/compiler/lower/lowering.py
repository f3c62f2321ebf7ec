"""The state of lowering: which view each value has become, and where results should be written.

A value that ends in a concatenation or in an output of the graph, possibly by way of views, is computed right there:
`Lowering.output` looks ahead along its readers. Operators are in the other files of this folder.
"""

import numpy as np

from undin.compiler.graph import Graph, Node, Value, permutation
from undin.compiler.program import Pointwise, Program, Step
from undin.compiler.views import Buffer, View

RESHAPES = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
CHANNELS_LAST = ("Conv", "ConvTranspose", "AveragePool", "MaxPool", "GlobalAveragePool")
LOOK_AHEAD = 12
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
        return Program(self.graph.name, self.inputs, self.outputs, self.steps)

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
        self, shape: tuple[int, ...], dtype: np.dtype, name: str, *, order: tuple[int, ...] | None = None
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
        return None

    def _place_for(self, node: Node, value: Value) -> View | None:
        if node.operator in RESHAPES and node.inputs[0] is value:
            place = self.place(node.outputs[0])
            return place and place.reshape(value.shape)
        if node.operator == "Transpose":
            place = self.place(node.outputs[0])
            return place and place.transpose(tuple(np.argsort(permutation(node))))
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
        """Channels innermost where a convolution reads the value, even after other operators on the same axes."""
        seen, queue = set(), [value]
        while queue and len(seen) < LOOK_AHEAD:
            current = queue.pop(0)
            seen.add(current)
            for node in self.readers.get(current, ()):
                if node.operator in CHANNELS_LAST and len(value.shape) > 2:
                    return (0, *range(2, len(value.shape)), 1)
                queue += [
                    output
                    for output in node.outputs
                    if output
                    and output not in seen
                    and len(output.shape) == len(value.shape)
                    and node.operator != "Transpose"
                ]
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

    def step(self, label: str, node: Node, writes: list[View], reads: list[View], code) -> None:
        """Add a step for a node; `code` returns its body in C."""
        self.steps.append(Step(label, describe(node), writes, reads, code))


def describe(node: Node) -> str:
    """Operator, tensors and shapes of a node in one line."""
    inputs = ", ".join(str(value.shape) for value in node.inputs if value and value.constant is None)
    outputs = ", ".join(str(value.shape) for value in node.outputs if value)
    return f"{node.name} ({node.operator}): {inputs} -> {outputs}"
