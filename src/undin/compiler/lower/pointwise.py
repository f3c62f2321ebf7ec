"""Operators that compute each element by itself."""

from collections.abc import Callable, Sequence

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.operators import ACTIVATIONS, Activation
from undin.compiler.ir.program import C_TYPES, Pointwise, literal
from undin.compiler.ir.views import View
from undin.compiler.lower.lowering import Lowering, describe


def pointwise(lowering: Lowering, node: Node) -> None:
    """One loop nest over the broadcast shape, in the memory order of the largest input."""
    value = node.outputs[0]
    expression = _expression(node)
    reads: list[View] = []
    operands = []
    for operand in node.inputs:
        if operand is not None and operand.constant is not None and operand.constant.size == 1:
            operands.append(literal(operand.constant.reshape(-1)[0], operand.dtype))
        elif operand is not None:
            operands.append(f"{{{len(reads)}}}")
            reads.append(lowering.view(operand).expand(value.shape))
    target = lowering.output(value, order=_order(value, reads))
    reads = [_ordered(lowering, view, target) for view in reads]
    lowering.steps.append(
        Pointwise(node.operator.lower(), describe(node), [target], reads, expression=expression(operands))
    )


def _ordered(lowering: Lowering, view: View, target: View) -> View:
    """A constant whose elements lie in the order in which `target` meets them; any other view as it is."""
    axes = [axis for axis in target.order if view.strides[axis]]
    steps = [view.strides[axis] for axis in axes]
    if view.buffer.data is None or steps == sorted(steps, reverse=True) or min(steps) < 0:
        return view
    strides = [step * view.buffer.data.itemsize for step in steps]
    elements = np.lib.stride_tricks.as_strided(
        view.buffer.data[view.offset :], [view.shape[axis] for axis in axes], strides
    )
    dense = lowering.constant(elements, view.buffer.name)
    found = dict(zip(axes, dense.strides, strict=True))
    return View(dense.buffer, view.shape, tuple(found.get(axis, 0) for axis in range(len(view.shape))))


def _order(value: Value, reads: Sequence[View]) -> tuple[int, ...] | None:
    """Memory order of the read that repeats the fewest elements."""
    whole = [view for view in reads if view.buffer.kind != "constant"] or reads
    if not whole:
        return None
    most = max(whole, key=lambda view: sum(stride != 0 for stride in view.strides))
    # Axes along which that one is constant go outside, in their own order.
    order = sorted(
        range(len(value.shape)), key=lambda axis: -abs(most.strides[axis]) if most.strides[axis] else -1 << 60
    )
    return tuple(order)


def _expression(node: Node) -> Callable[[list[str]], str]:
    build = EXPRESSIONS[node.operator]
    return build(node) if isinstance(build, _ByNode) else (lambda operands: build.format(*operands))


class _ByNode:
    """Marks an expression that depends on the node's attributes or types."""

    def __init__(self, build: Callable[[Node, list[str]], str]):
        self.build = build

    def __call__(self, node: Node) -> Callable[[list[str]], str]:
        return lambda operands: self.build(node, operands)


def _is_float(node: Node) -> bool:
    return node.inputs[0].dtype == np.float32


def _pow(node: Node, operands: list[str]) -> str:
    exponent = node.inputs[1].constant
    if _is_float(node) and exponent is not None and exponent.size == 1:
        known = float(exponent.reshape(-1)[0])
        if known in POWERS:
            return POWERS[known].format(operands[0])
        if 0 < abs(known) < 1:
            return f"undin_pow_small({operands[0]}, {literal(known, np.dtype(np.float32))})"
    if not _is_float(node) and node.inputs[1].dtype != np.float32:
        return f"({C_TYPES[node.outputs[0].dtype.name]})undin_integer_pow({operands[0]}, {operands[1]})"
    base, power = (
        operand if value.dtype == np.float32 else f"(float){operand}"
        for operand, value in zip(operands, node.inputs, strict=True)
    )
    # A known power that is neither 0 nor a NaN is the plain one.
    known = exponent is not None and bool(np.all(exponent)) and not np.isnan(exponent).any()
    function = "undin_pow" if known else "undin_power"
    return _converted(f"{function}({base}, {power})", np.dtype(np.float32), node.outputs[0].dtype)


POWERS = {
    0.5: "undin_pow_half({0})",
    1.0: "({0})",
    2.0: "undin_square({0})",
    -0.5: "undin_pow_minus_half({0})",
    -1.0: "(1.0f / {0})",
}


def _converted(expression: str, source: np.dtype, target: np.dtype) -> str:
    if source == np.float16:
        return f"undin_float_of_half({expression})"
    if target == np.float16:
        return f"undin_half_of_float({expression})"
    if target == np.bool_:
        return f"({expression} != 0)"
    if source == np.float32 and target.kind != "f":  # C leaves open what becomes of floats beyond the type
        whole = "undin_whole_int64" if target == np.int64 else "undin_whole_int32"
        return f"({C_TYPES[target.name]}){whole}({expression})"
    return f"({C_TYPES[target.name]})({expression})"


def _cast(node: Node, operands: list[str]) -> str:
    return _converted(operands[0], node.inputs[0].dtype, node.outputs[0].dtype)


