"""Normalisations, softmax and the pooling of whole axes as reductions and arithmetic."""

from math import prod

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.passes.decompose.builder import Builder, Rule


def _normalized(make: Builder, x: Value, axes: list[int], epsilon: float) -> tuple[Value, Value, Value]:
    """`x` with mean 0 and variance 1 over some axes, the mean, and the reciprocal of the standard deviation."""
    mean = make("ReduceMean", x, axes)
    centred = make("Sub", x, mean)
    variance = make("ReduceMean", make("Mul", centred, centred), axes)
    inverse = make("Reciprocal", make("Sqrt", make("Add", variance, float(epsilon))))
    return make("Mul", centred, inverse), mean, inverse


def _scaled(make: Builder, x: Value, scale: Value | None, bias: Value | None) -> Value:
    x = make("Mul", x, scale) if scale is not None else x
    return make("Add", x, bias) if bias is not None else x


def _by_channel(make: Builder, value: Value, rank: int) -> Value:
    """A row of numbers by channel, shaped for tensors (N, C, …) of `rank` axes."""
    return make.reshape(value, (-1 if value.constant is not None else value.shape[0], *[1] * (rank - 2)))


def layer_normalization(make: Builder, node: Node) -> tuple[Value, ...]:
    """Over all axes from `axis` on."""
    x, rank = node.inputs[0], len(node.inputs[0].shape)
    axes = list(range(node.get("axis", -1) % rank, rank))
    normalized, mean, inverse = _normalized(make, x, axes, node.get("epsilon", 1e-5))
    return _scaled(make, normalized, node.inputs[1], node.input(2)), mean, inverse


def instance_normalization(make: Builder, node: Node) -> Value:
    """Over the spatial axes."""
    x, scale, bias = node.inputs
    rank = len(x.shape)
    normalized, *_ = _normalized(make, x, list(range(2, rank)), node.get("epsilon", 1e-5))
    return _scaled(make, normalized, _by_channel(make, scale, rank), _by_channel(make, bias, rank))


def group_normalization(make: Builder, node: Node) -> Value:
    """Over the channels of a group and the spatial axes; until opset 20 with a scale for each group."""
    x, scale, bias = node.inputs
    batch, channels, *spatial = x.shape
    groups = node.get("num_groups")
    grouped = make.reshape(x, (batch, groups, channels // groups, *spatial))
    y, *_ = _normalized(make, grouped, list(range(2, len(grouped.shape))), node.get("epsilon", 1e-5))
    shape = (groups, -1, *[1] * len(spatial))
    return make.reshape(_scaled(make, y, make.reshape(scale, shape), make.reshape(bias, shape)), x.shape)


def batch_normalization(make: Builder, node: Node) -> Value:
    """A scale and a shift for each channel; ``rewrite`` folds constant ones into a product before them."""
    if node.get("training_mode") or any(node.outputs[1:]):
        raise Unsupported(node, "it is in training mode")
    x, scale, bias, mean, variance = node.inputs
    deviation = make("Sqrt", make("Add", variance, float(node.get("epsilon", 1e-5))))
    scale = make("Div", scale, deviation)
    shift = make("Sub", bias, make("Mul", mean, scale))
    rank = len(x.shape)
    return _scaled(make, x, _by_channel(make, scale, rank), _by_channel(make, shift, rank))


def softmax(make: Builder, node: Node) -> Value:
    """Softmax and LogSoftmax over one axis; before opset 13 over all axes from `axis` on."""
    x = node.inputs[0]
    if make.opset < 13:
        axis = node.get("axis", 1) % len(x.shape)
        flat = make.reshape(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))
        return make.reshape(make(node.operator, flat, axis=1), x.shape)
    axes = np.array([node.get("axis", -1)], np.int64)
    below = make("Sub", x, make("ReduceMax", x, axes))
    exponentials = make("Exp", below)
    total = make("ReduceSum", exponentials, axes)
    return make("Sub", below, make("Log", total)) if "Log" in node.operator else make("Div", exponentials, total)


def _global_pool(operator: str) -> Rule:
    def rule(make: Builder, node: Node) -> Value:
        return make(operator, node.inputs[0], np.arange(2, len(node.inputs[0].shape)))

    return rule


RULES = {
    "LayerNormalization": layer_normalization,
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
    "BatchNormalization": batch_normalization,
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "GlobalAveragePool": _global_pool("ReduceMean"),
    "GlobalMaxPool": _global_pool("ReduceMax"),
}
