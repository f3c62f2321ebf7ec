"""Lowering: every node becomes views, or steps that call kernels.

`lowering` holds the state, the other files the operators.
"""

from undin.compiler.ir.graph import Graph, Unsupported
from undin.compiler.ir.operators import IDENTITY
from undin.compiler.ir.program import Program
from undin.compiler.lower import (
    gathers,
    int8,
    int8_cells,
    pointwise,
    pools,
    products,
    ranking,
    recurrent,
    reductions,
    shapes,
)
from undin.compiler.lower.branches import guards_of
from undin.compiler.lower.lowering import Lowering

OPERATORS = {
    name: function
    for module in (shapes, gathers, pointwise, reductions, ranking, pools, products, recurrent)
    for name, function in module.OPERATORS.items()
}

IN_INTEGERS = int8.OPERATORS | int8_cells.OPERATORS
"""Of nodes that ``quantize`` has marked."""

PLAIN = "UNDIN_IDENTITY", "UNDIN_RELU"
"""Activations that leave of sums what they are, or 0."""


def lower(graph: Graph) -> Program:
    """Turn a graph into a program.

    Raises
    ------
    Unsupported
        A node's operator, or the way it is used, is not known.
    """
    lowering, guards = Lowering(graph), guards_of(graph)
    for node in graph.nodes:
        before = len(lowering.steps)
        if node.operator not in OPERATORS:
            raise Unsupported(node, "undin does not know this operator")
        operators = IN_INTEGERS if node.get("quantization") else OPERATORS
        operators[node.operator](lowering, node)
        activation = node.get("activation", IDENTITY).enumerator
        for step in lowering.steps[before:]:
            step.is_of_integers = operators is IN_INTEGERS and node.operator in int8.OPERATORS and activation in PLAIN
            step.guard = [(lowering.view(condition), wanted) for condition, wanted in guards.get(node, ())]
    return lowering.program()
