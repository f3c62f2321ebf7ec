"""A model as a small typed graph with static shapes, its constants computed; ``reader`` makes it of an ONNX file."""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

DTYPES = {np.dtype(name) for name in ("float32", "int64", "int32", "int16", "bool", "int8", "uint8")}
"""What a value that is not constant may be."""

NARROWED = {np.dtype(np.float16), np.dtype(np.float64)}
"""What is computed in float32, although the file says otherwise; inputs and outputs of a graph keep these types."""

OPSET = 18
"""Version of ONNX's operators in nodes that the compiler makes itself."""


LONG_NAME = 100
"""Letters, after which a message cuts a name off."""


@dataclass(eq=False)
class Value:
    """A tensor that nodes read and write.

    Attributes
    ----------
    name : str
        As in the ONNX file.
    shape : tuple of int
    dtype : np.dtype
    constant : ndarray, optional
        Its elements, where they are known at compile time.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    constant: np.ndarray | None = None

    @classmethod
    def of(cls, name: str, array: np.ndarray) -> "Value":
        """A constant."""
        return cls(name, array.shape, array.dtype, array)

    @property
    def size(self) -> int:
        """Elements."""
        return prod(self.shape)

    def __str__(self) -> str:
        return f"{_word(self.name)} {tuple(self.shape)}"


@dataclass(eq=False)
class Node:
    """One operation. An absent optional input or output is None."""

    operator: str
    name: str
    inputs: list[Value | None]
    outputs: list[Value | None]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        inputs = ", ".join(str(value) for value in self.inputs if value)
        return f"{_word(self.operator)} '{_word(self.name)}' of {inputs}"

    def input(self, index: int) -> Value | None:
        """An input, None where the node has so few."""
        return self.inputs[index] if index < len(self.inputs) else None

    def get(self, attribute: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(attribute, default)

    def constant(self, index: int, attribute: str | None = None, default: Any = None) -> Any:
        """What newer operator sets take as an input and older ones as an attribute, known at compile time.

        Raises
        ------
        Unsupported
            The input exists but is computed at run time.
        """
        value = self.input(index)
        if value is None:
            return default if attribute is None else self.attributes.get(attribute, default)
        if value.constant is None:
            raise NotConstant(self, f"its input {value.name!r} must be a constant", value)
        return value.constant


def _word(name: str) -> str:
    """A name in a sentence: in the file it may have lines, and any number of letters."""
    shown = repr(name)[1:-1]
    return shown if len(shown) <= LONG_NAME else f"{shown[:LONG_NAME]}…"


class Unsupported(ValueError):
    """A node that cannot be compiled: the message names it, its operator and its shapes."""

    def __init__(self, node: Node, reason: str):
        super().__init__(f"cannot compile {node}: {reason}")


class NotConstant(Unsupported):
    """A node needs to know a value at compile time, and it is computed at run time."""

    def __init__(self, node: Node, reason: str, value: Value):
        super().__init__(node, reason)
        self.value = value


@dataclass(eq=False)
class Graph:
    """Nodes in the order of their execution.

    Attributes
    ----------
    name : str
    inputs, outputs : list of Value
    nodes : list of Node
    metadata : dict
        The custom metadata of the file.
    opset : int
        Version of ONNX's operators that the file means; of no matter to nodes that the compiler makes itself.
    narrowed : list of str
        Types of the file that are computed in float32.
    states : dict of str to str
        Which outputs are which inputs of the next run, by name from output to input; see ``states``.
    """

    name: str
    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    metadata: dict[str, str] = field(default_factory=dict)
    opset: int = OPSET
    narrowed: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.name} of {', '.join(map(str, self.inputs))}"]
        for node in self.nodes:
            attributes = ", ".join(f"{name}={_short(value)}" for name, value in node.attributes.items())
            inputs = ", ".join(str(value) if value else "none" for value in node.inputs)
            outputs = ", ".join(str(value) if value else "none" for value in node.outputs)
            lines.append(f"    {outputs} = {node.operator}({inputs}{'; ' * bool(attributes)}{attributes})")
        return "\n".join([*lines, f"    return {', '.join(map(str, self.outputs))}"])

    def readers(self) -> dict[Value, list[Node]]:
        """Who reads each value."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None:
                    found.setdefault(value, []).append(node)
        return found

    def drop_unread(self) -> None:
        """Remove nodes whose outputs nobody reads, and of other nodes the outputs beside the first."""
        wanted, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if any(output in wanted for output in node.outputs):
                kept.append(node)
                node.outputs[1:] = (output if output in wanted else None for output in node.outputs[1:])
                wanted.update(value for value in node.inputs if value)
        self.nodes = kept[::-1]


def _short(attribute: Any) -> str:
    """An attribute as text of one line."""
    return f"array {attribute.shape}" if isinstance(attribute, np.ndarray) else str(attribute)
