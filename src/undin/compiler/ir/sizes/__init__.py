"""How large every operator's outputs are: rules of our own, since memory depends on them.

A file may declare whatever shapes it likes, and ONNX's inference gives a pool with ``ceil_mode`` or a Resize another
size than every runtime. The rules here are held to ONNX Runtime (``tests/compiler/test_random_graphs.py``), and what
they refuse is not valid: weights that do not fit, indices outside of an axis, sizes beyond all memory. What an
operator's outputs are made of (float32, int64, …) is told by ONNX's schemas.
"""

from collections.abc import Callable, Sequence

from undin.compiler.ir.graph import Node, Unsupported
from undin.compiler.ir.sizes import contributed, elementwise, gathering, moving, products, sequences, summing, windows
from undin.compiler.ir.sizes.reading import Shape

MAX_ELEMENTS = 1 << 25
"""A tensor has fewer: C counts bytes with int, and the largest published networks have half as many."""

RULES: dict[str, Callable[[Node, int], Sequence[Shape | None]]] = {
    name: rule
    for module in (contributed, elementwise, gathering, moving, products, sequences, summing, windows)
    for name, rule in module.RULES.items()
}
"""By operator: a function of the node and of the version of ONNX's operators that it means."""


def shapes_of(node: Node, opset: int) -> list[Shape | None] | None:
    """The shapes of a node's outputs, in their order; None where no rule knows the operator.

    Raises
    ------
    Unsupported
        The node is not valid, a shape depends on values known at run time only, or an output is too large.
    """
    rule = RULES.get(node.operator)
    if rule is None:
        return None
    shapes = [None if shape is None else tuple(int(length) for length in shape) for shape in rule(node, opset)]
    for shape in filter(None, shapes):
        check_size(node, shape)
    return shapes


def check_size(node: Node, shape: Shape) -> None:
    """Refuse outputs that no step can compute, and lengths below 0."""
    if any(length < 0 for length in shape):
        raise Unsupported(node, f"its output would have the shape {shape}")
    if is_too_large(shape):
        raise Unsupported(node, f"its output would have the shape {shape}, and undin computes fewer than 2^24 elements")


def is_too_large(shape: Shape) -> bool:
    """Whether C cannot count the elements, or the steps from one to the next where there are none."""
    size = 1
    for length in shape:
        size *= max(length, 1)
    return size >= MAX_ELEMENTS
