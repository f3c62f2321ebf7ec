"""GRU, LSTM and RNN: one call of a kernel in ``c/undin_recurrent.h`` for each direction and time step.

The gates of all steps of a sequence read their inputs in one matrix product beforehand; only the recurrent half is
left to the steps.
"""

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.program import Recurrence, Run, Step
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import padded
from undin.compiler.lower.cells import GATES, Cell, cells_of
from undin.compiler.lower.lowering import Lowering, describe


def recurrent(lowering: Lowering, node: Node) -> None:
    """Lower a recurrent node of any direction and length."""
    x = lowering.view(node.inputs[0])
    batch_first = node.get("layout", 0) == 1
    if batch_first:
        x = x.transpose((1, 0, 2))
    steps, rows = x.shape[:2]
    hidden = node.constant(2).shape[-1]
    _check_lengths(node, steps, rows)
    x = lowering.dense(x, str(node.inputs[0]), unit_axis=2)
    cells = cells_of(lowering, node, hidden)
    directions = len(cells)
    shape = (directions, rows, hidden)
    states = [
        _state(lowering, node, index, shape, batch_first) for index in ((5, 6) if node.operator == "LSTM" else (5,))
    ]

    y_value, *last_values = [node.outputs[i] if i < len(node.outputs) else None for i in range(3)]
    y, last = _places(lowering, node, y_value, last_values[0], steps, shape, batch_first)
    cell_states = None
    if node.operator == "LSTM":
        cell_states = _last_state(lowering, node, last_values[1], shape, batch_first)

    runs = [_direction(lowering, node, cell, i, x, y, states, cell_states) for i, cell in enumerate(cells)]
    lowering.steps.append(Recurrence(node.operator.lower(), describe(node), runs=runs, count=steps))

    if last_values[0] is not None and last is None:
        target = _time_major(lowering.output(last_values[0]), batch_first)
        for direction, cell in enumerate(cells):
            end = y.select(0, 0 if cell.backward else steps - 1).select(0, direction)
            lowering.copy(end, target.select(0, direction), comment=str(last_values[0]))


def _time_major(view: View, batch_first: bool) -> View:
    """A state (B, D, H) seen as (D, B, H)."""
    return view.transpose((1, 0, 2)) if batch_first else view


def _check_lengths(node: Node, steps: int, rows: int) -> None:
    lengths = node.constant(4)
    if lengths is not None and (np.asarray(lengths) != steps).any():
        raise Unsupported(node, f"its sequence_lens {lengths.tolist()} are not all the whole length {steps}")


def _state(lowering: Lowering, node: Node, index: int, shape: tuple[int, ...], batch_first: bool) -> View:
    """An initial state (D, B, H)."""
    value = node.input(index)
    if value is None:
        return lowering.constant(np.zeros(shape, np.float32), "zeros")
    view = _time_major(lowering.view(value), batch_first)
    if _is_state(node, view):
        return view
    copy = lowering.scratch(shape, np.float32, value.name)
    lowering.copy(view, copy, comment=str(value))
    return copy


def _is_state(node: Node, view: View) -> bool:
    """Whether a kernel can read or write a state (…, B, H) there; an LSTM has one distance of rows for its two."""
    rows, hidden = view.shape[-2:]
    in_a_run = node.operator != "LSTM" or rows == 1 or view.strides[-2] == hidden
    return (hidden == 1 or view.strides[-1] == 1) and in_a_run


def _last_state(lowering: Lowering, node: Node, value: Value | None, shape: tuple[int, ...], batch_first: bool) -> View:
    """Where to compute a last state (D, B, H)."""
    place = lowering.place(value) if value is not None else None
    place = place and _time_major(place, batch_first)
    if place is None or not _is_state(node, place):
        place = lowering.scratch(shape, np.float32, value.name if value is not None else "state")
    if value is not None:
        lowering.views[value] = _time_major(place, batch_first)
    return place


def _places(lowering, node, y_value, last_value, steps, shape, batch_first) -> tuple[View, View | None]:
    """Where the hidden states (T, D, B, H) go, and the last of them if that is the same place."""
    if steps == 1 and last_value is not None:
        last = _last_state(lowering, node, last_value, shape, batch_first)
        y = View(last.buffer, (1, *shape), (0, *last.strides), last.offset)
    else:
        last = None
        y = lowering.scratch((steps, *shape), np.float32, y_value.name if y_value is not None else node.name)
        if y_value is not None and not batch_first:
            place = lowering.place(y_value)
            y = place if place is not None and _is_state(node, place) else y
        if last_value is not None and shape[0] == 1:
            direction = node.get("direction", "forward")
            last = y.select(0, 0 if direction == "reverse" else steps - 1)
            lowering.views[last_value] = _time_major(last, batch_first)
    if y_value is not None:  # layout 1 has (B, T, D, H)
        lowering.views[y_value] = y.transpose((2, 0, 1, 3)) if batch_first else y
    return y, last


