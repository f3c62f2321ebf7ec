"""If, Loop and Scan: their graphs take their place, as often as they are run, since all sizes are known.

Which branch is taken, and how often a loop runs, follows from constants in nearly every published file: tests of
shapes, a sample rate. Where a condition is not known, the graph has both branches and a choice of their results; that
only one of them runs is the business of ``lower/branches``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx

from undin.compiler.ir.graph import Node, NotConstant, Unsupported, Value
from undin.compiler.ir.sizes.reading import axis_in, hold

if TYPE_CHECKING:
    from undin.compiler.ir.reader import Reader

CHOICE = "is_choice"
"""Attribute of a Where that chooses between the results of branches."""

MAX_RUNS = 1024
"""Of the graph of a loop: more would be more code than anybody wants."""


def if_(reader: "Reader", node: Node, names: Sequence[str]) -> list[Node]:
    """The branch of a known condition, else both and a choice that `CHOICE` marks."""
    condition = node.inputs[0]
    hold(condition.size == 1 and condition.dtype == np.bool_, node, "its condition is no single truth")
    branches = [node.get(name) for name in ("then_branch", "else_branch")]
    if condition.constant is not None:
        taken, results = reader.inside(branches[not condition.constant.reshape(-1)[0]], {})
        reader.enter(names, results)
        return taken
    nodes: list[Node] = []
    if condition.shape:
        condition = reader.make(nodes, "Reshape", node, [condition, Value.of("", np.zeros(0, np.int64))])
    (made, yes), (others, no) = (reader.inside(branch, {}) for branch in branches)
    nodes += [*made, *others]
    chosen = []
    for a, b in zip(yes, no, strict=True):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            both = f"its branches give {a} and {b}, so its condition {node.inputs[0].name!r} must be a constant"
            raise NotConstant(node, both, node.inputs[0])
        chosen.append(reader.make(nodes, "Where", node, [condition, a, b]))
        if chosen[-1].constant is None:
            nodes[-1].attributes[CHOICE] = 1
    reader.enter(names, chosen, types=[reader.type_of(value) for value in yes])
    return nodes


def loop(reader: "Reader", node: Node, names: Sequence[str]) -> list[Node]:
    """As many copies of the body as it runs."""
    body: onnx.GraphProto = node.get("body")
    count, condition = node.input(0), node.input(1)
    for value in filter(None, (count, condition)):
        if value.constant is None:
            raise NotConstant(node, f"how often it runs depends on {value.name!r}, which must be a constant", value)
    most = MAX_RUNS + 1 if count is None else int(count.constant.reshape(-1)[0])
    goes_on = condition is None or bool(condition.constant.reshape(-1)[0])
    carried = list(node.inputs[2:])
    gathered: list[list[Value]] = [[] for _ in body.output[1 + len(carried) :]]
    nodes: list[Node] = []
    run = 0
    while goes_on and run < most:
        hold(run < MAX_RUNS, node, f"it runs more than {MAX_RUNS} times")
        step = [Value.of("iteration", np.array(run, np.int64)), Value.of("condition", np.array(True)), *carried]
        made, (again, *results) = reader.inside(body, dict(zip((i.name for i in body.input), step, strict=True)))
        hold(again.constant is not None, node, "when it ends depends on values known at run time only")
        nodes += made
        goes_on = bool(again.constant.reshape(-1)[0])
        carried = results[: len(carried)]
        for pieces, value in zip(gathered, results[len(carried) :], strict=True):
            pieces.append(value)
        run += 1
    hold(run > 0 or not gathered, node, "it never runs, and so gives no results")
    stacked = [_stacked(reader, nodes, node, pieces, 0) for pieces in gathered]
    reader.enter(names, [*carried, *stacked])
    return nodes


def scan(reader: "Reader", node: Node, names: Sequence[str]) -> list[Node]:
    """A copy of the body for each position of the sequences that it reads."""
    body: onnx.GraphProto = node.get("body")
    count = node.get("num_scan_inputs")
    hold(reader.opset >= 9, node, "before opset 9 it had a batch: export the model with a newer opset")
    carried, sequences = list(node.inputs[: len(node.inputs) - count]), node.inputs[len(node.inputs) - count :]
    results_count = len(body.output) - len(carried)
    axes = [
        axis_in(node, axis, len(value.shape))
        for axis, value in zip(node.get("scan_input_axes") or [0] * count, sequences, strict=True)
    ]
    backwards = node.get("scan_input_directions") or [0] * count
    lengths = {value.shape[axis] for value, axis in zip(sequences, axes, strict=True)}
    hold(len(lengths) == 1, node, "its sequences are not as long as each other")
    (steps,) = lengths
    hold(0 < steps <= MAX_RUNS, node, f"it runs {steps} times, and undin copies at most {MAX_RUNS}")
    nodes: list[Node] = []
    gathered: list[list[Value]] = [[] for _ in range(results_count)]
    for step in range(steps):
        given = list(carried)
        for value, axis, backward in zip(sequences, axes, backwards, strict=True):
            index = Value.of("", np.array(steps - 1 - step if backward else step, np.int64))
            given.append(reader.make(nodes, "Gather", node, [value, index], axis=axis))
        made, results = reader.inside(body, dict(zip((info.name for info in body.input), given, strict=True)))
        nodes += made
        carried = results[: len(carried)]
        for pieces, value in zip(gathered, results[len(carried) :], strict=True):
            pieces.append(value)
    out_axes = node.get("scan_output_axes") or [0] * results_count
    out_backwards = node.get("scan_output_directions") or [0] * results_count
    stacked = []
    for pieces, axis, backward in zip(gathered, out_axes, out_backwards, strict=True):
        stacked.append(_stacked(reader, nodes, node, pieces[::-1] if backward else pieces, axis))
    reader.enter(names, [*carried, *stacked])
    return nodes


def _stacked(reader: "Reader", nodes: list[Node], node: Node, pieces: list[Value], axis: int) -> Value:
    """Values side by side along a new axis."""
    axis = axis_in(node, axis, len(pieces[0].shape) + 1)
    place = Value.of("", np.array([axis], np.int64))
    wide = [reader.make(nodes, "Unsqueeze", node, [piece, place]) for piece in pieces]
    return reader.make(nodes, "Concat", node, wide, axis=axis)


def refused(reader: "Reader", node: Node, names: Sequence[str]) -> list[Node]:
    """Operators that run graphs, and that nobody has met."""
    raise Unsupported(node, "it runs graphs of its own, and undin knows If, Loop and Scan")


OPERATORS = {"If": if_, "Loop": loop, "Scan": scan}