def _clip(node: Node, operands: list[str]) -> str:
    expression, rest = operands[0], iter(operands[1:])
    low = next(rest) if node.input(1) is not None else _limit(node, "min")
    high = next(rest) if node.input(2) is not None else _limit(node, "max")
    largest, smallest = ("undin_max", "undin_min") if _is_float(node) else ("undin_integer_max", "undin_integer_min")
    if low is not None:
        expression = f"{largest}({expression}, {low})"
    if high is not None:
        expression = f"{smallest}({expression}, {high})"
    return expression


def _mod(node: Node, operands: list[str]) -> str:
    if _is_float(node):
        if not node.get("fmod"):
            raise Unsupported(node, "of floats it takes fmod = 1 only")
        return f"undin_remainder({operands[0]}, {operands[1]})"
    function = "undin_integer_remainder" if node.get("fmod") else "undin_integer_modulo"
    return f"({C_TYPES[node.outputs[0].dtype.name]}){function}({operands[0]}, {operands[1]})"


def _is_inf(node: Node, operands: list[str]) -> str:
    ends = ["__builtin_inff()"] * node.get("detect_positive", 1) + ["-__builtin_inff()"] * node.get(
        "detect_negative", 1
    )
    return f"({' || '.join(f'{operands[0]} == {end}' for end in ends) or '0'})"


def _limit(node: Node, name: str) -> str | None:
    value = node.get(name)
    return None if value is None else literal(np.float32(value), np.dtype(np.float32))


def _activated(activation: Activation) -> _ByNode:
    """A call of an activation with the constants that the node names."""

    def build(node: Node, operands: list[str]) -> str:
        return _call(activation.of(node), operands[0])

    return _ByNode(build)


def _call(activation: Activation, operand: str) -> str:
    constants = [value for value in (activation.alpha, activation.beta) if value is not None]
    arguments = [operand, *(literal(value, np.dtype(np.float32)) for value in constants)]
    return f"undin_{activation.name}({', '.join(arguments)})"


def _selu(node: Node, operands: list[str]) -> str:
    alpha, gamma = node.get("alpha", 1.67326319217681884765625), node.get("gamma", 1.05070102214813232)
    return f"({literal(gamma, np.dtype(np.float32))} * {_call(Activation('elu', alpha), operands[0])})"


def _typed(of_float: str, of_integer: str) -> _ByNode:
    """One form for float32 and one for integers, whose type {c} may be narrower than that of C's arithmetic."""

    def build(node: Node, operands: list[str]) -> str:
        return (of_float if _is_float(node) else of_integer).format(*operands, c=C_TYPES[node.outputs[0].dtype.name])

    return _ByNode(build)


def _chain(of_float: str, of_integer: str) -> _ByNode:
    """An operator of two arguments that takes any number."""
    pair = _typed(of_float, of_integer).build

    def build(node: Node, operands: list[str]) -> str:
        expression = operands[0]
        for operand in operands[1:]:
            expression = pair(node, [expression, operand])
        return expression

    return _ByNode(build)


EXPRESSIONS: dict[str, str | _ByNode] = {
    **{name: _activated(activation) for name, activation in ACTIVATIONS.items()},
    "Add": _typed("({0} + {1})", "({c})({0} + {1})"),
    "Sub": _typed("({0} - {1})", "({c})({0} - {1})"),
    "Mul": _typed("({0} * {1})", "({c})({0} * {1})"),
    "Div": _typed("({0} / {1})", "({c})undin_divide({0}, {1})"),
    "Neg": _typed("(-{0})", "({c})(-{0})"),
    "Abs": _typed("undin_abs({0})", "({c})undin_integer_max({0}, -{0})"),
    "Sum": _chain("({0} + {1})", "({c})({0} + {1})"),
    "Reciprocal": "(1.0f / {0})",
    "Sqrt": "undin_sqrt({0})",
    "Exp": "undin_exp({0})",
    "Log": "undin_log({0})",
    "Erf": "undin_erf({0})",
    "Sin": "undin_sin({0})",
    "Cos": "undin_cos({0})",
    "Tan": "(undin_sin({0}) / undin_cos({0}))",
    "Asin": "undin_asin({0})",
    "Acos": "undin_acos({0})",
    "Atan": "undin_atan({0})",
    "Floor": "undin_floor({0})",
    "Ceil": "undin_ceil({0})",
    "Sign": _typed("undin_sign({0})", "({c})(({0} > 0) - ({0} < 0))"),
    "Mod": _ByNode(_mod),
    "IsNaN": "({0} != {0})",
    "IsInf": _ByNode(_is_inf),
    "Pow": _ByNode(_pow),
    "Round": "undin_round({0})",
    "Relu": _typed("undin_relu({0})", "undin_integer_max({0}, 0)"),
    "PRelu": "undin_leaky_relu({0}, {1})",
    "Selu": _ByNode(_selu),
    "HardSwish": "undin_hard_swish({0})",
    "Clip": _ByNode(_clip),
    "Min": _chain("undin_smallest({0}, {1})", "undin_integer_min({0}, {1})"),
    "Max": _chain("undin_largest({0}, {1})", "undin_integer_max({0}, {1})"),
    "Equal": "({0} == {1})",
    "Greater": "({0} > {1})",
    "GreaterOrEqual": "({0} >= {1})",
    "Less": "({0} < {1})",
    "LessOrEqual": "({0} <= {1})",
    "And": "({0} & {1})",
    "Or": "({0} | {1})",
    "Xor": "({0} ^ {1})",
    "Not": "(!{0})",
    "Where": "({0} ? {1} : {2})",
    "Cast": _ByNode(_cast),
}

OPERATORS = dict.fromkeys(EXPRESSIONS, pointwise)
