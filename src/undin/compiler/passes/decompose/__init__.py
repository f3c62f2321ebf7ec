"""Operators written as simpler ones, so that fewer of them need code of their own.

Each rule takes a builder and a node and returns the values that take the place of its outputs. What comes out is still
ONNX, with the same meaning; fusing is the work of ``rewrite``, which runs next. `builder` is the tool, the other files
hold the rules.
"""

from undin.compiler.ir.graph import OPSET, Graph, Node
from undin.compiler.lower import OPERATORS
from undin.compiler.passes.decompose import (
    columns,
    contributed,
    functions,
    integers,
    normalizations,
    places,
    products,
    resampling,
    scattering,
    simple,
    spectra,
    sums,
    unrolled,
)
from undin.compiler.passes.decompose.builder import Builder

RULES = {
    name: rule
    for module in (
        columns,
        contributed,
        integers,
        normalizations,
        places,
        products,
        resampling,
        scattering,
        simple,
        spectra,
        sums,
        unrolled,
    )
    for name, rule in module.RULES.items()
}


def decompose(graph: Graph) -> None:
    """Replace every node that a rule knows, in place.

    Raises
    ------
    Unsupported
        A node uses its operator in a way that cannot be compiled.
    """
    graph.nodes = [made for node in graph.nodes for made in _made_of(node, graph.opset)]
    graph.drop_unread()


def _made_of(node: Node, opset: int) -> list[Node]:
    """The nodes that take the place of one; what rules make, other rules may take apart further."""
    rule = RULES.get(node.operator, None if node.operator in OPERATORS else functions.written_out)
    builder = Builder(node, opset)
    results = rule(builder, node) if rule else None
    if results is None:
        return [node]
    builder.give(results if isinstance(results, tuple) else (results,))
    return [made for part in builder.nodes for made in _made_of(part, OPSET)]