def _direction(
    lowering: Lowering,
    node: Node,
    cell: Cell,
    direction: int,
    x: View,
    y: View,
    states: list[View],
    cell_states: View | None,
) -> Run:
    steps, rows, size_in = x.shape
    hidden = y.shape[-1]
    width = GATES[node.operator] * padded(hidden)
    y = y.slice(1, direction, direction + 1).squeeze((1,))
    bias, bias_row, inputs = cell.bias, 0, size_in
    if steps > 1:
        bias, bias_row, inputs = _project(lowering, node, cell, x, width), width, 0
    reset_first = node.operator == "GRU" and cell.reset_bias is None
    h = states[0].select(0, direction)
    reads = {"x": x, "h": h, "w": cell.w, "r": cell.r, "bias": bias}
    writes = {"h_next": y}
    if node.operator == "LSTM":
        reads["c"], writes["c_next"] = states[1].select(0, direction), cell_states.select(0, direction)
    if cell.reset_bias is not None:
        reads["reset_bias"] = cell.reset_bias
    if cell.peephole is not None:
        reads["peephole"] = cell.peephole
    if reset_first:
        writes["reset_h"] = lowering.scratch((rows, hidden), np.float32, f"{node.name} reset state")

    def shape(state_row: int) -> str:
        fields = (
            f".rows = {rows}, .inputs = {inputs}, .hidden = {hidden}, .x_row = {x.strides[1]}, "
            f".state_row = {state_row}, .next_row = {y.strides[1] or hidden}, .bias_row = {bias_row}, {cell.fields}"
        )
        return f"&(undin_recurrent_shape){{{fields}}}"

    def call(t: str, names: dict[str, str], past: bool) -> str:
        sign = -1 if cell.backward else 1

        def at(name: str, view: View, step: int, *, before: int = 0) -> str:
            start = (steps - 1 if cell.backward else 0) * step - before * sign * step
            text = names[name] + (f" + {start}" if start > 0 else f" - {-start}" if start < 0 else "")
            return text if t == "0" or not step else f"{text} {'-' if cell.backward else '+'} {t} * {step}"

        h_next = at("h_next", y, y.strides[0] if steps > 1 else 0)
        h_now = at("h_next", y, y.strides[0], before=1) if past else names["h"]
        x_now = at("x", x, x.strides[0] if steps > 1 else 0)
        bias_now = at("bias", bias, rows * bias_row)
        state_row = y.strides[1] if past else h.strides[0]
        arguments = [x_now, h_now, names["w"], names["r"], bias_now]
        if node.operator == "LSTM":
            c = names["c_next"] if past else names["c"]
            arguments = [h_next, names["c_next"], x_now, h_now, c, names["w"], names["r"], bias_now]
            arguments.append(names.get("peephole", "0"))
        elif node.operator == "RNN":
            arguments = [h_next, *arguments]
        elif reset_first:
            arguments = [h_next, names["reset_h"], *arguments]
        else:
            arguments = [h_next, *arguments, names["reset_bias"]]
        kernel = "gru_reset_first" if reset_first else node.operator.lower()
        return f"undin_{kernel}_step({', '.join(arguments)}, {shape(state_row)});"

    return Run(writes, reads, call)


def _project(lowering: Lowering, node: Node, cell: Cell, x: View, width: int) -> View:
    """What the inputs of all steps add to the gates: (T, B, gates · padded)."""
    steps, rows, size_in = x.shape
    sums = lowering.scratch((steps, rows, width), np.float32, f"{node.name} inputs")

    def code() -> list[str]:
        joined = rows == 1 or x.strides[0] == rows * x.strides[1]
        count, row = (steps * rows, x.strides[1] if rows > 1 else x.strides[0]) if joined else (rows, x.strides[1])
        fields = (
            f".rows = {count}, .columns = {width}, .depth = {size_in}, .taps = 1, .a_row = {row}, .a_step = 1, "
            f".w_row = {width}, .y_row = {width}, .padded = 1"
        )
        line = f"undin_matmul(y0{{}}, x0{{}}, x1, x2, 0, &(undin_matmul_shape){{{{{fields}}}}});"
        if joined:
            return [line.format("", "")]
        return [
            f"for (int t = 0; t < {steps}; ++t)",
            "    " + line.format(f" + t * {rows * width}", f" + t * {x.strides[0]}"),
        ]

    lowering.steps.append(Step(f"{node.operator.lower()}_inputs", describe(node), [sums], [x, cell.w, cell.bias], code))
    return sums


OPERATORS = dict.fromkeys(GATES, recurrent)
