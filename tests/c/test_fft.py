"""The transform in C against numpy's in double precision: every kind of length, every compiler, every alignment."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hop_shim import BUILDS, load_library

from undin.compiler.emit import fft_tables

LENGTHS = [2, 22, 98, 256, 320, 400, 480, 640, 960, 1024]
"""One point, primes, and the windows of 20 and 32 ms at 16 and 48 kHz among the powers of two."""

SHIM = """
#include "undin_fft.h"
void forward(const float *samples, float *spec, float *scratch) { undin_rfft(samples, spec, scratch); }
void inverse(const float *spec, float *samples, float *scratch) { undin_irfft(spec, samples, scratch); }
int scratch_floats(void) { return UNDIN_FFT_SCRATCH; }
"""


class Transform:
    def __init__(self, folder, n_fft, build):
        source = folder / f"fft_{n_fft}.c"
        source.write_text(fft_tables.c_source(n_fft, n_fft, n_fft // 2) + SHIM)
        self.library, self.n_fft = load_library(folder, source, build), n_fft

    def forward(self, samples, *, offset=0):
        return self._call(self.library.forward, samples, self.n_fft + 2, offset).view(np.complex64)

    def inverse(self, spec, *, offset=0):
        return self._call(self.library.inverse, spec.view(np.float32), self.n_fft, offset) / np.float32(self.n_fft)

    def _call(self, function, values, count, offset):
        given, result, scratch = (
            np.full(size + offset + 16, np.nan, np.float32)[offset:]
            for size in (len(values), count, self.library.scratch_floats())
        )
        given[: len(values)] = values
        function(*(ctypes.c_void_p(array.ctypes.data) for array in (given, result, scratch)))
        assert np.isnan(result[count:]).all() and np.isnan(scratch[self.library.scratch_floats() :]).all()
        return result[:count]


def check(transform, *, offset=0):
    rng = np.random.default_rng(transform.n_fft)
    for samples in (rng.standard_normal(transform.n_fft), np.eye(transform.n_fft)[-1]):
        samples = samples.astype(np.float32)
        expected = np.fft.rfft(samples.astype(np.float64))
        spec = transform.forward(samples, offset=offset)
        assert np.abs(spec - expected).max() < 1e-6 * np.sqrt(np.mean(np.abs(expected) ** 2))
        assert spec[0].imag == 0 and spec[-1].imag == 0
        spec[[0, -1]] += 7j  # what numpy ignores too
        assert np.abs(transform.inverse(spec, offset=offset) - samples).max() < 1e-6 * np.abs(samples).max()


@pytest.mark.parametrize("n_fft", LENGTHS)
def test_transforms_of_all_lengths_are_those_of_numpy(tmp_path, n_fft):
    check(Transform(tmp_path, n_fft, "gcc-avx2"))


@pytest.mark.parametrize("build", BUILDS)
def test_transforms_of_all_builds_are_those_of_numpy_at_every_alignment(tmp_path, build):
    transform = Transform(tmp_path, 512, build)
    for offset in range(16):
        check(transform, offset=offset)


@given(st.integers(1, 3000))
def test_plan_multiplies_to_all_points_and_begins_with_their_power_of_two(points):
    radices = [one.radix for one in fft_tables.passes(2 * points)]
    assert np.prod(radices, initial=1) == points
    assert radices == sorted(radices, key=lambda radix: radix % 2)
    assert sum(radix % 4 == 2 for radix in radices) <= 1


def test_refuses_an_odd_length():
    with pytest.raises(ValueError, match="n_fft must be even to be compiled, got 15"):
        fft_tables.passes(15)
