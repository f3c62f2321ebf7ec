"""One time step of a GRU or an LSTM in integers: calls of the kernels in ``c/kernels/undin_int8_recurrent.h``.

What meets weights is rounded to 8 bits, the input as that of any product and the last h in steps of 1 / 127. The states
themselves stay floats.
"""

import numpy as np

from undin.compiler.ir.graph import Node, Value
from undin.compiler.ir.operators import GATES, Quantization
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import fields
from undin.compiler.lower.int8 import rounded
from undin.compiler.lower.int8_weights import pack_groups, pack_row, round_weights
from undin.compiler.lower.lowering import Lowering

KERNELS = {"GRU": "undin_int8_gru_step", "LSTM": "undin_int8_lstm_step"}

OF_STATES = Quantization((1 / 127,))
"""How h meets weights, which lies in [-1, 1]."""


def recurrent(lowering: Lowering, node: Node) -> None:
    """Lower a cell that `marking` found fit: one step, forwards, with the usual activations."""
    gates, is_lstm = GATES[node.operator], node.operator == "LSTM"
    _, rows, inputs = node.inputs[0].shape
    hidden = node.constant(2).shape[-1]
    quantization = node.attributes["quantization"]
    x = rounded(lowering, node.inputs[0], quantization, unit_axis=2)
    states = [_state(lowering, node.input(5 + which), rows, hidden) for which in range(1 + is_lstm)]
    h = (
        lowering.constant(np.zeros((1, rows, hidden), np.int8), "zeros")
        if node.input(5) is None
        else rounded(lowering, node.inputs[5], OF_STATES, unit_axis=2)
    )
    (w, *of_w, w_fits), (r, *of_r, r_fits) = (
        _packed(node.constant(index)[0] * np.array(read.scales, np.float32), gates, hidden)
        for index, read in ((1, quantization), (2, OF_STATES))
    )
    halves = node.constant(3)
    halves = np.zeros((2, gates, hidden), np.float32) if halves is None else halves[0].reshape(2, gates, hidden)
    bias = halves.sum(0)
    if not is_lstm:
        bias[2] = halves[0, 2]
    constants = {"input weights": w, "recurrent weights": r}
    constants |= {"sums of input weights": of_w[0], "sums of recurrent weights": of_r[0]}
    constants |= {"input scales": of_w[1], "recurrent scales": of_r[1], "bias": pack_row(bias)}
    if not is_lstm:
        constants["reset bias"] = pack_row(halves[1, 2])
    views = [lowering.constant(array, f"{node.name} {name}") for name, array in constants.items()]

    writes = [_place(lowering, node, node.outputs[1::-1], rows, hidden)]
    if is_lstm:
        writes.append(_place(lowering, node, node.outputs[2:], rows, hidden))
    own = states[-1]  # what the kernel goes on from: h of a GRU, c of an LSTM
    reads = [x, h, own, *views]
    sizes = {"rows": rows, "inputs": inputs, "hidden": hidden, "x_row": x.strides[1], "h_row": h.strides[1]}
    sizes |= {"state_row": own.strides[0], "next_row": writes[0].strides[0]}
    sizes |= {"zero_point": quantization.zero_point, "narrow": int(w_fits and r_fits)}
    arguments = ", ".join([*(f"y{i}" for i in range(len(writes))), *(f"x{i}" for i in range(len(reads)))])
    call = f"{KERNELS[node.operator]}({arguments}, &(undin_int8_recurrent_shape){{{fields(sizes)}}});"
    lowering.step(f"int8_{node.operator.lower()}", node, writes, reads, lambda: [call])


def _packed(weights: np.ndarray, gates: int, hidden: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Weights (gates · H, K) as (ceil(K / 4), gates, padded, 4), then (gates, padded): their sums over K, the scales of
    sums of products; and whether they are narrow."""
    whole = round_weights(weights.transpose())
    by_gate = whole.parts[0].reshape(-1, gates, hidden).transpose(1, 0, 2)
    groups = pack_groups(by_gate).transpose(1, 0, 2, 3)
    sums, scales = by_gate.sum(1, np.int32), whole.scale.reshape(gates, hidden)
    return groups, pack_row(sums), pack_row(scales), whole.are_narrow


def _state(lowering: Lowering, value: Value | None, rows: int, hidden: int) -> View:
    """h or c of the last frame, (rows, hidden)."""
    if value is None:
        return lowering.constant(np.zeros((rows, hidden), np.float32), "zeros")
    return lowering.dense(lowering.view(value).select(0, 0), str(value), unit_axis=1)


def _place(lowering: Lowering, node: Node, values: list[Value | None], rows: int, hidden: int) -> View:
    """Where a state goes, (rows, hidden): all of `values` that exist are the same numbers."""
    outputs = [value for value in values if value]
    place = None
    for value in outputs:
        found = lowering.place(value)
        found = found and found.reshape((rows, hidden))
        in_a_run = node.operator == "GRU" or rows == 1 or found is None or found.strides[0] == hidden
        if found is not None and in_a_run and (hidden == 1 or found.strides[1] == 1):
            place = found
            break
    if place is None:
        place = lowering.scratch((rows, hidden), np.float32, f"{node.name} state")
    for value in outputs:
        lowering.views[value] = place.reshape(value.shape)
    return place


OPERATORS = dict.fromkeys(KERNELS, recurrent)
