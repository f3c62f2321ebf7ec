"""The steps of GRU, LSTM and RNN against their reference loops and ONNX Runtime."""

import ctypes

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import ACTIVATIONS, RecurrentShape, noise, room, row_padded, shim, shims, whole
from support.needs import need

GATES = {"gru_step": 3, "gru_reset_first_step": 3, "lstm_step": 4, "rnn_step": 1}
SIGMOID, TANH = ACTIVATIONS.index("sigmoid"), ACTIVATIONS.index("tanh")


def activations(*names: int) -> ctypes.Array:
    return (ctypes.c_int32 * 3)(*names)


def operands(kernel: str, shape: RecurrentShape, seed: int, *, offset: int = 0, peephole: bool = True) -> dict:
    """Inputs of a step by the names that undin_recurrent.h gives them."""
    rng = np.random.default_rng(seed)
    gates, width = GATES[kernel], row_padded(shape.hidden)
    state_size = (shape.rows - 1) * shape.state_row + shape.hidden

    def weights(depth: int) -> np.ndarray:
        return noise(rng, depth * gates * width, scale=max(depth, 1) ** -0.5, offset=offset)

    return {
        "x": noise(rng, max((shape.rows - 1) * shape.x_row + shape.inputs, 0), offset=offset),
        "h": noise(rng, state_size, offset=offset),
        "c": noise(rng, state_size, offset=offset),
        "w": weights(shape.inputs),
        "r": weights(shape.hidden),
        "bias": noise(rng, (shape.rows - 1) * shape.bias_row + gates * width, offset=offset),
        "reset_bias": noise(rng, width),
        "peephole": noise(rng, 3 * width) if peephole else None,
    }


def step(library, kernel: str, shape: RecurrentShape, given: dict, *, reference: bool = False, offset: int = 0) -> list:
    """What the step writes: h_next, and c_next of an LSTM."""
    h_next, c_next = (room((shape.rows - 1) * shape.next_row + shape.hidden, offset) for _ in range(2))
    inputs = [given[name] for name in ("x", "h", "w", "r", "bias")]
    x, h, w, r, bias = inputs
    arguments = {
        "gru_step": [h_next, *inputs, given["reset_bias"]],
        "gru_reset_first_step": [h_next, room(shape.rows * shape.hidden), *inputs],
        "lstm_step": [h_next, c_next, x, h, given["c"], w, r, bias, given["peephole"]],
        "rnn_step": [h_next, *inputs],
    }[kernel]
    library.call(kernel + ("_reference" if reference else ""), *arguments, shape)
    return [h_next, c_next] if kernel == "lstm_step" else [h_next]


