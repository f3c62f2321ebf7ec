"""Which nodes are there for one branch of an If alone, so that they run only where that is taken.

An If whose condition is known at run time only is a choice between two results (``ir/control``); what leads to nothing
but one of them needs the condition to be as that branch has it. This is found after all passes, whatever they have made
of the branches, and holds for what stood before the If in the file as well.
"""

from undin.compiler.ir.control import CHOICE
from undin.compiler.ir.graph import Graph, Node, Value

Guard = tuple[tuple[Value, bool], ...]
"""Conditions, the outermost first, and what each must be."""


def guards_of(graph: Graph) -> dict[Node, Guard]:
    """The conditions under which each node runs; those that always run are left out."""
    places = {node: place for place, node in enumerate(graph.nodes)}
    makers = {value: place for node, place in places.items() for value in node.outputs if value}
    wanted: dict[Value, Guard] = dict.fromkeys(graph.outputs, ())
    guards: dict[Node, Guard] = {}
    for node in reversed(graph.nodes):
        guard: Guard | None = None
        for value in node.outputs:
            if value in wanted:
                guard = wanted[value] if guard is None else _common(guard, wanted[value])
        guard = guard or ()
        # A condition that is not known yet cannot keep a node from running.
        known = [makers.get(condition, -1) < places[node] for condition, _ in guard]
        guard = guard[: known.index(False)] if False in known else guard
        if guard:
            guards[node] = guard
        for place, value in enumerate(node.inputs):
            if value is None or value.constant is not None:
                continue
            inner = guard
            if node.get(CHOICE) and place > 0 and node.inputs.count(value) == 1:
                inner = (*guard, (node.inputs[0], place == 1))
            wanted[value] = inner if value not in wanted else _common(wanted[value], inner)
    return guards


def _common(one: Guard, other: Guard) -> Guard:
    """What both ask for, from the outermost on."""
    found = []
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        found.append(a)
    return tuple(found)
