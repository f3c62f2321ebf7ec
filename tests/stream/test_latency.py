"""A stream's latency is what it declares, the least that there is, and its dry path comes out bit for bit."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.c_stream import CStream
from support.reference.stream import ReferenceStream
from support.streams import ODD_RATES, RATES, WITHOUT_COMMON_FACTOR, in_blocks, noise

from undin import Stream, enhance, load


@pytest.mark.parametrize("rate", RATES + ODD_RATES)
@pytest.mark.parametrize("name", ["identity", "look_ahead", "full_band"])
def test_an_impulse_comes_out_after_the_declared_latency(models, name, rate):
    stream = Stream(rate, model=models[name])
    at, latency = 1_000, stream.latency_samples
    impulse = np.zeros(at + latency + 1_000, np.float32)
    impulse[at] = 1
    output = in_blocks(stream, impulse, [480])
    assert np.argmax(np.abs(output)) == at + latency
    assert output[at + latency] == pytest.approx(0.5 if name == "full_band" else 1, abs=0.05)
    if rate == models[name].metadata.sample_rate:
        assert latency == models[name].metadata.latency_samples


@pytest.mark.parametrize("rate", RATES)
def test_the_wet_path_is_aligned_with_the_dry_one(models, rate):
    # A tenth of the input must remain, in phase: any misalignment would leave more.
    model = models["quiet"]
    time = np.arange(rate) / rate
    samples = sum(0.1 * np.sin(2 * np.pi * f * time) for f in (100, 1_000, 3_000)).astype(np.float32)
    output = enhance(samples, sample_rate=rate, model=model)
    middle = slice(rate // 4, -rate // 4)
    np.testing.assert_allclose(output[middle], 0.1 * samples[middle], atol=2e-4)


@pytest.mark.parametrize("rate", RATES + ODD_RATES)
@pytest.mark.parametrize("name", ["fading", "look_ahead", "telephone"])
def test_no_attenuation_returns_the_delayed_input_exactly(models, name, rate):
    samples = noise(rate // 2, 2)
    stream = Stream(rate, channels=2, model=models[name], atten_lim_db=0)
    output = in_blocks(stream, samples, [441])
    np.testing.assert_array_equal(output[stream.latency_samples :], samples[: -stream.latency_samples])
    np.testing.assert_array_equal(stream.flush(), samples[-stream.latency_samples :])


@given(rate=st.integers(4_000, 384_000), name=st.sampled_from(["quiet", "look_ahead", "telephone", "full_band"]))
@settings(deadline=None, max_examples=40)
def test_latency_is_the_least_that_every_block_size_allows(models, rate, name):
    # The reference counts, of every sample of a period, how much the output lags behind.
    assert Stream(rate, model=models[name]).latency_samples == ReferenceStream(rate, model=models[name]).latency_samples


@pytest.mark.parametrize("rate", WITHOUT_COMMON_FACTOR)
def test_a_rate_without_a_common_factor_opens_at_once_and_is_small(models, rate):
    seconds = []
    for _ in range(5):
        start = time.thread_time()
        stream = Stream(rate, model=models["quiet"])
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.05
    assert stream._memory.nbytes < 2e6


def test_a_stream_is_small_beside_its_model():
    model = load("undin-tiny", engine="compiled").engine.c_model
    beside = CStream(model, 48_000, 2).size - 2 * model.state_bytes - model.arena_bytes
    assert 0 < beside < 64_000