def assert_like_reference(library, kernel: str, shape: RecurrentShape, given: dict, *, offset: int = 0) -> None:
    fast = step(library, kernel, shape, given, offset=offset)
    plain = step(library, kernel, shape, given, reference=True, offset=offset)
    for ours, expected in zip(fast, plain, strict=True):
        np.testing.assert_allclose(whole(ours), whole(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", GATES)
@pytest.mark.parametrize("name", shims("constant"))
def test_constant_sizes(name, kernel):
    for index, shape in enumerate(shim(name).shapes("recurrent_shapes", RecurrentShape)):
        given = operands(kernel, shape, index, offset=index, peephole=bool(index % 2))
        assert_like_reference(shim(name), kernel, shape, given, offset=index)


@st.composite
def shapes(draw) -> RecurrentShape:
    inputs, hidden = draw(st.integers(0, 30)), draw(st.integers(1, 50))
    return RecurrentShape(
        rows=draw(st.integers(1, 20)), inputs=inputs, hidden=hidden,
        x_row=inputs + draw(st.integers(0, 4)), state_row=hidden + draw(st.integers(0, 4)),
        next_row=hidden + draw(st.integers(0, 4)), bias_row=draw(st.sampled_from([0, 4 * row_padded(hidden)])),
        activation=activations(*draw(st.tuples(*[st.integers(4, len(ACTIVATIONS) - 1)] * 3))),
        alpha=(ctypes.c_float * 3)(0.2, 0.9, 0.5), beta=(ctypes.c_float * 3)(0.5, 0.8, 1.0),
        clip=draw(st.sampled_from([0.0, 0.7])),
    )  # fmt: skip


@pytest.mark.parametrize("name", shims("run_time"))
@settings(max_examples=40, deadline=None)
@given(shape=shapes(), kernel=st.sampled_from(sorted(GATES)), offset=st.integers(0, 15), peephole=st.booleans())
def test_any_shape(name, shape, kernel, offset, peephole):
    given = operands(kernel, shape, shape.rows, offset=offset, peephole=peephole)
    assert_like_reference(shim(name), kernel, shape, given, offset=offset)


def test_sums_of_inputs_may_come_as_bias():
    """With inputs = 0, x w may be in the bias of each row already: the way to share it between time steps."""
    library = shim(first_run_time())
    rows, inputs, hidden = 3, 5, 6
    shape = RecurrentShape(
        rows=rows, inputs=inputs, hidden=hidden, x_row=inputs, state_row=hidden, next_row=hidden,
        activation=activations(SIGMOID, TANH),
    )  # fmt: skip
    given = operands("gru_step", shape, 0)
    sums = given["bias"] + given["x"].reshape(rows, inputs) @ given["w"].reshape(inputs, -1)
    before = RecurrentShape(
        rows=rows, hidden=hidden, state_row=hidden, next_row=hidden, bias_row=sums.shape[1],
        activation=activations(SIGMOID, TANH),
    )  # fmt: skip
    (expected,), (ours,) = (
        step(library, "gru_step", one, {**given, "bias": bias})
        for one, bias in ((shape, given["bias"]), (before, np.ascontiguousarray(sums.ravel(), np.float32)))
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def first_run_time() -> str:
    names = shims("run_time")
    if not isinstance(names[0], str):
        need("gcc")
    return names[0]


def packed(weights: np.ndarray, gates: int) -> np.ndarray:
    """ONNX's (gates * hidden, depth) as (depth, gate, padded)."""
    hidden = len(weights) // gates
    blocks = weights.reshape(gates, hidden, -1).transpose(2, 0, 1)
    return np.ascontiguousarray(np.pad(blocks, ((0, 0), (0, 0), (0, row_padded(hidden) - hidden))).ravel())


@pytest.mark.parametrize("kernel", GATES)
def test_gates_are_those_of_onnx(kernel):
    """One step of ONNX Runtime on the same weights, packed as undin_recurrent.h says."""
    library = shim(first_run_time())
    rows, inputs, hidden = 4, 5, 7
    gates, operator = GATES[kernel], kernel.split("_")[0].upper()
    rng = np.random.default_rng(0)
    values = {
        "X": (1, rows, inputs), "W": (1, gates * hidden, inputs), "R": (1, gates * hidden, hidden),
        "B": (1, 2 * gates * hidden), "H": (1, rows, hidden), "C": (1, rows, hidden), "P": (1, 3 * hidden),
    }  # fmt: skip
    values = {name: rng.uniform(-1, 1, size).astype(np.float32) for name, size in values.items()}
    is_lstm = operator == "LSTM"
    names = ["X", "W", "R", "B", "", "H", *(["C", "P"] if is_lstm else [])]
    attributes = {"linear_before_reset": int(kernel == "gru_step")} if operator == "GRU" else {}
    outputs = ["", "h_next", *(["c_next"] if is_lstm else [])]
    node = onnx.helper.make_node(operator, names, outputs, hidden_size=hidden, clip=0.9, **attributes)
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, values[name].shape) for name in names if name
    ]
    results = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, rows, hidden)) for name in outputs[1:]
    ]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "step", infos, results),
        opset_imports=[onnx.helper.make_opsetid("", 14)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {name: values[name] for name in names if name})

    w_bias, r_bias = values["B"][0].reshape(2, -1, 1)
    bias = packed(w_bias + r_bias, gates)
    if kernel == "gru_step":  # the bias of h r_h is added before the reset gate, not here
        bias[2 * row_padded(hidden) :] = packed(w_bias, gates)[2 * row_padded(hidden) :]
    shape = RecurrentShape(
        rows=rows, inputs=inputs, hidden=hidden, x_row=inputs, state_row=hidden, next_row=hidden, clip=0.9,
        activation=activations(*((TANH,) if operator == "RNN" else (SIGMOID, TANH, TANH))),
    )  # fmt: skip
    ours = step(
        library, kernel, shape,
        {
            "x": values["X"].ravel(), "h": values["H"].ravel(), "c": values["C"].ravel(),
            "w": packed(values["W"][0], gates), "r": packed(values["R"][0], gates), "bias": bias,
            "reset_bias": packed(r_bias, gates)[-row_padded(hidden) :].copy(),
            "peephole": packed(values["P"][0].reshape(-1, 1), 3),
        },
    )  # fmt: skip
    for next_state, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(next_state.reshape(rows, hidden), theirs[0], rtol=1e-5, atol=2e-6)
