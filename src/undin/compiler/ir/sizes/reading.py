"""What the rules ask of a node: axes, constants, and what two shapes become together."""

from collections.abc import Iterable

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value

Shape = tuple[int, ...]


def hold(is_true: bool, node: Node, otherwise: str) -> None:
    """Refuse a node that is not valid."""
    if not is_true:
        raise Unsupported(node, otherwise)


def shape_of(node: Node, index: int, *, rank: int | None = None) -> Shape:
    """The shape of an input that must be there."""
    value = node.input(index)
    hold(value is not None, node, f"it has no input {index}")
    hold(rank in (None, len(value.shape)), node, f"its input {value} must have {rank} axes")
    return value.shape


def axis_in(node: Node, axis: int, rank: int) -> int:
    """An axis counted from the front."""
    hold(-rank <= axis < rank, node, f"it has no axis {axis}")
    return int(axis) % rank


def axes_in(node: Node, axes: Iterable[int], rank: int) -> list[int]:
    """Axes counted from the front, none twice."""
    found = [axis_in(node, int(axis), rank) for axis in np.atleast_1d(np.asarray(axes, dtype=np.int64))]
    hold(len(set(found)) == len(found), node, f"its axes {found} name one of them twice")
    return found


def integers(node: Node, index: int, attribute: str | None = None) -> list[int] | None:
    """A list that newer operator sets take as a constant input and older ones as an attribute."""
    given = node.constant(index, attribute)
    if given is None:
        return None
    hold(np.ndim(given) < 2, node, f"its input {index} is no list")
    return [int(number) for number in np.atleast_1d(np.asarray(given))]


def broadcast(node: Node, *shapes: Shape) -> Shape:
    """What the operands become together."""
    rank = max(map(len, shapes), default=0)
    wide = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    result = []
    for lengths in zip(*wide, strict=True):
        length = next((length for length in lengths if length != 1), 1)
        hold(all(other in (1, length) for other in lengths), node, "its operands do not fit together")
        result.append(length)
    return tuple(result)


def hold_fits(node: Node, value: Value | None, shape: Shape, to: str) -> None:
    """Refuse an operand that broadcasting would make larger than what it meets."""
    if value is not None:
        wide = (1,) * (len(shape) - len(value.shape)) + value.shape
        fits = len(wide) == len(shape) and all(own in (1, other) for own, other in zip(wide, shape, strict=True))
        hold(fits, node, f"its input {value} does not fit {to}")


def hold_shape(node: Node, index: int, shape: Shape) -> None:
    """Refuse an input of another shape."""
    value = node.input(index)
    hold(value is None or value.shape == tuple(shape), node, f"its input {value} must have the shape {tuple(shape)}")
