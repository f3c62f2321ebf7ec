"""What is cut out of a concatenation is cut out of its pieces, and its mean is made of theirs.

Caches of past frames are often kept in one tensor, out of which slices are read and into which others are written. Once
readers find the pieces, the tensors in between have no readers and are never made.
"""

import numpy as np

from undin.compiler.ir.graph import OPSET, Graph, Node, Value
from undin.compiler.ir.operators import RESHAPES, VIEWS, axes_through
from undin.compiler.passes.decompose.builder import Builder


def read_pieces(graph: Graph) -> None:
    """Let slices, gathers and means of concatenations read the pieces instead, in place."""
    _Reader(graph).rewrite()


class _Reader:
    def __init__(self, graph: Graph):
        self.graph, self.readers = graph, graph.readers()
        self.concatenations: dict[Value, Node] = {}
        self.same: dict[Value, Value] = {}
        self.nodes: list[Node] = []

    def rewrite(self) -> None:
        for node in self.graph.nodes:
            self.add(node)
        self.graph.nodes = self.nodes
        self.graph.drop_unread()

    def add(self, node: Node) -> None:
        """Add a node, or what takes its place."""
        node.inputs = [self.same.get(value, value) for value in node.inputs]
        source = self.concatenations.get(node.inputs[0]) if node.inputs else None
        cut = _cut(node, source)
        make, result = Builder(node, OPSET), None
        if cut is not None and self.is_worth_it(node, source, cut):
            result = make.reshape(_joined(make, source, cut), node.outputs[0].shape)
        elif _is_mean(node, source):
            result = _mean(make, source)
        if result is not None:
            make.give((result,))
            for made in make.nodes:
                self.add(made)
            return
        if node.operator == "Identity" and node.outputs[0] not in self.graph.outputs:
            self.same[node.outputs[0]] = node.inputs[0]
            return
        self.nodes.append(node)
        if node.operator == "Concat":
            self.concatenations[node.outputs[0]] = node
        axis = _axis_behind(node, source) if source else None
        if axis is not None:
            # Were the pieces reshaped one by one, they would make the same; who cuts it can have them so.
            pieces = [make.reshape(piece, _shape_behind(node, piece, source, axis)) for piece in source.inputs]
            for made in make.nodes:
                self.add(made)
            self.concatenations[node.outputs[0]] = Node("Concat", node.name, pieces, node.outputs, {"axis": axis})

    def is_worth_it(self, node: Node, source: Node, cut: tuple[int, int]) -> bool:
        """Parts of several pieces must be put together again: only where that was to be copied anyway."""
        if len(_parts(source, *cut)) == 1:
            return True
        whole = source.outputs[0]
        is_needed = whole in self.graph.outputs or any(
            _cut(reader, source) is None and not _is_mean(reader, source) for reader in self.readers.get(whole, ())
        )
        return not is_needed or self.is_copied(node.outputs[0])

    def is_copied(self, value: Value) -> bool:
        """Whether all that happens to a value is that it becomes a part of another one or an output."""
        return value in self.graph.outputs or all(
            reader.operator == "Concat" or (reader.operator in VIEWS and self.is_copied(reader.outputs[0]))
            for reader in self.readers.get(value, ())
        )


def _joined(make: Builder, source: Node, cut: tuple[int, int]) -> Value:
    axis = source.get("axis") % len(source.outputs[0].shape)
    pieces = [
        piece if stop - start == piece.shape[axis] else make.slice(piece, axis, start, stop)
        for piece, start, stop in _parts(source, *cut)
    ]
    return pieces[0] if len(pieces) == 1 else make("Concat", *pieces, axis=axis)


def _cut(node: Node, concatenation: Node | None) -> tuple[int, int] | None:
    """First position and the one after the last that a node takes out along the axis of a concatenation."""
    if concatenation is None or node.inputs[0] is not concatenation.outputs[0]:
        return None
    shape = concatenation.outputs[0].shape
    axis = concatenation.get("axis") % len(shape)
    if node.operator == "Gather":
        index = node.inputs[1].constant
        if node.get("axis", 0) % len(shape) != axis or index is None or index.size != 1:
            return None
        start = int(index.reshape(-1)[0]) % shape[axis]
        return start, start + 1
    if node.operator != "Slice":
        return None
    starts, ends, axes, steps = (
        node.constant(i, name) for i, name in ((1, "starts"), (2, "ends"), (3, "axes"), (4, None))
    )
    axes = range(len(starts)) if axes is None else axes
    if len(starts) != 1 or axes[0] % len(shape) != axis or (steps is not None and steps[0] != 1):
        return None
    start, stop, _ = slice(int(starts[0]), int(ends[0])).indices(shape[axis])
    return start, stop


def _is_mean(node: Node, concatenation: Node | None) -> bool:
    """Whether a node takes the mean of all that was concatenated, position by position of the other axes."""
    if concatenation is None or node.operator != "AveragePool":
        return False
    shape, axis = list(concatenation.outputs[0].shape), concatenation.get("axis") % len(node.inputs[0].shape)
    kernel = [length if i == axis else 1 for i, length in enumerate(shape)]
    shape[axis] = 1
    return (
        node.get("kernel_shape") == kernel[2:]
        and node.outputs[0].shape == tuple(shape)
        and not any(node.get("pads") or [])
        and node.get("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    )


def _mean(make: Builder, concatenation: Node) -> Value:
    shape, axis = concatenation.outputs[0].shape, concatenation.get("axis") % len(concatenation.outputs[0].shape)
    sums = [
        piece if piece.shape[axis] == 1 else make("ReduceSum", piece, np.array([axis]))
        for piece in concatenation.inputs
    ]
    total = sums[0]
    for other in sums[1:]:
        total = make("Add", total, other)
    return make("Mul", total, 1 / shape[axis])


def _parts(concatenation: Node, start: int, stop: int) -> list[tuple[Value, int, int]]:
    """Pieces, and what of each lies between two positions."""
    axis = concatenation.get("axis") % len(concatenation.outputs[0].shape)
    parts, begin = [], 0
    for piece in concatenation.inputs:
        end = begin + piece.shape[axis]
        if max(start, begin) < min(stop, end):
            parts.append((piece, max(start, begin) - begin, min(stop, end) - begin))
        begin = end
    return parts


def _axis_behind(node: Node, concatenation: Node) -> int | None:
    """Where the axis of a concatenation is found behind a reshape that leaves it as it is."""
    if node.operator not in RESHAPES:
        return None
    axis, behind = concatenation.get("axis") % len(concatenation.outputs[0].shape), axes_through(node)
    return behind.index(axis) if axis in behind else None


def _shape_behind(node: Node, piece: Value, concatenation: Node, axis: int) -> tuple[int, ...]:
    """Of a piece that is reshaped as the whole was."""
    shape = list(node.outputs[0].shape)
    shape[axis] = piece.shape[concatenation.get("axis") % len(piece.shape)]
    return tuple(shape)
