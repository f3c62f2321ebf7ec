"""undin_matmul against its reference loop and numpy."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import ACTIVATIONS, TAPS_MAX, MatmulShape, noise, padded, room, shim, shims, whole


def operands(shape: MatmulShape, rng: np.random.Generator, *, offset: int = 0, bias: bool = True) -> list:
    """Input, weights, bias and residual of a call; the input with the index that its pointer is to have."""
    offsets = shape.tap_offset[: shape.taps]
    first = min(0, *offsets)
    last = (shape.rows - 1) * shape.a_row + max(0, *offsets) + (shape.depth - 1) * shape.a_step
    readable = padded(shape.columns) if shape.padded else shape.columns
    last_weight = (shape.taps - 1) * shape.w_tap + (shape.depth - 1) * shape.w_row
    residual = noise(rng, (shape.rows - 1) * shape.residual_row + shape.columns) if shape.residual_row else None
    return [
        (noise(rng, last - first + 1, offset=offset), -first),
        noise(rng, last_weight + readable, scale=(shape.taps * shape.depth) ** -0.5, offset=offset),
        noise(rng, readable) if bias else None,
        residual,
    ]


def assert_like_reference(library, shape: MatmulShape, arguments: list, *, offset: int = 0) -> None:
    size = (shape.rows - 1) * shape.y_row + shape.columns
    results = {}
    for kernel in ("matmul_reference", "matmul"):
        results[kernel] = room(size, offset)
        library.call(kernel, results[kernel], *arguments, shape)
    np.testing.assert_allclose(whole(results["matmul"]), whole(results["matmul_reference"]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", shims("constant"))
def test_constant_sizes(name):
    library = shim(name)
    for index, shape in enumerate(library.shapes("matmul_shapes", MatmulShape)):
        assert_like_reference(library, shape, operands(shape, np.random.default_rng(index), offset=index % 5))


@st.composite
def shapes(draw) -> MatmulShape:
    count = st.integers(1, 40)
    columns, depth, taps = draw(st.integers(1, 70)), draw(count), draw(st.integers(1, 4))
    is_padded = draw(st.booleans())
    offsets = draw(st.lists(st.integers(-50, 50), min_size=taps, max_size=taps))
    w_row = (padded(columns) if is_padded else columns) + 4 * draw(st.integers(0, 2))
    return MatmulShape(
        rows=draw(count), columns=columns, depth=depth, taps=taps,
        tap_offset=(ctypes.c_int32 * TAPS_MAX)(*offsets),
        a_row=draw(st.integers(0, 60)), a_step=draw(st.integers(1, 3)),
        w_row=w_row, w_tap=depth * w_row + draw(st.integers(0, 9)),
        y_row=columns + draw(st.integers(0, 5)),
        residual_row=draw(st.sampled_from([0, columns, columns + 3])),
        padded=is_padded, activation=draw(st.integers(0, len(ACTIVATIONS) - 1)),
        alpha=draw(st.sampled_from([0.0, 0.3, 1.0])), beta=draw(st.sampled_from([0.4, 1.5])),
    )  # fmt: skip


@pytest.mark.parametrize("name", shims("run_time"))
@settings(max_examples=60, deadline=None)
@given(shape=shapes(), offset=st.integers(0, 15), bias=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_any_shape(name, shape, offset, bias, seed):
    arguments = operands(shape, np.random.default_rng(seed), offset=offset, bias=bias)
    assert_like_reference(shim(name), shape, arguments, offset=offset)


@pytest.mark.parametrize("name", shims("run_time"))
def test_residual_in_place(name):
    rows, columns, depth = 9, 21, 5
    shape = MatmulShape(
        rows=rows, columns=columns, depth=depth, taps=1, a_row=depth, a_step=1, w_row=columns, y_row=columns,
        residual_row=columns,
    )  # fmt: skip
    a, w, bias, residual = operands(shape, np.random.default_rng(0))
    apart = room(rows * columns)
    shim(name).call("matmul", apart, a, w, bias, residual, shape)
    shim(name).call("matmul", residual, a, w, bias, residual, shape)
    np.testing.assert_array_equal(residual, apart)


@pytest.mark.parametrize("name", shims("run_time"))
def test_convolution_over_frequency(name):
    """Rows that overlap are a convolution: (bands, inputs) with a kernel (taps, inputs, outputs), stride 2."""
    rng = np.random.default_rng(0)
    bands, inputs, outputs, kernel, stride = 17, 6, 10, 3, 2
    x, w = noise(rng, bands * inputs), noise(rng, kernel * inputs * outputs)
    rows = (bands - kernel) // stride + 1
    shape = MatmulShape(
        rows=rows, columns=outputs, depth=kernel * inputs, taps=1, a_row=stride * inputs, a_step=1, w_row=outputs,
        y_row=outputs,
    )  # fmt: skip
    y = room(rows * outputs)
    shim(name).call("matmul", y, x, w, None, None, shape)
    windows = np.stack([x.reshape(bands, inputs)[stride * m : stride * m + kernel] for m in range(rows)])
    expected = np.einsum("mki,kio->mo", windows.astype(float), w.reshape(kernel, inputs, outputs).astype(float))
    np.testing.assert_allclose(y.reshape(rows, outputs), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", shims("run_time"))
def test_nan_and_infinity_stay_in_their_rows(name):
    """A row with NaN or infinity spoils no other, whichever the activation; that row itself is NaN or infinite."""
    rows, columns, depth = 5, 9, 4
    for activation in range(len(ACTIVATIONS)):
        shape = MatmulShape(
            rows=rows, columns=columns, depth=depth, taps=1, a_row=depth, a_step=1, w_row=columns, y_row=columns,
            activation=activation, alpha=0.2, beta=0.5,
        )  # fmt: skip
        (a, _), w, bias, _ = operands(shape, np.random.default_rng(0))
        a[depth] = np.nan
        a[3 * depth] = np.inf
        y = room(rows * columns)
        shim(name).call("matmul", y, a, w, bias, None, shape)
        assert np.isnan(y.reshape(rows, columns)[1]).all(), ACTIVATIONS[activation]
        assert np.isfinite(y.reshape(rows, columns)[[0, 2, 4]]).all(), ACTIVATIONS[activation]
