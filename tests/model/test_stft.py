"""The analysis and synthesis: perfect reconstruction, its exact delay, independence of the calls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference.synthesis import Synthesis

from undin.model.stft import Analysis, analysis_window, synthesis_window

pytestmark = pytest.mark.quick

SIZES = [(512, 512, 256), (512, 320, 160), (512, 512, 128), (1024, 960, 240), (320, 320, 64), (30, 20, 5)]


def noise(count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, count).astype(np.float32)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_synthesis_returns_the_input_of_window_less_hop_samples_ago(sizes):
    _, window, hop = sizes
    samples = noise(40 * hop)
    output = Synthesis(*sizes).process(Analysis(*sizes).process(samples))
    delay = window - hop
    expected = np.concatenate((np.zeros(delay), samples[: len(samples) - delay]))
    np.testing.assert_allclose(output, expected, atol=1e-6)


@given(sizes=st.sampled_from(SIZES), calls=st.lists(st.integers(1, 5), min_size=1, max_size=6))
@settings(deadline=None)
def test_how_hops_are_spread_over_calls_changes_nothing(sizes, calls):
    hop = sizes[2]
    samples = noise(sum(calls) * hop)
    at_once = Analysis(*sizes).process(samples)
    analysis, synthesis = Analysis(*sizes), Synthesis(*sizes)
    parts = [analysis.process(part) for part in np.split(samples, np.cumsum(calls)[:-1] * hop)]
    np.testing.assert_array_equal(np.concatenate(parts), at_once)
    output = np.concatenate([synthesis.process(part) for part in parts])
    np.testing.assert_array_equal(output, Synthesis(*sizes).process(at_once))


def test_a_frame_is_the_unscaled_transform_of_the_window_that_ends_with_its_hop():
    n_fft, window, hop = 512, 320, 160
    samples = noise(5 * hop)
    spec = Analysis(n_fft, window, hop).process(samples)
    last = samples[-window:].astype(np.float64) * np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window))
    assert spec.dtype == np.complex64 and spec.shape == (5, 257)
    np.testing.assert_allclose(spec[-1], np.fft.rfft(last, n_fft), atol=1e-4)


def test_at_half_overlap_both_windows_are_the_same():
    np.testing.assert_allclose(synthesis_window(512, 256), analysis_window(512), atol=1e-7)


def test_reset_forgets():
    analysis, synthesis = Analysis(512, 512, 128), Synthesis(512, 512, 128)
    samples = noise(1280)
    first = synthesis.process(analysis.process(samples))
    analysis.reset()
    synthesis.reset()
    np.testing.assert_array_equal(synthesis.process(analysis.process(samples)), first)


@pytest.mark.parametrize("sizes", [(512, 512, 512), (512, 512, 200), (256, 512, 256), (512, 512, 0)])
def test_sizes_that_cannot_be_reconstructed_are_refused(sizes):
    with pytest.raises(ValueError, match=r"window"):
        Analysis(*sizes)
