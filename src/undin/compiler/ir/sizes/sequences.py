"""Recurrent cells: what each of their inputs must be, and the states that they give."""

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import CELL_ACTIVATIONS, GATES
from undin.compiler.ir.sizes.reading import Shape, hold, hold_shape, shape_of


def recurrent(node: Node, opset: int) -> list[Shape]:
    """Hidden states of all steps, the last of them, and for an LSTM the last of its cell."""
    x, gates = shape_of(node, 0, rank=3), GATES[node.operator]
    batch_first = node.get("layout", 0) == 1
    steps, rows = (x[1], x[0]) if batch_first else x[:2]
    direction = node.get("direction", "forward")
    hold(direction in ("forward", "reverse", "bidirectional"), node, f"it knows no direction {direction!r}")
    directions = 2 if direction == "bidirectional" else 1
    hidden = shape_of(node, 2, rank=3)[2]
    hold(node.get("hidden_size", hidden) == hidden, node, f"its hidden_size {node.get('hidden_size')} is not {hidden}")
    hold(hidden > 0, node, "it has no hidden state")
    state = (rows, directions, hidden) if batch_first else (directions, rows, hidden)
    hold_shape(node, 1, (directions, gates * hidden, x[2]))
    hold_shape(node, 2, (directions, gates * hidden, hidden))
    hold_shape(node, 3, (directions, 2 * gates * hidden))
    hold_shape(node, 4, (rows,))
    hold_shape(node, 5, state)
    hold_shape(node, 6, state)
    hold_shape(node, 7, (directions, 3 * hidden))
    names = node.get("activations")
    count = len(CELL_ACTIVATIONS[node.operator]) * directions
    hold(not names or len(names) == count, node, f"it names {len(names or ())} activations of {count}")
    hold(node.get("clip") is None or node.get("clip") > 0, node, f"its clip is {node.get('clip')}")
    all_states = (rows, steps, directions, hidden) if batch_first else (steps, directions, rows, hidden)
    return [all_states, state, state]


RULES = dict.fromkeys(GATES, recurrent)
