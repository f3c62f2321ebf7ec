"""Kernels on small integers against their plain loops: the same bits, for every vector width and any shape."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import (
    INT8,
    SANITIZED,
    TAPS_MAX,
    Int8BandMixShape,
    Int8DepthwiseShape,
    Int8MatmulShape,
    Int8RecurrentShape,
    QuantizeShape,
    padded,
    shim,
    shims,
)

BUILDS = shims(source=INT8)
GUARD = 0 if SANITIZED else 64
ACTIVATIONS = [0, 1, 4, 5]
"""None, Relu, Sigmoid, Tanh."""

sizes = st.integers(1, 40)
any_shape = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def room(size: int, dtype: type) -> np.ndarray:
    """Memory that nothing was written to, with guards around it as far as the sanitizers do not watch its ends."""
    return np.full(GUARD + size + GUARD, 77, dtype)[GUARD : GUARD + size]


def assert_same_bits(library, kernel: str, results: dict[str, tuple[int, type]], arguments: list, shape) -> None:
    """Run both forms; `results` are sizes and types of what they write, in the order of their parameters."""
    found = {}
    for name in (f"{kernel}_reference", kernel):
        found[name] = [room(size, dtype) for size, dtype in results]
        library.call(name, *found[name], *arguments, shape)
    for ours, reference in zip(found[kernel], found[f"{kernel}_reference"], strict=True):
        np.testing.assert_array_equal(ours.base.view(np.uint8), reference.base.view(np.uint8))


def whole_bytes(rng: np.random.Generator, *shape: int, narrow: bool) -> np.ndarray:
    """Weights of all 8 bits, the last axis groups; or narrow ones, nearly half of whose neighbours are at the limit."""
    if not narrow:
        return rng.choice([-128, 127, *rng.integers(-128, 128, 6)], shape).astype(np.int8)
    even = rng.integers(-128, 128, (*shape[:-1], 2))
    odd = np.where(even < 0, rng.choice([-128 - even, 127 + 0 * even]), rng.choice([128 - even, -128 + 0 * even]))
    return np.stack([even, np.minimum(odd, 127)], axis=-1).reshape(shape).astype(np.int8)


def groups(depth: int) -> int:
    return -(-depth // 4)


def packed_weights(rng: np.random.Generator, depth: int, columns: int, *, gates: int = 1, narrow: bool) -> np.ndarray:
    """(groups, gates, padded, 4), zeros where the depth is filled up."""
    weights = whole_bytes(rng, groups(depth), gates, padded(columns), 4, narrow=narrow)
    weights[-1, :, :, depth - 4 * (groups(depth) - 1) :] = 0
    return weights


def scales(rng: np.random.Generator, *shape: int, depth: int) -> np.ndarray:
    """Such that sums of `depth` products of bytes come to about 1."""
    return rng.uniform(0.2, 1, shape).astype(np.float32) / np.float32(128 * 64 * depth**0.5)


@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(rows=sizes, columns=sizes, extra=st.integers(0, 3), zero_point=st.integers(-128, 127), seed=seeds)
def test_quantize(name, rows, columns, extra, zero_point, seed):
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    x = rng.normal(0, 3, rows * (columns + extra)).astype(np.float32)
    x[rng.random(x.size) < 0.2] = rng.choice([np.inf, -np.inf, 1e30, 1e-40, 0.05, -0.15, -0.0])
    shape = QuantizeShape(
        rows=rows, columns=columns, x_row=columns + extra, y_row=columns + 1, inverse_scale=10, zero_point=zero_point
    )
    size = (rows - 1) * (columns + 1) + columns
    x = x[: (rows - 1) * (columns + extra) + columns].copy()
    for inverse_scale in (None, rng.uniform(5, 20, columns).astype(np.float32)):
        assert_same_bits(library, "quantize_bytes", [(size, np.int8)], [x, inverse_scale], shape)


@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(rows=sizes, columns=sizes, extra=st.integers(0, 3), zero_point=st.integers(-128, 127), seed=seeds)
def test_quantize_groups(name, rows, columns, extra, zero_point, seed):
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    x = rng.normal(0, 3, (rows - 1) * (columns + extra) + columns).astype(np.float32)
    shape = QuantizeShape(rows=rows, columns=columns, x_row=columns + extra, inverse_scale=10, zero_point=zero_point)
    found, inverse_scale = [], None if seed % 2 else rng.uniform(5, 20, columns).astype(np.float32)
    for kernel in ("quantize_groups", "quantize_groups_reference"):
        y = room(groups(rows) * columns * 4, np.int8)
        library.call(kernel, y, x, inverse_scale, shape)
        y = y.reshape(-1, columns, 4)
        y[-1, :, rows - 4 * (groups(rows) - 1) :] = 0  # meets weights of 0: no matter
        found.append(y)
    np.testing.assert_array_equal(*found)


@st.composite
def matmul_shapes(draw) -> Int8MatmulShape:
    taps = draw(st.integers(1, 4))
    columns = draw(st.integers(1, 70))
    return Int8MatmulShape(
        rows=draw(sizes), columns=columns, depth=draw(sizes), taps=taps,
        tap_offset=(ctypes.c_int32 * TAPS_MAX)(*draw(st.lists(st.integers(-50, 50), min_size=taps, max_size=taps))),
        a_row=draw(st.integers(0, 60)), y_row=columns + draw(st.integers(0, 5)),
        zero_point=draw(st.integers(-128, 127)), narrow=draw(st.booleans()),
        activation=draw(st.sampled_from(ACTIVATIONS)),
    )  # fmt: skip


@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(shape=matmul_shapes(), has_zeros=st.booleans(), has_bias=st.booleans(), seed=seeds)
def test_matmul(name, shape, has_zeros, has_bias, seed):
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    offsets = shape.tap_offset[: shape.taps]
    first, last = min(0, *offsets), (shape.rows - 1) * shape.a_row + max(0, *offsets) + shape.depth - 1
    a = rng.integers(-128, 128, last - first + 1).astype(np.int8)
    w = np.stack([packed_weights(rng, shape.depth, shape.columns, narrow=shape.narrow) for _ in range(shape.taps)])
    arguments = [
        ctypes.c_void_p(a.ctypes.data - first),
        w,
        w.sum((0, 1, 2, 4), np.int32),
        rng.integers(-255, 256, padded(shape.columns), np.int32) if has_zeros else None,
        scales(rng, padded(shape.columns), depth=shape.depth * shape.taps),
        rng.normal(size=padded(shape.columns)).astype(np.float32) if has_bias else None,
    ]
    size = (shape.rows - 1) * shape.y_row + shape.columns
    assert_same_bits(library, "int8_matmul", [(size, np.float32)], arguments, shape)


@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(shape=matmul_shapes(), scales_of_channels=st.booleans(), has_bias=st.booleans(), seed=seeds)
def test_wide(name, shape, scales_of_channels, has_bias, seed):
    """Integers of 16 bits, at their ends too, with weights such that a sum nearly leaves 32 bits."""
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    offsets = [2 * offset for offset in shape.tap_offset[: shape.taps]]
    shape.tap_offset[: shape.taps], shape.wide = offsets, 1
    shape.depth, shape.a_row = 2 * shape.depth, 2 * shape.a_row
    first, last = min(0, *offsets), (shape.rows - 1) * shape.a_row + max(0, *offsets) + shape.depth
    x = rng.normal(0, 3, (last - first) // 2).astype(np.float32)
    x[rng.random(x.size) < 0.2] = rng.choice([np.inf, -np.inf, 1e30, 1e-40, 0.05, -0.15, -0.0])
    quantized = QuantizeShape(rows=1, columns=x.size, inverse_scale=3000)
    scaling = rng.uniform(500, 20000, x.size).astype(np.float32) if scales_of_channels else None
    assert_same_bits(library, "quantize_words", [(x.size, np.int16)], [x, scaling], quantized)
    a = room(x.size, np.int16)
    library.call("quantize_words", a, x, scaling, quantized)

    depth, columns = shape.depth // 2, padded(shape.columns)
    most = 65000 // (depth * shape.taps)
    w = rng.integers(-most, most, (shape.taps, -(-depth // 2), columns, 2), endpoint=True).clip(-32767, 32767)
    w[:, -1, :, depth - 2 * (-(-depth // 2) - 1) :] = 0
    arguments = [
        ctypes.c_void_p(a.ctypes.data - first),
        w.astype(np.int16),
        None,
        None,
        scales(rng, columns, depth=depth * shape.taps) / np.float32(16000),
        rng.normal(size=columns).astype(np.float32) if has_bias else None,
    ]
    size = (shape.rows - 1) * shape.y_row + shape.columns
    assert_same_bits(library, "int8_matmul", [(size, np.float32)], arguments, shape)


@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(
    rows=sizes, channels=st.integers(1, 70), depth=sizes, zero_point=st.integers(-128, 127),
    narrow=st.booleans(), one_bias=st.booleans(), activation=st.sampled_from(ACTIVATIONS), seed=seeds,
)  # fmt: skip
def test_band_mix(name, rows, channels, depth, zero_point, narrow, one_bias, activation, seed):
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    shape = Int8BandMixShape(
        rows=rows, channels=channels, depth=depth, y_row=channels + 1, zero_point=zero_point, narrow=narrow,
        activation=activation, bias_row=0 if one_bias else padded(channels),
    )  # fmt: skip
    w = packed_weights(rng, depth, channels, gates=rows, narrow=narrow)
    arguments = [
        rng.integers(-128, 128, groups(depth) * channels * 4).astype(np.int8),
        w,
        w.sum((0, 3), np.int32),
        scales(rng, padded(channels), depth=depth),
        rng.normal(size=(1 if one_bias else rows, padded(channels))).astype(np.float32),
    ]
    size = (rows - 1) * (channels + 1) + channels
    assert_same_bits(library, "int8_band_mix", [(size, np.float32)], arguments, shape)


@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(
    rows=sizes, channels=st.integers(1, 70), offsets=st.lists(st.integers(-50, 50), min_size=1, max_size=9),
    x_row=st.integers(0, 60), zero_point=st.integers(-128, 127), has_zeros=st.booleans(), has_bias=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS), seed=seeds,
)  # fmt: skip
def test_depthwise(name, rows, channels, offsets, x_row, zero_point, has_zeros, has_bias, activation, seed):
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    shape = Int8DepthwiseShape(
        rows=rows, channels=channels, taps=len(offsets), tap_offset=(ctypes.c_int32 * TAPS_MAX)(*offsets),
        x_row=x_row, y_row=channels + 1, zero_point=zero_point, activation=activation,
    )  # fmt: skip
    first, last = min(0, *offsets), (rows - 1) * x_row + max(0, *offsets) + channels
    x = rng.integers(-128, 128, last - first).astype(np.int8)
    w = rng.choice([-128, 127, *rng.integers(-128, 128, 6)], (len(offsets), padded(channels))).astype(np.int8)
    zeros = rng.integers(-128, 128, padded(channels), np.int32) * has_zeros
    arguments = [
        ctypes.c_void_p(x.ctypes.data - first),
        w,
        (w - zeros).sum(0, np.int32),
        zeros if has_zeros else None,
        scales(rng, padded(channels), depth=len(offsets)),
        rng.normal(size=padded(channels)).astype(np.float32) if has_bias else None,
    ]
    size = (rows - 1) * (channels + 1) + channels
    assert_same_bits(library, "int8_depthwise", [(size, np.float32)], arguments, shape)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("name", BUILDS)
@any_shape
@given(
    rows=st.integers(1, 9), inputs=sizes, hidden=sizes, zero_point=st.integers(-128, 127), narrow=st.booleans(),
    seed=seeds,
)  # fmt: skip
def test_recurrent_step(name, cell, rows, inputs, hidden, zero_point, narrow, seed):
    rng, library = np.random.default_rng(seed), shim(name, source=INT8)
    gates, results = (3, ["h"]) if cell == "gru" else (4, ["h", "c"])
    shape = Int8RecurrentShape(
        rows=rows, inputs=inputs, hidden=hidden, x_row=inputs + 1, h_row=hidden + 2, state_row=hidden,
        next_row=hidden, zero_point=zero_point, narrow=narrow,
    )  # fmt: skip
    weights = [packed_weights(rng, depth, hidden, gates=gates, narrow=narrow) for depth in (inputs, hidden)]
    arguments = [
        rng.integers(-128, 128, (rows - 1) * (inputs + 1) + inputs).astype(np.int8),
        rng.integers(-128, 128, (rows - 1) * (hidden + 2) + hidden).astype(np.int8),
        rng.uniform(-1, 1, rows * hidden).astype(np.float32),
        *weights,
        *(w.sum((0, 3), np.int32) for w in weights),
        *(scales(rng, gates, padded(hidden), depth=depth) for depth in (inputs, hidden)),
        rng.normal(size=(gates, padded(hidden))).astype(np.float32),
        *([rng.normal(size=padded(hidden)).astype(np.float32)] if cell == "gru" else []),
    ]
    assert_same_bits(library, f"int8_{cell}_step", [(rows * hidden, np.float32)] * len(results), arguments, shape)
