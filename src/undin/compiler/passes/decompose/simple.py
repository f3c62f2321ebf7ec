"""Operators that are a few others in a row, or none: quantisation, dropout, splits, casts to the same type."""

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.passes.decompose.builder import Builder


def quantize(make: Builder, node: Node) -> Value:
    """QuantizeLinear: round(x / scale) + zero point, kept inside the type."""
    x, scale = node.inputs[0], _spread(make, node, node.inputs[1])
    dtype = node.outputs[0].dtype
    y = make("Round", make("Div", make("Cast", x, to=FLOAT) if x.dtype != np.float32 else x, scale))
    if node.input(2) is not None:
        y = make("Add", y, make("Cast", _spread(make, node, node.inputs[2]), to=FLOAT))
    limits = np.iinfo(dtype)
    return make("Cast", make("Clip", y, float(limits.min), float(limits.max)), to=TYPES[dtype.name])


def dequantize(make: Builder, node: Node) -> Value:
    """DequantizeLinear: (x - zero point) scale."""
    x, scale = make("Cast", node.inputs[0], to=FLOAT), _spread(make, node, node.inputs[1])
    if node.input(2) is not None:
        x = make("Sub", x, make("Cast", _spread(make, node, node.inputs[2]), to=FLOAT))
    return make("Mul", x, scale)


def _spread(make: Builder, node: Node, parameter: Value) -> Value:
    """A scale or zero point, one for all, for each position of an axis or for each block of it, ready to broadcast."""
    shape = node.inputs[0].shape
    axis, block = node.get("axis", 1), node.get("block_size", 0)
    if block:
        if parameter.constant is None:
            raise Unsupported(node, f"its scales by blocks, {parameter}, must be constants")
        return make.value(np.repeat(parameter.constant, block, axis).take(range(shape[axis]), axis))
    if len(parameter.shape) == 1 and parameter.shape[0] > 1:
        return make.reshape(parameter, (parameter.shape[0], *[1] * (len(shape) - axis % len(shape) - 1)))
    return make.reshape(parameter, ())


def dropout(make: Builder, node: Node) -> tuple[Value, ...]:
    """The input itself, and a mask of ones."""
    ratio, training = node.input(1), node.input(2)
    if training is not None and training.constant is None:
        raise Unsupported(node, f"its input {training.name!r} must be a constant")
    if training is not None and training.constant and (ratio is None or ratio.constant is None or ratio.constant != 0):
        raise Unsupported(node, "it is in training mode")
    x = node.inputs[0]
    mask = node.outputs[1] if len(node.outputs) > 1 else None
    return x, make.value(np.ones(x.shape, mask.dtype if mask else np.bool_))


def split(make: Builder, node: Node) -> tuple[Value | None, ...]:
    """Split, as a slice for each part that is read."""
    x, count = node.inputs[0], len(node.outputs)
    axis = node.get("axis", 0) % len(x.shape)
    lengths = node.constant(1, "split")
    if lengths is None:  # as long as each other, the last perhaps shorter
        lengths = [-(-x.shape[axis] // count)] * count
    stops = np.minimum(np.cumsum(lengths), x.shape[axis]).tolist()
    starts = [0, *stops[:-1]]
    return tuple(
        None if part is None else make.slice(x, axis, start, stop)
        for part, start, stop in zip(node.outputs, starts, stops, strict=True)
    )


def cast_like(make: Builder, node: Node) -> Value:
    """Cast to the type of another value."""
    return make("Cast", node.inputs[0], to=TYPES[node.inputs[1].dtype.name])


def aligned(make: Builder, node: Node) -> Value | None:
    """Before opset 7 an attribute said with which axis of the first operand the second begins."""
    if make.opset >= 7:
        return None
    a, b = node.inputs
    axis = 1 if node.operator == "PRelu" else node.get("axis")
    if axis is None or b.size == 1:
        return None
    after = len(a.shape) - axis % len(a.shape) - len(b.shape)
    return make(node.operator, a, make.reshape(b, (*b.shape, *[1] * after)))


def unless_same(make: Builder, node: Node) -> Value | None:
    """An operator that only changes shape or type, and here does not."""
    x, y = node.inputs[0], node.outputs[0]
    return x if (x.shape, x.dtype) == (y.shape, y.dtype) else None


def reshape(make: Builder, node: Node) -> Value | None:
    """A shape that ONNX has not held against the number of elements."""
    if node.inputs[0].size != node.outputs[0].size:
        raise Unsupported(node, f"its output {node.outputs[0]} has another number of elements")
    return unless_same(make, node)


def pad(make: Builder, node: Node) -> Value | None:
    """A padding of nothing; what it adds at one end may be what it cuts off the other, so the shape does not tell."""
    return None if np.any(node.constant(1, "pads")) else node.inputs[0]


def concat(make: Builder, node: Node) -> Value | None:
    """A concatenation without empty pieces."""
    axis = node.get("axis")
    pieces = [piece for piece in node.inputs if piece.shape[axis]]
    if len(pieces) == 1:
        return pieces[0]
    return make("Concat", *pieces, axis=axis) if len(pieces) < len(node.inputs) else None


FLOAT = 1
TYPES = {"float32": FLOAT, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "bool": 9}
"""Numbers of the types in ONNX."""

RULES = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "Dropout": dropout,
    "CastLike": cast_like,
    "Split": split,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "PRelu", "And", "Or", "Equal", "Greater", "Less"), aligned),
    "Concat": concat,
    "Pad": pad,
    "Reshape": reshape,
    **dict.fromkeys(("Expand", "Cast", "Squeeze", "Unsqueeze", "Flatten", "Tile"), unless_same),
}
