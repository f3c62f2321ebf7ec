"""Simpler graphs: what two nodes compute, one kernel computes where it can.

Everything here replaces nodes by nodes with the same meaning. Only the attribute ``activation``, an `Activation`, and
the third input of a MatMul, its bias, are not known to ONNX. That bias is a row, or has the shape of the output.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from undin.compiler.ir.graph import Graph, Node, Value
from undin.compiler.ir.operators import ACTIVATIONS, BOUNDED_RELU, CLIP, PRODUCTS, VIEWS, Activation, seen_back
from undin.compiler.passes.concatenations import read_pieces
from undin.compiler.passes.detours import remove_detours
from undin.compiler.passes.padding import join_paddings


def rewrite(graph: Graph) -> None:
    """Simplify a graph in place."""
    join_paddings(graph)
    remove_detours(graph)
    read_pieces(graph)
    readers = graph.readers()
    for product in [node for node in graph.nodes if node.operator in PRODUCTS]:
        while _join(graph, readers, product):
            pass


def _join(graph: Graph, readers: dict[Value, list[Node]], product: Node) -> bool:
    """Let a product do what the only reader of its result does to it, beyond views that are only read once as well."""
    views, reader = [], product
    while reader is product or reader.operator in VIEWS:
        if reader is not product:
            views.append(reader)
        value = reader.outputs[0]
        found = readers.get(value, [])
        if len(found) != 1 or value in graph.outputs:
            return False
        reader = found[0]
    if reader.outputs[0] is None or reader.outputs[0].shape != value.shape:  # a GRU may have no first output
        return False
    if not (_join_affine(product, views, reader, value) or _join_activation(product, reader)):
        return False
    (views[-1] if views else product).outputs = reader.outputs
    graph.nodes.remove(reader)
    return True


def _join_affine(product: Node, views: list[Node], reader: Node, value: Value) -> bool:
    """Scale and shift the channels of a product with constant weights, as a folded batch norm does."""
    weights, bias = product.inputs[1].constant, product.input(2)
    is_first = reader.inputs[0] is value
    if (
        weights is None
        or value.dtype != np.float32
        or product.get("activation")
        or reader.operator not in (("Add", "Sub", "Mul", "Div") if is_first else ("Add", "Mul"))
        or (bias is not None and bias.constant is None)
    ):
        return False
    other = reader.inputs[1 if is_first else 0].constant
    if other is None:
        return False
    # What meets each element of the product itself.
    every = np.broadcast_to(other, value.shape)
    for view in reversed(views):
        every = seen_back(view, every)
    axis = every.ndim - 1 if product.operator == "MatMul" else 1
    row = np.moveaxis(every, axis, -1).reshape(-1, every.shape[axis])
    is_row = len(row) > 0 and (row == row[0]).all()
    if not is_row and (product.operator != "MatMul" or reader.operator not in ("Add", "Sub")):
        return False
    number = row[0] if is_row else every
    old = np.float32(0) if bias is None else bias.constant
    if reader.operator in ("Add", "Sub"):
        new = old + (number if reader.operator == "Add" else -number)
    else:
        scale = number if reader.operator == "Mul" else 1 / number
        product.inputs[1] = Value.of(product.inputs[1].name, _scaled(product, weights, scale))
        new = old * scale
    product.inputs = [*product.inputs[:2], Value.of(f"{product.outputs[0].name} bias", new.astype(np.float32))]
    return True


def _scaled(product: Node, weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Weights whose outputs are `scale` times as large."""
    if product.operator == "MatMul":
        return weights * scale
    if product.operator == "Conv":
        return weights * scale.reshape(-1, *[1] * (weights.ndim - 1))
    # ConvTranspose has (in, out / group, kernel …), and groups along the first axis
    group = product.get("group", 1)
    grouped = weights.reshape(group, -1, *weights.shape[1:])
    return (grouped * scale.reshape(group, 1, -1, *[1] * (weights.ndim - 2))).reshape(weights.shape)


def _join_activation(product: Node, reader: Node) -> bool:
    """Let a product apply the activation of its result."""
    if product.outputs[0].dtype != np.float32:
        return False
    joined = product.get("activation")
    activation = _bounded(reader, joined) or (None if joined else _activation_of(reader))
    if activation is None:
        return False
    product.attributes["activation"] = activation
    return True


def _bounded(node: Node, joined: Activation | None) -> Activation | None:
    """What a Max with a number makes of a product, or of one that is activated by a LeakyRelu."""
    numbers = [value.constant for value in node.inputs if value is not None and value.constant is not None]
    if node.operator != "Max" or len(node.inputs) != 2 or len(numbers) != 1 or numbers[0].size != 1:
        return None
    bound = float(numbers[0].reshape(-1)[0])
    if joined is None:
        return replace(CLIP, alpha=bound)
    if joined.name == ACTIVATIONS["LeakyRelu"].name:
        return replace(BOUNDED_RELU, alpha=joined.alpha, beta=bound)
    return None


def _activation_of(node: Node) -> Activation | None:
    """What a node does to each element of its input, if a product can do it."""
    if node.operator == "PRelu" and node.inputs[1].constant is not None and node.inputs[1].constant.size == 1:
        return replace(ACTIVATIONS["LeakyRelu"], alpha=float(node.inputs[1].constant.reshape(-1)[0]))
    if node.operator != "Clip":
        return ACTIVATIONS[node.operator].of(node) if node.operator in ACTIVATIONS else None
    limits: list[Any] = [
        node.constant(i, key) if node.input(i) is None or node.input(i).constant is not None else ()
        for i, key in ((1, "min"), (2, "max"))
    ]
    if any(np.size(limit) != 1 for limit in limits):
        return None
    named = zip(("alpha", "beta"), limits, strict=True)
    given: dict[str, Any] = {name: float(limit) for name, limit in named if limit is not None}
    return replace(CLIP, **given)
