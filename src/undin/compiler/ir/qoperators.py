"""Operators of ONNX Runtime on integers of 8 bits (its QOperator format), as what they stand for.

Each becomes DequantizeLinear, the operator in floats, QuantizeLinear, as the QDQ format has it; what of that is
computed in integers is the business of ``passes/adopt.py``. The operators of ONNX's own, QLinearConv and QLinearMatMul,
are taken apart there too.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value

if TYPE_CHECKING:
    from undin.compiler.ir.reader import Reader

BINARY = {"QLinearAdd": "Add", "QLinearMul": "Mul"}
UNARY = {
    "QLinearSigmoid": "Sigmoid",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearSoftmax": "Softmax",
}
"""By the operator in floats."""

NOT_OF_FLOATS = {"channels_last": 0, "opset": 13}
"""Attributes that the operator in floats lacks, and their only values that mean nothing to it."""


class _Maker:
    """Makes the nodes that take the place of one."""

    def __init__(self, reader: "Reader", node: Node):
        self.reader, self.node, self.nodes = reader, node, list[Node]()

    def __call__(self, operator: str, *inputs: Value | None, **attributes: object) -> Value:
        return self.reader.make(self.nodes, operator, self.node, list(inputs), **attributes)

    def floats(self, first: int, **attributes: object) -> Value:
        """Three inputs, integers with their scale and zero point, as floats."""
        x, scale, zero = (self.node.input(first + offset) for offset in range(3))
        return self("DequantizeLinear", x, scale, zero, **attributes)

    def integers(self, value: Value, first: int) -> Value:
        """Rounded as two inputs say."""
        return self("QuantizeLinear", value, self.node.input(first), self.node.input(first + 1))

    def attributes(self) -> dict[str, object]:
        """Those of the operator in floats."""
        for name, usual in NOT_OF_FLOATS.items():
            if self.node.get(name, usual) < usual or (name == "channels_last" and self.node.get(name)):
                raise Unsupported(self.node, f"undin does not know it with {name} = {self.node.get(name)}")
        return {name: value for name, value in self.node.attributes.items() if name not in NOT_OF_FLOATS}


def _unary(make: _Maker) -> Value:
    y = make(UNARY[make.node.operator], make.floats(0), **make.attributes())
    return make.integers(y, 3)


def _binary(make: _Maker) -> Value:
    return make.integers(make(BINARY[make.node.operator], make.floats(0), make.floats(3)), 6)


def _concat(make: _Maker) -> Value:
    pieces = [make.floats(first) for first in range(2, len(make.node.inputs), 3)]
    return make.integers(make("Concat", *pieces, axis=make.node.get("axis")), 0)


def _gemm(make: _Maker) -> Value:
    """QGemm, whose output is of floats if it has no scale; its third operand has the scale of the product."""
    node = make.node
    a_scale, b_scale, c = node.inputs[1], node.inputs[4], node.input(6)
    inputs = [make.floats(0), make.floats(3, axis=0 if node.get("transB") else 1)]
    if c is not None:
        scale = make("Mul", a_scale, b_scale)
        factor = make.reader.make(make.nodes, "Cast", node, [c], to=1)
        inputs.append(make("Mul", factor, scale))
    kept = {name: node.get(name) for name in ("transA", "transB") if node.get(name)}
    y = make("Gemm", *inputs, **kept)
    alpha = node.get("alpha", 1.0)
    if alpha != 1:
        y = make("Mul", y, Value.of(f"{node.name} alpha", np.array(alpha, np.float32)))
    return y if node.input(7) is None else make.integers(y, 7)


RULES: dict[str, Callable[[_Maker], Value]] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    "QLinearConcat": _concat,
    "QGemm": _gemm,
}


def written_out(reader: "Reader", node: Node) -> tuple[list[Node], Value]:
    """What one of the `RULES` makes of a node: nodes, and the value that takes the place of its output."""
    make = _Maker(reader, node)
    return make.nodes, RULES[node.operator](make)
