"""Products of small integers, exact in 32 bits, and what quantises their operands and results."""

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.passes.decompose.builder import Builder
from undin.compiler.passes.decompose.columns import convolve

INT32, FLOAT, UINT8 = 6, 1, 2


def _centred(make: Builder, x: Value, zero: Value | None, shape: tuple[int, ...] | None = None) -> Value:
    """As 32-bit integers without their zero point, which `shape` makes ready to broadcast."""
    x = make("Cast", x, to=INT32)
    if zero is None:
        return x
    zero = make("Cast", zero, to=INT32)
    return make("Sub", x, make.reshape(zero, () if zero.size == 1 else shape or zero.shape))


def matmul(make: Builder, node: Node) -> Value:
    """MatMulInteger: zero points may differ by the row on the left and by the column on the right."""
    a, b = node.inputs[:2]
    zero = node.input(2)
    a = _centred(make, a, zero, None if zero is None else (zero.size, 1))
    return make("MatMul", a, _centred(make, b, node.input(3)))


def convolution(make: Builder, node: Node) -> Value:
    """ConvInteger: the padding is the zero point, which is 0 without it."""
    x, w = node.inputs[:2]
    zero = node.input(3)
    w = _centred(make, w, zero, None if zero is None else (zero.size, *[1] * (len(w.shape) - 1)))
    return convolve(make, node, _centred(make, x, node.input(2)), w)


def qlinear_matmul(make: Builder, node: Node) -> Value:
    """QLinearMatMul: the exact product, scaled once and rounded once."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.inputs
    rows = (a_zero.size, 1)
    y = make("MatMul", _centred(make, a, a_zero, rows), _centred(make, b, b_zero))
    a_scale = make.reshape(a_scale, () if a_scale.size == 1 else rows)
    b_scale = make.reshape(b_scale, () if b_scale.size == 1 else b_scale.shape)
    return _requantized(make, y, make("Div", make("Mul", a_scale, b_scale), y_scale), y_zero)


def qlinear_convolution(make: Builder, node: Node) -> Value:
    """QLinearConv: the exact sum with its bias, scaled once and rounded once."""
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = node.inputs[:8]
    channels, rank = w.shape[0], len(w.shape)
    y = convolve(make, node, _centred(make, x, x_zero), _centred(make, w, w_zero, (channels, *[1] * (rank - 1))))
    if node.input(8) is not None:
        y = make("Add", y, make.reshape(node.inputs[8], (channels, *[1] * (rank - 2))))
    w_scale = make.reshape(w_scale, () if w_scale.size == 1 else (channels, *[1] * (rank - 2)))
    return _requantized(make, y, make("Div", make("Mul", x_scale, w_scale), y_scale), y_zero)


def _requantized(make: Builder, y: Value, scale: Value, zero: Value) -> Value:
    """Rounded, moved by the zero point, and kept inside its type."""
    limits = np.iinfo(zero.dtype)
    y = make("Round", make("Mul", make("Cast", y, to=FLOAT), scale))
    y = make("Add", y, make("Cast", make.reshape(zero, ()), to=FLOAT))
    return make("Cast", make("Clip", y, float(limits.min), float(limits.max)), to=UINT8 if limits.min == 0 else 3)


def dynamic_quantization(make: Builder, node: Node) -> tuple[Value, ...]:
    """DynamicQuantizeLinear: 8 bits from the smallest to the largest number, 0 among them."""
    x = node.inputs[0]
    low, high = (make(kind, make(f"Reduce{kind}", x, keepdims=0), 0.0) for kind in ("Min", "Max"))
    scale = make("Div", make("Sub", high, low), 255.0)
    divisor = make("Where", make("Equal", scale, 0.0), 1.0, scale)
    zero = make("Round", make("Clip", make("Div", make("Neg", low), divisor), 0.0, 255.0))
    y = make("Clip", make("Add", make("Round", make("Div", x, divisor)), zero), 0.0, 255.0)
    return make("Cast", y, to=UINT8), divisor, make("Cast", zero, to=UINT8)


RULES = {
    "MatMulInteger": matmul,
    "ConvInteger": convolution,
    "QLinearMatMul": qlinear_matmul,
    "QLinearConv": qlinear_convolution,
    "DynamicQuantizeLinear": dynamic_quantization,
}
