"""Simpler graphs: what two nodes compute, one kernel computes where it can.

Everything here replaces nodes by nodes with the same meaning; the attributes ``activation`` and ``activation_alpha``
and the third input of a MatMul, its bias, are the only ones that ONNX does not know.
"""

import numpy as np

from undin.compiler.graph import Graph, Node, Value

PRODUCTS = ("Conv", "ConvTranspose", "MatMul")
FUSED_ACTIVATIONS = ("Relu", "LeakyRelu", "Sigmoid", "Tanh")


def rewrite(graph: Graph) -> None:
    """Simplify a graph in place."""
    _add_biases(graph)
    _fuse_activations(graph)


def _only_reader(graph: Graph, readers: dict[Value, list[Node]], value: Value) -> Node | None:
    found = readers.get(value, [])
    return found[0] if len(found) == 1 and value not in graph.outputs else None


def _add_biases(graph: Graph) -> None:
    """MatMul + Add of a constant row: the product begins its sums with it."""
    readers = graph.readers()
    for node in graph.nodes:
        if node.operator != "MatMul" or node.inputs[1].constant is None or len(node.outputs[0].shape) < 2:
            continue
        add = _only_reader(graph, readers, node.outputs[0])
        if add is None or add.operator != "Add" or add.outputs[0].shape != node.outputs[0].shape:
            continue
        bias = add.inputs[1] if add.inputs[0] is node.outputs[0] else add.inputs[0]
        columns = node.outputs[0].shape[-1]
        if (
            bias.constant is None
            or bias.constant.size not in (1, columns)
            or bias.constant.shape[-1:] not in ((1,), (columns,), ())
        ):
            continue
        row = np.broadcast_to(bias.constant.reshape(-1), (columns,)).astype(np.float32)
        node.inputs = [*node.inputs[:2], Value.of(bias.name, row)]
        node.outputs = add.outputs
        graph.nodes = [other for other in graph.nodes if other is not add]


def _fuse_activations(graph: Graph) -> None:
    """A product and the activation of its result."""
    readers = graph.readers()
    for node in list(graph.nodes):
        if node.operator not in PRODUCTS:
            continue
        activation = _only_reader(graph, readers, node.outputs[0])
        if activation is not None and activation.operator in FUSED_ACTIVATIONS:
            node.attributes["activation"] = activation.operator
            node.attributes["activation_alpha"] = activation.get("alpha", 0.01)
            node.outputs = activation.outputs
            graph.nodes.remove(activation)
