"""Operators whose outputs are as large as their inputs, or as what these become by broadcasting."""

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes.reading import Shape, axis_in, broadcast, hold, hold_fits, hold_shape, shape_of


def same(node: Node, opset: int) -> list[Shape]:
    """As large as the first input."""
    return [shape_of(node, 0)]


def together(node: Node, opset: int) -> list[Shape]:
    """As large as all inputs by broadcasting; before opset 7 as the first, which an attribute said how to meet."""
    if opset < 7:
        return same(node, opset)
    return [broadcast(node, *(value.shape for value in node.inputs if value is not None))]


def clip(node: Node, opset: int) -> list[Shape]:
    """Limits are numbers."""
    for value in filter(None, node.inputs[1:]):
        hold(value.size == 1, node, f"its limit {value} is no single number")
    return same(node, opset)


def dropout(node: Node, opset: int) -> list[Shape]:
    """The input, and a mask."""
    return [shape_of(node, 0)] * 2


def along_axis(node: Node, opset: int) -> list[Shape]:
    """Softmax and others along an axis."""
    x = shape_of(node, 0)
    axis_in(node, node.get("axis", -1 if opset >= 13 else 1), max(len(x), 1))
    return [x]


def cumulative(node: Node, opset: int) -> list[Shape]:
    """CumSum: the axis is an input."""
    x = shape_of(node, 0)
    axis_in(node, int(node.constant(1).reshape(-1)[0]), len(x))
    return [x]


def by_channel(node: Node, opset: int) -> list[Shape]:
    """BatchNormalization and InstanceNormalization: a number of each kind for every channel."""
    x = shape_of(node, 0)
    hold(len(x) > 1, node, "its input has no channels")
    for index in range(1, len(node.inputs)):
        hold_shape(node, index, (x[1],))
    return [x, *[(x[1],)] * (len(node.outputs) - 1)]


def group_normalization(node: Node, opset: int) -> list[Shape]:
    """Scales for each group until opset 20, for each channel since."""
    x, groups = shape_of(node, 0), node.get("num_groups", 0)
    hold(len(x) > 1 and groups > 0 and x[1] % groups == 0, node, f"its channels are no {groups} groups")
    for index in (1, 2):
        size = shape_of(node, index, rank=1)[0]
        hold(size in (groups, x[1]), node, f"its input {node.inputs[index]} does not fit {groups} groups")
    return [x]


def layer_normalization(node: Node, opset: int) -> list[Shape]:
    """The input, and mean and reciprocal deviation over the axes from `axis` on."""
    x = shape_of(node, 0)
    axis = axis_in(node, node.get("axis", -1), len(x))
    for index in (1, 2):
        hold_fits(node, node.input(index), x[axis:], "the axes that it normalises")
    means = (*x[:axis], *[1] * (len(x) - axis))
    return [x, means, means]


def quantization(node: Node, opset: int) -> list[Shape]:
    """Scales and zero points: one, one for each position of an axis, or one for each block of it."""
    x, scale = shape_of(node, 0), shape_of(node, 1)
    if node.input(2) is not None:
        shape = node.inputs[2].shape
        hold(shape == scale or {*shape, *scale} <= {1}, node, "its zero points are not as many as its scales")
    if len(scale) > 1 or node.get("block_size"):
        axis = axis_in(node, node.get("axis", 1), len(x))
        block = node.get("block_size", 0)
        hold(block > 0, node, f"its scale {node.inputs[1]} has several axes and no block_size")
        wanted = (*x[:axis], -(-x[axis] // block), *x[axis + 1 :])
        hold(scale == wanted, node, f"its scale {node.inputs[1]} must have the shape {wanted}")
    elif scale and scale[0] != 1:
        axis = axis_in(node, node.get("axis", 1), len(x))
        hold(scale[0] == x[axis], node, f"its scale {node.inputs[1]} does not fit axis {axis}")
    return [x]


def dynamic_quantization(node: Node, opset: int) -> list[Shape]:
    """Integers, their scale and zero point."""
    return [shape_of(node, 0), (), ()]


TOGETHER = """
    Add Sub Mul Div Pow And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual PRelu Mod Where Min Max Sum Mean
    """.split()

SAME = """
    Abs Neg Sign Reciprocal Sqrt Exp Log Erf Sin Cos Tan Asin Acos Atan Floor Ceil Round Not IsNaN IsInf Cast CastLike
    Identity Relu LeakyRelu ThresholdedRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Tanh Softsign Softplus Gelu Mish
    Swish Shrink
    """.split()

RULES = {
    **dict.fromkeys(TOGETHER, together),
    **dict.fromkeys(SAME, same),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "LpNormalization"), along_axis),
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), by_channel),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), quantization),
    "Clip": clip,
    "Dropout": dropout,
    "CumSum": cumulative,
    "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
    "DynamicQuantizeLinear": dynamic_quantization,
}
