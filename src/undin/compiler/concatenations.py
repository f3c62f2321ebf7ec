"""What is cut out of a concatenation is cut out of its pieces.

Caches of past frames are often kept in one tensor, out of which slices are read and into which others are written. Once
slices find the pieces, the tensors in between have no readers and are never made.
"""

from undin.compiler.decompose.builder import Builder
from undin.compiler.graph import OPSET, Graph, Node, Value


def read_pieces(graph: Graph) -> None:
    """Let slices and gathers of concatenations read the pieces instead, in place."""
    concatenations: dict[Value, Node] = {}
    readers = graph.readers()
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.operator == "Concat":
            concatenations[node.outputs[0]] = node
        source = concatenations.get(node.inputs[0]) if node.inputs else None
        found = _positions(node, source)
        if found is None:
            nodes.append(node)
            continue
        # Whole pieces or parts of one cost nothing; parts of several are worth it where nothing else needs the whole.
        parts = _parts(source, *found)
        every_cut = all(_positions(reader, source) for reader in readers[source.outputs[0]])
        if len(parts) > 1 and (not every_cut or source.outputs[0] in graph.outputs):
            nodes.append(node)
            continue
        builder = Builder(node, OPSET)
        axis = source.get("axis") % len(source.outputs[0].shape)
        pieces = [
            piece if stop - start == piece.shape[axis] else builder.slice(piece, axis, start, stop)
            for piece, start, stop in parts
        ]
        result = pieces[0] if len(pieces) == 1 else builder("Concat", *pieces, axis=axis)
        builder.give((builder.reshape(result, node.outputs[0].shape),))
        nodes += builder.nodes
        # Later cuts may find what was made here.
        concatenations |= {made.outputs[0]: made for made in builder.nodes if made.operator == "Concat"}
    graph.nodes = nodes
    graph.drop_unread()


def _positions(node: Node, concatenation: Node | None) -> tuple[int, int] | None:
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
