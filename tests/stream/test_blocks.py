"""How a signal is cut into blocks changes nothing; `enhance` is a loop over them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.streams import RATES, in_blocks, noise

from undin import Stream, enhance


@given(
    rate=st.sampled_from(RATES),
    channels=st.integers(1, 2),
    name=st.sampled_from(["fading", "look_ahead", "telephone"]),
    sizes=st.lists(st.integers(1, 4_800), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=80)
def test_block_sizes_change_nothing(models, rate, channels, name, sizes):
    samples = noise(6_000, channels) if channels > 1 else noise(6_000)
    stream = Stream(rate, channels=channels, model=models[name])
    output = in_blocks(stream, samples, sizes)
    at_once = Stream(rate, channels=channels, model=models[name]).process(samples)
    np.testing.assert_array_equal(output, at_once)


@pytest.mark.parametrize("rate", RATES)
def test_single_samples_and_empty_blocks(models, rate):
    samples = noise(3_000)
    output = in_blocks(Stream(rate, model=models["fading"]), samples, [1, 0])
    np.testing.assert_array_equal(output, Stream(rate, model=models["fading"]).process(samples))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", [(0,), (1,), (700,), (700, 1), (5_000, 2), (0, 2)])
def test_enhance_keeps_the_shape_and_lines_up(models, rate, shape):
    samples = noise(*shape)
    output = enhance(samples.astype(np.float64), sample_rate=rate, model=models["identity"])
    assert output.shape == shape and output.dtype == np.float32
    np.testing.assert_allclose(output, samples, atol=1e-6)


def test_enhance_is_a_loop_over_stream(models):
    samples = noise(100_000)
    stream = Stream(44_100, model=models["fading"])
    live = np.concatenate((in_blocks(stream, samples, [441]), stream.flush()))[stream.latency_samples :]
    np.testing.assert_array_equal(live, enhance(samples, sample_rate=44_100, model=models["fading"]))


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_flush_and_reset_start_afresh(models, rate):
    stream = Stream(rate, model=models["fading"])
    samples = noise(5_000)
    first = stream.process(samples)
    stream.flush()
    np.testing.assert_array_equal(stream.process(samples), first)
    stream.reset()
    np.testing.assert_array_equal(stream.process(samples), first)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_sample_that_is_no_sound_counts_as_silence(models, rate, bad):
    samples = noise(8_000).astype(np.float64)
    silenced = samples.copy()
    silenced[[100, 4_000]] = 0
    samples[[100, 4_000]] = bad
    output = enhance(samples, sample_rate=rate, model=models["fading"])
    np.testing.assert_array_equal(output, enhance(silenced, sample_rate=rate, model=models["fading"]))


def test_process_writes_where_it_is_told(models):
    samples = noise(5_000, 2)
    expected = Stream(48_000, channels=2, model=models["fading"]).process(samples)
    for in_place in (False, True):
        stream, block = Stream(48_000, channels=2, model=models["fading"]), samples.copy()
        out = block if in_place else np.full_like(block, np.nan)
        assert stream.process(block, out=out) is out
        np.testing.assert_array_equal(out, expected)
        assert in_place or np.array_equal(block, samples)
    stream.reset()
    np.testing.assert_array_equal(stream.process(samples[::-1][::-1].astype(np.float64), out=out), expected)
