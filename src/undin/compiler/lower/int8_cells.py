"""One time step of a GRU or an LSTM in integers: calls of the kernels in ``c/kernels/undin_int8_recurrent.h``.

States are of 16 bits. Between two frames the graph keeps them in floats, which hold the same numbers, so nothing is
lost on the way: other state than that of cells, such as running sums, needs more digits, and all of it has one type.
"""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import GATES
from undin.compiler.ir.program import Pointwise, Step
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import fields
from undin.compiler.lower.int8 import pack_groups, pack_row, round_weights, rounded
from undin.compiler.lower.lowering import Lowering

KERNELS = {"GRU": "undin_int8_gru_step", "LSTM": "undin_int8_lstm_step"}

STEPS = ("UNDIN_STATE_STEP", "UNDIN_CELL_STEP")
"""What h and c count."""

BYTE_ORDER = [0, 2, 1, 3]
"""Of a group of four weights: the even bytes meet two neighbours, and the odd bytes the next two."""


def recurrent(lowering: Lowering, node: Node) -> None:
    """Lower a cell that `marking` found fit: one step, forwards, with the usual activations."""
    gates, is_lstm = GATES[node.operator], node.operator == "LSTM"
    _, rows, inputs = node.inputs[0].shape
    hidden = node.constant(2).shape[-1]
    x = rounded(lowering, node, unit_axis=2)
    states = [_state(lowering, node, which, rows, hidden) for which in range(1 + is_lstm)]
    scale = node.attributes["quantization"].scale
    w, w_scale = _packed(node.constant(1)[0], gates, hidden, scale)
    r, r_scale = _packed(node.constant(2)[0], gates, hidden, 1 / 32767)
    halves = node.constant(3)
    halves = np.zeros((2, gates, hidden), np.float32) if halves is None else halves[0].reshape(2, gates, hidden)
    bias, constants = halves.sum(0), {"input weights": w, "recurrent weights": r}
    if not is_lstm:
        bias[2] = halves[0, 2]
    constants |= {"input scales": w_scale, "recurrent scales": r_scale, "bias": pack_row(bias)}
    if not is_lstm:
        constants["reset bias"] = pack_row(halves[1, 2])
    reads = [x, *states, *(lowering.constant(array, f"{node.name} {name}") for name, array in constants.items())]

    news = [lowering.scratch((rows, hidden), np.int16, f"{node.name} state {which}") for which in range(1 + is_lstm)]
    y = _floats(lowering, node, rows, hidden)
    writes = [*news, y]
    sizes = {"rows": rows, "inputs": inputs, "hidden": hidden, "x_row": x.strides[1]}
    sizes |= {"state_row": states[0].strides[0], "next_row": news[0].strides[0], "y_row": y.strides[0]}
    arguments = ", ".join([*(f"y{i}" for i in range(len(writes))), *(f"x{i}" for i in range(len(reads)))])
    call = f"{KERNELS[node.operator]}({arguments}, &(undin_int8_recurrent_shape){{{fields(sizes)}}});"
    lowering.step(f"int8_{node.operator.lower()}", node, writes, reads, lambda: [call])
    if is_lstm and (cell := node.outputs[2] if len(node.outputs) > 2 else None):
        target = lowering.output(cell)
        counted = news[1].reshape(cell.shape)
        lowering.steps.append(Pointwise("cell", str(cell), [target], [counted], expression=f"{{0}} * {STEPS[1]}"))


def _packed(weights: np.ndarray, gates: int, hidden: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (gates · H, K) as (ceil(K / 4), gates, padded, 4), and the scales (gates, padded) of their sums."""
    whole, own = round_weights(weights.transpose())
    groups = pack_groups(whole.reshape(-1, gates, hidden).transpose(1, 0, 2)).transpose(1, 0, 2, 3)
    return groups[..., BYTE_ORDER], pack_row(own.reshape(gates, hidden) * np.float32(scale))


def _state(lowering: Lowering, node: Node, which: int, rows: int, hidden: int) -> View:
    """h or c of the last frame, (rows, hidden) of 16 bits."""
    value = node.input(5 + which)
    if value is None:
        return lowering.constant(np.zeros((rows, hidden), np.int16), "zeros")
    run = lowering.scratch((rows, hidden), np.int16, f"{value.name} in 16 bits")
    dense = lowering.dense(lowering.view(value).select(0, 0), str(value), unit_axis=1)
    sizes: dict[str, object] = {"rows": rows, "columns": hidden, "x_row": dense.strides[0], "y_row": hidden}
    sizes |= {"inverse_scale": f"1 / {STEPS[which]}"}
    line = f"undin_quantize_shorts(y0, x0, &(undin_quantize_shape){{{fields(sizes)}}});"
    lowering.steps.append(Step("round", f"{value} in int16", [run], [dense], lambda: [line]))
    return run


def _floats(lowering: Lowering, node: Node, rows: int, hidden: int) -> View:
    """Where h goes as floats, (rows, hidden): the first output and the second, which are the same numbers."""
    outputs = [output for output in node.outputs[1::-1] if output]
    place = None
    for value in outputs:
        found = lowering.place(value)
        found = found and found.reshape((rows, hidden))
        if found is not None and (hidden == 1 or found.strides[1] == 1):
            place = found
            break
    if place is None:
        place = lowering.scratch((rows, hidden), np.float32, f"{node.name} output")
    for value in outputs:
        lowering.views[value] = place.reshape(value.shape)
    return place


OPERATORS = dict.fromkeys(KERNELS, recurrent)
