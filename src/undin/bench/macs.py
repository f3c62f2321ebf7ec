"""Arithmetic of a graph: multiply-accumulates of its matrix products, convolutions and recurrent cells.

Elementwise work and activations are not counted, as is the field's custom. ``nn/macs.py`` counts the same, of networks
in PyTorch.
"""

from math import prod

from undin.compiler.ir.graph import Graph, Node


def macs_per_step(graph: Graph) -> int:
    """Count the multiply-accumulates of one run of a graph, whose composite operators `decompose` has resolved."""
    return sum(COUNTS[node.operator](node) for node in graph.nodes if node.operator in COUNTS)


def _matmul(node: Node) -> int:
    return node.outputs[0].size * node.inputs[0].shape[-1]


def _conv(node: Node) -> int:
    """Every output meets one kernel; what it reads of the padding counts too."""
    return node.outputs[0].size * prod(node.inputs[1].shape[1:])


def _conv_transpose(node: Node) -> int:
    """Every input meets one kernel."""
    return node.inputs[0].size * prod(node.inputs[1].shape[1:])


def _recurrent(node: Node) -> int:
    """Every step of every sequence meets the weights of its inputs and of its state, in all directions."""
    x, weights, recurrence = node.inputs[:3]
    return prod(x.shape[:2]) * (weights.size + recurrence.size)


COUNTS = {
    "MatMul": _matmul,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _recurrent),
}
