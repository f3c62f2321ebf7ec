"""GRU, LSTM and RNN: one call of a kernel in ``c/kernels/undin_recurrent.h`` for each direction and time step.

The gates of all steps of a sequence read their inputs in one matrix product beforehand; only the recurrent half is
left to the steps.
"""

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.operators import GATES
from undin.compiler.ir.program import CellRun, Recurrence, Step
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import row_padded
from undin.compiler.lower.cells import Cell, cells_of
from undin.compiler.lower.lowering import Lowering, describe

KERNELS = {"GRU": "undin_gru_step", "LSTM": "undin_lstm_step", "RNN": "undin_rnn_step"}


def recurrent(lowering: Lowering, node: Node) -> None:
    """Lower a recurrent node of any direction and length."""
    _Layer(lowering, node).lower()


class _Layer:
    """One recurrent node. Its states are seen as (D, B, H), its hidden states of all steps as (T, D, B, H)."""

    def __init__(self, lowering: Lowering, node: Node):
        self.lowering, self.node = lowering, node
        self.is_lstm = node.operator == "LSTM"
        self.batch_first = node.get("layout", 0) == 1
        x = lowering.view(node.inputs[0])
        x = x.transpose((1, 0, 2)) if self.batch_first else x
        self.x = lowering.dense(x, str(node.inputs[0]), unit_axis=2)
        self.steps, self.rows, self.size_in = self.x.shape
        self.hidden = node.constant(2).shape[-1]
        self.cells = cells_of(lowering, node, self.hidden)
        self.state_shape = (len(self.cells), self.rows, self.hidden)

    def lower(self) -> None:
        """Add the steps of the node."""
        lengths = self.node.constant(4)
        if lengths is not None and (np.asarray(lengths) != self.steps).any():
            whole = f"are not all the whole length {self.steps}"
            raise Unsupported(self.node, f"its sequence_lens {lengths.tolist()} {whole}")
        states = [self.state(index) for index in ((5, 6) if self.is_lstm else (5,))]
        y_value, h_value, c_value = (self.node.outputs[i] if i < len(self.node.outputs) else None for i in range(3))
        y, last = self.hidden_states(y_value, h_value)
        cell_states = self.last_state(c_value) if self.is_lstm else None
        runs = [self.direction(index, y, states, cell_states) for index in range(len(self.cells))]
        comment = describe(self.node)
        self.lowering.steps.append(Recurrence(self.node.operator.lower(), comment, runs=runs, count=self.steps))
        if h_value is not None and last is None:
            target = self.time_major(self.lowering.output(h_value))
            for direction, cell in enumerate(self.cells):
                end = y.select(0, 0 if cell.backward else self.steps - 1).select(0, direction)
                self.lowering.copy(end, target.select(0, direction), comment=str(h_value))

    def time_major(self, view: View) -> View:
        """A state (B, D, H) of layout 1 seen as (D, B, H), and back."""
        return view.transpose((1, 0, 2)) if self.batch_first else view

    def fits(self, view: View) -> bool:
        """Whether a kernel can read or write a state (…, B, H) there; an LSTM has one distance of rows for its two."""
        in_a_run = not self.is_lstm or self.rows == 1 or view.strides[-2] == self.hidden
        return (self.hidden == 1 or view.strides[-1] == 1) and in_a_run

    def state(self, index: int) -> View:
        """An initial state (D, B, H)."""
        value = self.node.input(index)
        if value is None:
            return self.lowering.constant(np.zeros(self.state_shape, np.float32), "zeros")
        view = self.time_major(self.lowering.view(value))
        if self.fits(view):
            return view
        copy = self.lowering.scratch(self.state_shape, np.float32, value.name)
        self.lowering.copy(view, copy, comment=str(value))
        return copy

    def last_state(self, value: Value | None) -> View:
        """Where to compute a last state (D, B, H)."""
        place = self.lowering.place(value) if value is not None else None
        place = place and self.time_major(place)
        if place is None or not self.fits(place):
            name = value.name if value is not None else "state"
            place = self.lowering.scratch(self.state_shape, np.float32, name)
        if value is not None:
            self.lowering.views[value] = self.time_major(place)
        return place

    def hidden_states(self, y_value: Value | None, last_value: Value | None) -> tuple[View, View | None]:
        """Where the hidden states (T, D, B, H) go, and the last of them if that is the same place."""
        if self.steps == 1 and last_value is not None:
            last = self.last_state(last_value)
            y = View(last.buffer, (1, *self.state_shape), (0, *last.strides), last.offset)
        else:
            last = None
            name = y_value.name if y_value is not None else self.node.name
            y = self.lowering.scratch((self.steps, *self.state_shape), np.float32, name)
            if y_value is not None and not self.batch_first:
                place = self.lowering.place(y_value)
                y = place if place is not None and self.fits(place) else y
            if last_value is not None and len(self.cells) == 1:
                last = y.select(0, 0 if self.cells[0].backward else self.steps - 1)
                self.lowering.views[last_value] = self.time_major(last)
        if y_value is not None:  # layout 1 has (B, T, D, H)
            self.lowering.views[y_value] = y.transpose((2, 0, 1, 3)) if self.batch_first else y
        return y, last

    def direction(self, index: int, y: View, states: list[View], cell_states: View | None) -> CellRun:
        """The steps of one direction, from its initial states to where its hidden states go."""
        cell, x, steps = self.cells[index], self.x, self.steps
        y = y.slice(1, index, index + 1).squeeze((1,))
        bias, bias_row, inputs = cell.bias, 0, self.size_in
        if steps > 1:
            bias, bias_row, inputs = self.project(cell), GATES[self.node.operator] * row_padded(self.hidden), 0
        reset_first = self.node.operator == "GRU" and cell.reset_bias is None
        h = states[0].select(0, index)
        reads = {"x": x, "h": h, "w": cell.w, "r": cell.r, "bias": bias}
        writes = {"h_next": y}
        if cell_states is not None:
            reads["c"], writes["c_next"] = states[1].select(0, index), cell_states.select(0, index)
        if cell.reset_bias is not None:
            reads["reset_bias"] = cell.reset_bias
        if cell.peephole is not None:
            reads["peephole"] = cell.peephole
        if reset_first:
            shape = (self.rows, self.hidden)
            writes["reset_h"] = self.lowering.scratch(shape, np.float32, f"{self.node.name} reset state")

        def shape_of(state_row: int) -> str:
            state_row = state_row if self.rows > 1 else self.hidden  # of no matter: first and later steps are the same
            fields = (
                f".rows = {self.rows}, .inputs = {inputs}, .hidden = {self.hidden}, .x_row = {x.strides[1]}, "
                f".state_row = {state_row}, .next_row = {y.strides[1] or self.hidden}, .bias_row = {bias_row}, "
                f"{cell.fields}"
            )
            return f"&(undin_recurrent_shape){{{fields}}}"

        def call(t: str, names: dict[str, str], past: bool) -> str:
            sign = -1 if cell.backward else 1

            def at(name: str, step: int, *, before: int = 0) -> str:
                start = (steps - 1 if cell.backward else 0) * step - before * sign * step
                text = names[name] + (f" + {start}" if start > 0 else f" - {-start}" if start < 0 else "")
                return text if t == "0" or not step else f"{text} {'-' if cell.backward else '+'} {t} * {step}"

            h_next = at("h_next", y.strides[0] if steps > 1 else 0)
            h_now = at("h_next", y.strides[0], before=1) if past else names["h"]
            x_now = at("x", x.strides[0] if steps > 1 else 0)
            bias_now = at("bias", self.rows * bias_row)
            state_row = y.strides[1] if past else h.strides[0]
            arguments = [x_now, h_now, names["w"], names["r"], bias_now]
            if self.is_lstm:
                c = names["c_next"] if past else names["c"]
                arguments = [h_next, names["c_next"], x_now, h_now, c, names["w"], names["r"], bias_now]
                arguments.append(names.get("peephole", "0"))
            elif self.node.operator == "RNN":
                arguments = [h_next, *arguments]
            elif reset_first:
                arguments = [h_next, names["reset_h"], *arguments]
            else:
                arguments = [h_next, *arguments, names["reset_bias"]]
            kernel = "undin_gru_reset_first_step" if reset_first else KERNELS[self.node.operator]
            return f"{kernel}({', '.join(arguments)}, {shape_of(state_row)});"

        return CellRun(writes, reads, call)

    def project(self, cell: Cell) -> View:
        """What the inputs of all steps add to the gates: (T, B, gates · padded)."""
        x, steps, rows, width = self.x, self.steps, self.rows, GATES[self.node.operator] * row_padded(self.hidden)
        sums = self.lowering.scratch((steps, rows, width), np.float32, f"{self.node.name} inputs")

        def code() -> list[str]:
            joined = rows == 1 or x.strides[0] == rows * x.strides[1]
            count, row = (steps * rows, x.strides[1] if rows > 1 else x.strides[0]) if joined else (rows, x.strides[1])
            fields = (
                f".rows = {count}, .columns = {width}, .depth = {self.size_in}, .taps = 1, .a_row = {row}, "
                f".a_step = 1, .w_row = {width}, .y_row = {width}, .padded = 1"
            )
            line = f"undin_matmul(y0{{}}, x0{{}}, x1, x2, 0, &(undin_matmul_shape){{{{{fields}}}}});"
            if joined:
                return [line.format("", "")]
            return [
                f"for (int t = 0; t < {steps}; ++t)",
                "    " + line.format(f" + t * {rows * width}", f" + t * {x.strides[0]}"),
            ]

        label, comment = f"{self.node.operator.lower()}_inputs", describe(self.node)
        self.lowering.steps.append(Step(label, comment, [sums], [x, cell.w, cell.bias], code))
        return sums


OPERATORS = dict.fromkeys(GATES, recurrent)
