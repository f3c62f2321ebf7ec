"""Recurrent cells written out, step by step, where no kernel has their form.

Those are cells whose weights are computed at run time, whose gates are coupled, or whose sequences end early. The
equations are those of ONNX's operators.
"""

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.ir.operators import ACTIVATIONS, CELL_ACTIVATIONS, GATES
from undin.compiler.lower.cells import activations_of
from undin.compiler.passes.decompose.builder import Builder


def recurrent(make: Builder, node: Node) -> tuple[Value | None, ...] | None:
    """A cell in plain arithmetic; None where a kernel has its form."""
    weights = [node.input(i) for i in (1, 2, 3, 7)]
    lengths = node.input(4)
    x = node.inputs[0]
    batch_first = node.get("layout", 0) == 1
    if batch_first:
        x = make("Transpose", x, perm=[1, 0, 2])
    steps, rows = x.shape[:2]
    are_whole = lengths is None or (lengths.constant is not None and (lengths.constant == steps).all())
    are_known = all(value is None or value.constant is not None for value in weights)
    if are_known and are_whole and not node.get("input_forget"):
        return None
    direction, hidden = node.get("direction", "forward"), node.inputs[2].shape[2]
    outputs, lasts = [], []
    for index in range(node.inputs[1].shape[0]):
        cell = _Cell(make, node, index, rows, hidden)
        backward = direction == "reverse" or index == 1
        states = [_state(make, node, place, index, (rows, hidden), batch_first) for place in (5, 6)]
        states = states[: 2 if node.operator == "LSTM" else 1]
        pieces: list[Value] = []
        for step in range(steps):
            at, is_inside = step, None
            if lengths is not None and not are_whole:
                is_inside = _is_inside(make, lengths, step, rows)
            if backward:
                at = steps - 1 - step
                if is_inside is not None:
                    is_inside = _is_inside(make, lengths, at, rows)
            now = cell.step(make.reshape(make.slice(x, 0, at, at + 1), (rows, x.shape[2])), states)
            shown = now[0]
            if is_inside is not None:
                now = [make("Where", is_inside, new, old) for new, old in zip(now, states, strict=True)]
                shown = make("Where", is_inside, shown, 0.0)
            states = now
            pieces.append(make.reshape(shown, (1, 1, rows, hidden)))
        ordered = pieces[::-1] if backward else pieces
        outputs.append(make("Concat", *ordered, axis=0) if len(ordered) > 1 else ordered[0])
        lasts.append([make.reshape(state, (1, rows, hidden)) for state in states])
    y = make("Concat", *outputs, axis=1) if len(outputs) > 1 else outputs[0]
    ends = [make("Concat", *states, axis=0) if len(states) > 1 else states[0] for states in zip(*lasts, strict=True)]
    if batch_first:
        y = make("Transpose", y, perm=[2, 0, 1, 3])
        ends = [make("Transpose", state, perm=[1, 0, 2]) for state in ends]
    return (y, *ends)[: len(node.outputs)]


def _is_inside(make: Builder, lengths: Value, step: int, rows: int) -> Value:
    """Which rows have that step at all."""
    whole = make("Cast", lengths, to=7)
    return make("Greater", make.reshape(whole, (rows, 1)), step)


def _state(make: Builder, node: Node, place: int, index: int, shape: tuple[int, int], batch_first: bool) -> Value:
    value = node.input(place)
    if value is None:
        return make.value(np.zeros(shape, np.float32))
    return make.reshape(make.slice(value, 1 if batch_first else 0, index, index + 1), shape)


