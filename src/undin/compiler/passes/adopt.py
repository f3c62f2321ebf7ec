"""What a file has in integers of 8 bits: its products take them as they are.

QuantizeLinear and DequantizeLinear, one after the other, leave a value in floats but round it: that is one node here,
FakeQuantize, which ONNX does not know (``pair_roundings``, the first pass of all). Once the graph is simple, a product
that reads one, and whose weights are whole numbers of 8 bits times a scale, is marked: it reads the value as integers
by itself, so nothing is rounded twice, and its weights stay as they are (``adopt_integers``, the last pass). What is
left of FakeQuantize becomes arithmetic on floats.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from undin.compiler.ir.graph import OPSET, Graph, Node, Value
from undin.compiler.ir.operators import PRODUCTS, RESHAPES, VIEWS, Quantization
from undin.compiler.lower.int8_fits import hindrance, is_band_mix, weights_by_column
from undin.compiler.lower.int8_weights import known_scale
from undin.compiler.passes.decompose.builder import Builder

FAKE_QUANTIZE = "FakeQuantize"

IS_ROUNDED = "is_rounded"
"""The attribute of a FakeQuantize whose input has whole steps already: for products alone, and nothing to compute."""

MOVERS = (*RESHAPES, "Transpose", "Slice", "MaxPool", "Gather", "Expand")
"""Move integers, or choose among them: the same on floats that were rounded to them."""


def pair_roundings(graph: Graph) -> None:
    """Make a FakeQuantize of every QuantizeLinear whose result is only made floats again."""
    nodes = [made for node in graph.nodes for made in _as_pairs(node)]
    producers = {output: node for node in nodes for output in node.outputs if output}
    floats: dict[tuple[Value, float, int], Value] = {}
    graph.nodes = []
    for node in nodes:
        made = list(_floats_of(node, producers, floats)) if node.operator == "DequantizeLinear" else [node]
        graph.nodes += made
    graph.drop_unread()


def _as_pairs(node: Node) -> list[Node]:
    """A product of integers with constant weights as the product in floats that it stands for."""
    if node.operator not in ("QLinearConv", "QLinearMatMul"):
        return [node]
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = node.inputs[:8]
    if x.constant is not None:  # exact once, and halves are rounded as runtimes round them
        return [node]
    if any(value.constant is None for value in (x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero)):
        return [node]
    make = Builder(node, OPSET)
    is_matrix = node.operator == "QLinearMatMul"
    axis = len(w.shape) - 1 if is_matrix else 0
    if (is_matrix and len(w.shape) > 2 and w_scale.size > 1) or x_scale.size > 1 or y_scale.size > 1:
        return [node]
    weights = make("DequantizeLinear", w, _row(w_scale), _row(w_zero), axis=axis)
    inputs = [make("DequantizeLinear", x, _row(x_scale), _row(x_zero)), weights]
    if node.input(8) is not None:
        if node.inputs[8].constant is None:
            return [node]
        scale = (x_scale.constant * w_scale.constant).reshape(-1)
        inputs.append(make.value((node.inputs[8].constant * scale).astype(np.float32)))
    y = make("MatMul" if is_matrix else "Conv", *inputs, **node.attributes)
    make.give((make("QuantizeLinear", y, _row(y_scale), _row(y_zero)),))
    return make.nodes


def _row(parameter: Value) -> Value:
    """A scale or zero point as a number, where it is one."""
    return Value.of(parameter.name, parameter.constant.reshape(() if parameter.size == 1 else (-1,)))


def _floats_of(
    node: Node, producers: dict[Value, Node], floats: dict[tuple[Value, float, int], Value]
) -> Iterator[Node]:
    """What takes the place of a DequantizeLinear: what rounds, and moves, floats; the node itself if it is not that."""
    parameters = _parameters(node)
    moves, source = [], producers.get(node.inputs[0])
    while source is not None and source.operator in MOVERS and _moves_one(source):
        moves.append(source)
        source = producers.get(source.inputs[0])
    integers = node.inputs[0] if source is None else source.outputs[0]
    if parameters is None or integers.dtype not in (np.int8, np.uint8) or integers.constant is not None:
        yield node
        return
    scale, zero = parameters
    attributes: dict[str, Any] = {
        "quantization": Quantization((scale,), zero - (128 if integers.dtype == np.uint8 else 0))
    }
    if (
        source is None
        or source.operator != "QuantizeLinear"
        or _parameters(source) != parameters
        or source.inputs[0].dtype != np.float32
    ):
        whole = Value(f"{node.outputs[0].name} in floats", node.outputs[0].shape, node.outputs[0].dtype)
        yield Node(node.operator, node.name, node.inputs, [whole], node.attributes)
        yield Node(FAKE_QUANTIZE, node.name, [whole], node.outputs[:1], attributes | {IS_ROUNDED: True})
        return
    value = source.inputs[0]
    if (integers, *parameters) not in floats:
        rounded = Value(f"{integers.name} in floats", value.shape, value.dtype)
        yield Node(FAKE_QUANTIZE, source.name, [value], [rounded], attributes)
        floats[integers, scale, zero] = rounded
    current = floats[integers, scale, zero]
    for move in reversed(moves):
        moved = Value(f"{move.outputs[0].name} for {node.name}", move.outputs[0].shape, value.dtype)
        yield Node(move.operator, move.name, [current, *move.inputs[1:]], [moved], dict(move.attributes))
        current = moved
    # What chooses among rounded values leaves them as they are; a product sees that only if it is said again.
    is_seen = all(move.operator in VIEWS for move in moves)
    operator, attributes = ("Identity", {}) if is_seen else (FAKE_QUANTIZE, attributes | {IS_ROUNDED: True})
    yield Node(operator, node.name, [current], node.outputs[:1], attributes)


def _parameters(node: Node) -> tuple[float, int] | None:
    """Scale and zero point of a node that has one of each, known at compile time."""
    scale, zero = node.inputs[1], node.input(2)
    if scale.constant is None or scale.size != 1 or scale.constant.dtype != np.float32 or node.get("block_size"):
        return None
    if zero is None:
        return float(scale.constant.item()), 0
    if zero.constant is None or zero.size != 1:
        return None
    return float(scale.constant.item()), int(zero.constant.item())


def _moves_one(node: Node) -> bool:
    known = all(value is None or value.constant is not None for value in node.inputs[1:])
    return known and sum(output is not None for output in node.outputs) == 1


def adopt_integers(graph: Graph) -> None:
    """Mark products that read a FakeQuantize, and make arithmetic of what is left of it."""
    producers = {output: node for node in graph.nodes for output in node.outputs if output}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.operator in PRODUCTS:
            nodes += _adopted(node, producers)
        nodes.append(node)
    graph.nodes = [made for node in nodes for made in _as_arithmetic(node)]
    graph.drop_unread()


def _adopted(node: Node, producers: dict[Value, Node]) -> Iterator[Node]:
    """Let a product read integers, if it can: what it then needs before it."""
    views, source = [], producers.get(node.inputs[0])
    while source is not None and source.operator in VIEWS:
        views.append(source)
        source = producers.get(source.inputs[0])
    if source is None or source.operator != FAKE_QUANTIZE or hindrance(node) or not _has_whole_weights(node):
        return
    current = source.inputs[0]
    for view in reversed(views):
        seen = Value(f"{view.outputs[0].name} for {node.name}", view.outputs[0].shape, current.dtype)
        yield Node(view.operator, view.name, [current, *view.inputs[1:]], [seen], dict(view.attributes))
        current = seen
    node.inputs[0] = current
    node.attributes["quantization"] = source.attributes["quantization"]


def _has_whole_weights(node: Node) -> bool:
    _, zeros, is_known = known_scale(weights_by_column(node))
    return bool(is_known.all()) and not (is_band_mix(node) and zeros.any())


def _as_arithmetic(node: Node) -> list[Node]:
    if node.operator != FAKE_QUANTIZE:
        return [node]
    if node.get(IS_ROUNDED):
        return [Node("Identity", node.name, node.inputs, node.outputs)]
    make, quantization = Builder(node, OPSET), node.attributes["quantization"]
    (scale,), zero = quantization.scales, quantization.zero_point
    rounded = make("Round", make("Div", node.inputs[0], scale))
    make.give((make("Mul", make("Clip", rounded, float(-128 - zero), float(127 - zero)), scale),))
    return make.nodes
