"""Makes nodes with known shapes; constants are computed at once, so that nodes are left only where they are needed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from undin.compiler.ir.graph import DTYPES, OPSET, Node, Unsupported, Value
from undin.compiler.ir.inference import outputs_of

Input = Value | np.ndarray | Sequence[int] | float | None
"""What a builder takes for an input of a node."""


class Builder:
    """Writes what takes the place of a node: ``make("Add", x, 1.0)`` makes a node and returns its output.

    Attributes
    ----------
    nodes : list of Node
        Made so far, in their order.
    opset : int
        Version of ONNX's operators that the replaced node means; those that are made are of version `OPSET`.
    """

    def __init__(self, node: Node, opset: int):
        self.node, self.opset, self.named = node, opset, 0
        self.nodes: list[Node] = []

    def __call__(self, operator: str, *inputs: Input, **attributes: Any) -> Value:
        """Make a node of one output. Arrays become constants, as do floats (of float32) and integers (of int64)."""
        values = [self.value(item) for item in inputs]
        node = Node(operator, self.node.name, values, [None], attributes)
        (output,) = node.outputs = outputs_of(node, [self.name()], opset=OPSET)
        if output.constant is None:
            if output.dtype not in DTYPES:
                raise Unsupported(self.node, f"it needs the type {output.dtype}")
            self.nodes.append(node)
        return output

    def value(self, item: Input) -> Value | None:
        """The value itself, or a new constant."""
        if item is None or isinstance(item, Value):
            return item
        if isinstance(item, np.ndarray | np.generic):
            array = np.asarray(item)
        else:
            array = np.array(item, np.float32 if isinstance(item, float) else np.int64)
        return Value.of(self.name(), array)

    def name(self) -> str:
        """One that no other value has."""
        self.named += 1
        output = next(value for value in self.node.outputs if value)
        return f"{output.name}/{self.named}"

    def reshape(self, value: Value, shape: tuple[int, ...]) -> Value:
        """Reshape, where it is not that shape already."""
        return value if value.shape == tuple(shape) else self("Reshape", value, np.array(shape, np.int64), allowzero=1)

    def slice(self, value: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
        """Positions of one axis."""
        return self("Slice", value, [start], [stop], [axis], [step])

    def give(self, results: tuple[Value | None, ...]) -> None:
        """Let the outputs of the replaced node be these values."""
        for output, value in zip(self.node.outputs, results, strict=False):
            if output is None:
                continue
            if (value.size, value.dtype) != (output.size, output.dtype):
                raise Unsupported(self.node, f"undin computes {value} of {value.dtype} instead of {output}")
            value = self.reshape(value, output.shape)
            if value.constant is not None:
                output.constant = value.constant
            elif not any(value in node.outputs for node in self.nodes):
                self.nodes.append(Node("Identity", self.node.name, [value], [output]))
            for node in self.nodes:
                node.outputs = [output if other is value else other for other in node.outputs]
                if node.operator != "Identity":
                    node.inputs = [output if other is value else other for other in node.inputs]


Rule = Callable[[Builder, Node], Value | tuple[Value, ...]]
"""Gives what takes the place of the outputs of a node."""
