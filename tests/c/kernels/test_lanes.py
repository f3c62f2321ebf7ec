"""undin_depthwise and undin_band_mix against their reference loops and numpy."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import (
    ACTIVATIONS,
    TAPS_MAX,
    BandMixShape,
    DepthwiseShape,
    noise,
    padded,
    room,
    row_padded,
    shim,
    shims,
    whole,
)


def assert_like_reference(library, kernel: str, shape, arguments: list, *, offset: int = 0) -> np.ndarray:
    size = (shape.rows - 1) * shape.y_row + shape.channels
    results = {}
    for name in (f"{kernel}_reference", kernel):
        results[name] = room(size, offset)
        library.call(name, results[name], *arguments, shape)
    np.testing.assert_allclose(whole(results[kernel]), whole(results[f"{kernel}_reference"]), rtol=1e-5, atol=1e-5)
    return results[kernel]


def depthwise_operands(shape: DepthwiseShape, seed: int, *, offset: int = 0, bias: bool = True) -> list:
    rng = np.random.default_rng(seed)
    offsets = shape.tap_offset[: shape.taps]
    first = min(0, *offsets)
    last = (shape.rows - 1) * shape.x_row + max(0, *offsets) + shape.channels - 1
    width = padded(shape.channels)
    return [
        (noise(rng, last - first + 1, offset=offset), -first),
        noise(rng, (shape.taps - 1) * shape.w_tap + width, offset=offset),
        noise(rng, width) if bias else None,
        noise(rng, (shape.rows - 1) * shape.residual_row + shape.channels) if shape.residual_row else None,
    ]


def band_mix_operands(shape: BandMixShape, seed: int, *, offset: int = 0, bias: bool = True) -> list:
    rng = np.random.default_rng(seed)
    width = row_padded(shape.channels)
    return [
        noise(rng, (shape.depth - 1) * shape.x_row + shape.channels, offset=offset),
        noise(rng, shape.depth * shape.rows * width, scale=shape.depth**-0.5, offset=offset),
        noise(rng, (shape.rows - 1) * shape.bias_row + width) if bias else None,
    ]


KERNELS = {
    "depthwise": (DepthwiseShape, depthwise_operands),
    "band_mix": (BandMixShape, band_mix_operands),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", shims("constant"))
def test_constant_sizes(name, kernel):
    kind, operands = KERNELS[kernel]
    for index, shape in enumerate(shim(name).shapes(f"{kernel}_shapes", kind)):
        assert_like_reference(shim(name), kernel, shape, operands(shape, index, offset=index % 5))


COUNT = st.integers(1, 40)
EPILOGUE = {
    "activation": st.integers(0, len(ACTIVATIONS) - 1),
    "alpha": st.sampled_from([0.0, 0.3, 1.0]),
    "beta": st.sampled_from([0.4, 1.5]),
}


@st.composite
def depthwise_shapes(draw) -> DepthwiseShape:
    channels, taps = draw(COUNT), draw(st.integers(1, 9))
    offsets = draw(st.lists(st.integers(-50, 50), min_size=taps, max_size=taps))
    return DepthwiseShape(
        rows=draw(COUNT), channels=channels, taps=taps, tap_offset=(ctypes.c_int32 * TAPS_MAX)(*offsets),
        x_row=draw(st.integers(0, 60)), w_tap=padded(channels) * draw(st.integers(1, 3)),
        y_row=channels + draw(st.integers(0, 5)),
        residual_row=draw(st.sampled_from([0, channels, channels + 3])),
        **{name: draw(values) for name, values in EPILOGUE.items()},
    )  # fmt: skip


@st.composite
def band_mix_shapes(draw) -> BandMixShape:
    channels = draw(COUNT)
    return BandMixShape(
        rows=draw(COUNT), channels=channels, depth=draw(COUNT), x_row=channels + draw(st.integers(0, 5)),
        y_row=channels + draw(st.integers(0, 5)), bias_row=draw(st.sampled_from([0, padded(channels)])),
        **{name: draw(values) for name, values in EPILOGUE.items()},
    )  # fmt: skip


@pytest.mark.parametrize("name", shims("run_time"))
@settings(max_examples=40, deadline=None)
@given(shape=st.one_of(depthwise_shapes(), band_mix_shapes()), offset=st.integers(0, 15), bias=st.booleans())
def test_any_shape(name, shape, offset, bias):
    kernel = "depthwise" if isinstance(shape, DepthwiseShape) else "band_mix"
    arguments = KERNELS[kernel][1](shape, shape.rows, offset=offset, bias=bias)
    assert_like_reference(shim(name), kernel, shape, arguments, offset=offset)


@pytest.mark.parametrize("name", shims("run_time"))
def test_depthwise_is_a_convolution_of_each_channel(name):
    bands, channels, kernel = 12, 8, 3
    shape = DepthwiseShape(
        rows=bands - kernel + 1, channels=channels, taps=kernel, x_row=channels, w_tap=channels, y_row=channels,
        tap_offset=(ctypes.c_int32 * TAPS_MAX)(*(t * channels for t in range(kernel))),
    )  # fmt: skip
    (x, _), w, bias, _ = depthwise_operands(shape, 0)
    y = assert_like_reference(shim(name), "depthwise", shape, [x, w, bias, None]).reshape(-1, channels)
    x, w = x.reshape(bands, channels), w.reshape(kernel, channels)
    for c in range(channels):
        np.testing.assert_allclose(y[:, c], bias[c] + np.correlate(x[:, c], w[:, c]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", shims("run_time"))
def test_band_mix_is_a_matrix_product_for_each_channel(name):
    rows, channels, depth = 7, 12, 5
    shape = BandMixShape(rows=rows, channels=channels, depth=depth, x_row=channels, y_row=channels)
    x, w, bias = band_mix_operands(shape, 0)
    y = assert_like_reference(shim(name), "band_mix", shape, [x, w, bias]).reshape(rows, channels)
    expected = bias + np.einsum("kc,nkc->nc", x.reshape(depth, channels), w.reshape(rows, depth, channels))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
