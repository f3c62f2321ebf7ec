"""Reductions and norms that are a simpler reduction with something before or after it."""

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.ir.sizes.summing import reduced_axes
from undin.compiler.passes.decompose.builder import Builder
from undin.compiler.passes.decompose.simple import FLOAT, TYPES


def _reduced(make: Builder, node: Node, operator: str, x: Value, *, keep: bool | None = None) -> Value:
    """A reduction over the axes of the node."""
    axes = reduced_axes(node)
    if not axes:
        return x
    keepdims = node.get("keepdims", 1) if keep is None else int(keep)
    return make(operator, x, np.array(axes, np.int64), keepdims=keepdims)


def l1(make: Builder, node: Node) -> Value:
    """Sum of magnitudes."""
    return _reduced(make, node, "ReduceSum", make("Abs", node.inputs[0]))


def sum_of_squares(make: Builder, node: Node) -> Value:
    """Sum of squares."""
    x = node.inputs[0]
    return _reduced(make, node, "ReduceSum", make("Mul", x, x))


def log_of_sum(make: Builder, node: Node) -> Value:
    """Logarithm of a sum."""
    return _as_input(make, node, make("Log", _reduced(make, node, "ReduceSum", _as_float(make, node))))


def _as_float(make: Builder, node: Node) -> Value:
    x = node.inputs[0]
    return x if x.dtype == np.float32 else make("Cast", x, to=FLOAT)


def _as_input(make: Builder, node: Node, y: Value) -> Value:
    dtype = node.inputs[0].dtype
    return y if dtype == np.float32 else make("Cast", y, to=TYPES[dtype.name])


def log_of_sum_of_exponentials(make: Builder, node: Node) -> Value:
    """Beside the largest, so that nothing overflows; infinities stay what they are."""
    x = _as_float(make, node)
    largest = _reduced(make, node, "ReduceMax", x, keep=True)
    zero = make("Sub", largest, largest)  # 0, or NaN of an infinity
    shift = make("Where", make("Equal", zero, 0.0), largest, 0.0)
    total = _reduced(make, node, "ReduceSum", make("Exp", make("Sub", x, shift)))
    shift = make.reshape(shift, total.shape)
    return _as_input(make, node, make("Add", make("Log", total), shift))


def lp_normalization(make: Builder, node: Node) -> Value:
    """Division by the norm along an axis; what is all 0 stays 0."""
    x, axes = node.inputs[0], np.array([node.get("axis", -1)], np.int64)
    norm = make("ReduceL2", x, axes) if node.get("p", 2) == 2 else make("ReduceSum", make("Abs", x), axes)
    return make("Div", x, make("Where", make("Equal", norm, 0.0), 1.0, norm))


def hardmax(make: Builder, node: Node) -> Value:
    """1 at the first of the largest; before opset 13 over all axes from `axis` on."""
    x = node.inputs[0]
    rank = len(x.shape)
    axis = node.get("axis", -1 if make.opset >= 13 else 1) % rank
    flat = x
    if make.opset < 13:
        flat, axis = make.reshape(x, (int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))), 1
    best = make("ArgMax", flat, axis=axis)
    places = np.arange(flat.shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(flat.shape))])
    return make.reshape(make("Cast", make("Equal", best, places), to=1), x.shape)


def mean(make: Builder, node: Node) -> Value:
    """Of several operands."""
    return make("Mul", make("Sum", *node.inputs), float(1 / len(node.inputs)))


RULES = {
    "ReduceL1": l1,
    "ReduceSumSquare": sum_of_squares,
    "ReduceLogSum": log_of_sum,
    "ReduceLogSumExp": log_of_sum_of_exponentials,
    "LpNormalization": lp_normalization,
    "Hardmax": hardmax,
    "Mean": mean,
}
