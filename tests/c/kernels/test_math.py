"""The functions of undin_math.h against numpy in float64: the errors that their comments state, over all exponents."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_shim import SANITIZED, room, shim, shims

FORMS = ("", "vector_")
SAMPLES = 20_000 if SANITIZED else 400_000
SPECIAL = np.array(
    [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, 1e-40, -1e-40,
     1e-45, 8388609, -8388609, 16777217, 3.4e38, -3.4e38, 88.7, 88.8, -87.4, -103.9, -104.1],
    np.float32,
)  # fmt: skip


def every_size(count: int, *, signs: bool) -> np.ndarray:
    """Finite floats (count,) spread over all exponents, denormals too."""
    bits = np.linspace(0, 0x7F7FFFFF, count // (2 if signs else 1)).astype(np.uint32).view(np.float32)
    return np.concatenate([bits, -bits]) if signs else bits


def run(name: str, function: str, x: np.ndarray, exponent: np.ndarray | None = None) -> np.ndarray:
    count = len(x)
    multiple = -(-count // 16) * 16
    padded = [np.resize(array, multiple) for array in (x, x if exponent is None else exponent)]
    y = room(multiple)
    shim(name).call(function, y, *padded, multiple)
    return y[:count]


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distance in units of the last place of the exact result, at least the smallest denormal."""
    size = np.minimum(np.abs(exact), np.finfo(np.float32).max).astype(np.float32)
    return np.abs(y.astype(np.float64) - exact) / np.spacing(size).astype(np.float64)


FUNCTIONS = {
    # name: exact, arguments, largest error in ulp
    "exp": (np.exp, np.linspace(-104, 88.72, SAMPLES).astype(np.float32), 1),
    "log": (np.log, np.concatenate([every_size(SAMPLES, signs=False)[1:], np.linspace(0.9, 1.1, SAMPLES // 4)]), 1),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), np.linspace(-87, 90, SAMPLES), 3),
    "tanh": (np.tanh, every_size(SAMPLES, signs=True), 6),
    "erf": (np.vectorize(math.erf), every_size(SAMPLES // 8, signs=True), 7),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", shims())
def test_error_is_as_stated(name, function):
    exact, x, limit = FUNCTIONS[function]
    x = x.astype(np.float32)
    for form in FORMS:
        error = ulps(run(name, form + function, x), exact(x.astype(np.float64)))
        assert error.max() <= limit, (form, x[error.argmax()], error.max())


@pytest.mark.parametrize("name", shims())
def test_pow_error_is_as_stated(name):
    rng = np.random.default_rng(0)
    x = np.concatenate([np.exp(rng.normal(0, 8, SAMPLES // 4)), 1 + rng.normal(0, 1e-3, SAMPLES // 4)]).astype(
        np.float32
    )
    with np.errstate(divide="ignore"):
        y = (rng.uniform(-148, 127.9, len(x)) / np.log2(x.astype(np.float64))).astype(np.float32)
    exact = x.astype(np.float64) ** y.astype(np.float64)
    fits = (exact < 3.4e38) & np.isfinite(y)
    for form in FORMS:
        error = ulps(run(name, f"{form}pow", x, y)[fits], exact[fits])
        assert error.max() <= 6, (form, x[fits][error.argmax()], y[fits][error.argmax()], error.max())


SMALL_EXPONENTS = (-0.35, 0.3, 2 / 3, -0.9999, 0.001)


@pytest.mark.parametrize("name", shims())
def test_pow_small_error_is_as_stated(name):
    every = every_size(SAMPLES // 8, signs=False)[1:]
    for exponent in map(np.float32, SMALL_EXPONENTS):
        exact = every.astype(np.float64) ** np.float64(exponent)
        x, exact = every[exact < 3.4e38], exact[exact < 3.4e38]
        for form in FORMS:
            error = ulps(run(name, f"{form}pow_small", x, np.full_like(x, exponent)), exact)
            assert error.max() <= 2, (form, exponent, x[error.argmax()], error.max())


@pytest.mark.parametrize("name", shims())
def test_special_values(name):
    """Zeros, infinities, NaN, denormals and the edges of the range give what numpy gives."""
    x = SPECIAL
    with np.errstate(all="ignore"):
        for function, (exact, _, _) in FUNCTIONS.items():
            expected = exact(x.astype(np.float64)).astype(np.float32)
            for form in FORMS:
                y = run(name, form + function, x)
                np.testing.assert_allclose(y, expected, rtol=1e-6, atol=2e-38, err_msg=form + function)
        base, exponent = (array.ravel() for array in np.meshgrid(x, x))
        exponent[np.abs(exponent) < np.finfo(np.float32).tiny] = 0
        expected = np.power(base, exponent)
        expected[np.isnan(exponent)] = np.nan  # numpy has 1 for 1^NaN
        for form in FORMS:
            y = run(name, f"{form}pow", base, exponent)
            np.testing.assert_allclose(y, expected, rtol=1e-6, atol=2e-38, err_msg=f"{form}pow")
            np.testing.assert_array_equal(np.signbit(y[y == 0]), np.signbit(expected[y == 0]), err_msg=f"{form}pow")
        for exponent in map(np.float32, SMALL_EXPONENTS):
            for form in FORMS:
                y = run(name, f"{form}pow_small", x, np.full_like(x, exponent))
                np.testing.assert_allclose(y, np.power(x, exponent), rtol=1e-6, atol=2e-38, err_msg=f"{form}pow_small")


@pytest.mark.parametrize("name", shims())
@settings(max_examples=50, deadline=None)
@given(x=st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_both_forms_agree(name, x):
    """A plain loop over the scalar form and the vector form differ by rounding alone, for any bits."""
    x = np.array(x, np.float32)
    for function in FUNCTIONS:
        plain, vector = (run(name, form + function, x) for form in FORMS)
        np.testing.assert_allclose(plain, vector, rtol=1e-6, atol=2e-38, err_msg=function)