class _Cell:
    """One direction: its weights, and a step."""

    def __init__(self, make: Builder, node: Node, index: int, rows: int, hidden: int):
        self.make, self.node, self.hidden = make, node, hidden

        def part(place: int) -> Value | None:
            value = node.input(place)
            return None if value is None else make.reshape(make.slice(value, 0, index, index + 1), value.shape[1:])

        self.w, self.r = (make("Transpose", part(place), perm=[1, 0]) for place in (1, 2))
        width = GATES[node.operator] * hidden
        bias = part(3)
        self.w_bias = self.r_bias = None
        if bias is not None:
            self.w_bias, self.r_bias = make.slice(bias, 0, 0, width), make.slice(bias, 0, width, 2 * width)
        peephole = part(7) if node.operator == "LSTM" else None
        self.peephole = None
        if peephole is not None:
            self.peephole = [make.slice(peephole, 0, i * hidden, (i + 1) * hidden) for i in range(3)]
        count = len(CELL_ACTIVATIONS[node.operator])
        self.forms = activations_of(node)[index * count :][:count]

    def activate(self, which: int, x: Value, *, is_sum: bool = True) -> Value:
        """One of the activations, of sums after the clip."""
        make, form = self.make, self.forms[which]
        limit = self.node.get("clip")
        if limit and is_sum:
            x = make("Clip", x, -float(limit), float(limit))
        if form.name == "scaled_tanh":
            return make("Mul", make("Tanh", make("Mul", x, float(form.beta))), float(form.alpha))
        if form.name == "affine":
            return make("Add", make("Mul", x, float(form.alpha)), float(form.beta))
        operator = next(name for name, known in ACTIVATIONS.items() if known.name == form.name)
        numbers = {key: getattr(form, key) for key in ("alpha", "beta") if getattr(form, key) is not None}
        return make(operator, x, **numbers)

    def gates(self, product: Value, bias: Value | None) -> list[Value]:
        """A product (B, gates · H) with its bias, by gate."""
        value = product if bias is None else self.make("Add", product, bias)
        count = GATES[self.node.operator]
        return [self.make.slice(value, 1, i * self.hidden, (i + 1) * self.hidden) for i in range(count)]

    def step(self, x: Value, states: list[Value]) -> list[Value]:
        """The next states."""
        return {"GRU": self.gru, "LSTM": self.lstm, "RNN": self.rnn}[self.node.operator](x, states)

    def rnn(self, x: Value, states: list[Value]) -> list[Value]:
        """h' = f(W x + R h + b)."""
        make = self.make
        (from_x,), (from_h,) = self.gates(make("MatMul", x, self.w), self.w_bias), self._of_state(states[0])
        return [self.activate(0, make("Add", from_x, from_h))]

    def _of_state(self, h: Value) -> list[Value]:
        return self.gates(self.make("MatMul", h, self.r), self.r_bias)

    def gru(self, x: Value, states: list[Value]) -> list[Value]:
        """Gates z, r, h."""
        make, (h,) = self.make, states
        from_x, from_h = self.gates(make("MatMul", x, self.w), self.w_bias), self._of_state(h)
        update, reset = (self.activate(0, make("Add", from_x[i], from_h[i])) for i in (0, 1))
        if self.node.get("linear_before_reset"):
            past = make("Mul", reset, from_h[2])
        else:
            past = self._of_state(make("Mul", reset, h))[2]
        new = self.activate(1, make("Add", from_x[2], past))
        return [make("Add", make("Mul", make("Sub", 1.0, update), new), make("Mul", update, h))]

    def lstm(self, x: Value, states: list[Value]) -> list[Value]:
        """Gates i, o, f, c; peepholes for i, o, f."""
        make, (h, c) = self.make, states
        sums = [
            make("Add", a, b)
            for a, b in zip(self.gates(make("MatMul", x, self.w), self.w_bias), self._of_state(h), strict=True)
        ]
        if self.peephole is not None:
            sums[0] = make("Add", sums[0], make("Mul", self.peephole[0], c))
            sums[2] = make("Add", sums[2], make("Mul", self.peephole[2], c))
        taken = self.activate(0, sums[0])
        kept = make("Sub", 1.0, taken) if self.node.get("input_forget") else self.activate(0, sums[2])
        new = make("Add", make("Mul", kept, c), make("Mul", taken, self.activate(1, sums[3])))
        if self.peephole is not None:
            sums[1] = make("Add", sums[1], make("Mul", self.peephole[1], new))
        shown = self.activate(0, sums[1])
        return [make("Mul", shown, self.activate(2, new, is_sum=False)), new]


RULES = dict.fromkeys(GATES, recurrent)
