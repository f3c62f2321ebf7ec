"""The stream in C computes what the slow, obvious one in numpy does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference.stream import ReferenceStream
from support.streams import ODD_RATES, RATES, WITHOUT_COMMON_FACTOR, in_blocks, noise

from undin import Stream, load


def difference(stream: Stream, reference: ReferenceStream, samples: np.ndarray, sizes: list[int]) -> float:
    """The largest between the output of a stream and what it should be, to the end of the signal."""
    assert stream.latency_samples == reference.latency_samples
    output = [in_blocks(stream, samples, sizes), stream.flush().reshape(-1, stream.channels)]
    expected = [reference.process(samples), reference.flush().reshape(-1, stream.channels)]
    return np.abs(np.concatenate(output) - np.concatenate(expected)).max()


@pytest.mark.parametrize("rate", [*RATES, *ODD_RATES, *WITHOUT_COMMON_FACTOR[:2]])
@pytest.mark.parametrize("name", ["fading", "look_ahead", "quiet_above_4_khz", "telephone", "full_band"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_it_computes_what_the_reference_does(models, name, rate, channels):
    arguments = {"channels": channels, "model": models[name], "atten_lim_db": None if channels == 1 else 12}
    samples = noise(rate // 12, channels)
    assert difference(Stream(rate, **arguments), ReferenceStream(rate, **arguments), samples, [441]) < 2e-5


@given(rate=st.integers(4_000, 60_000), name=st.sampled_from(["fading", "look_ahead", "telephone", "full_band"]))
@settings(deadline=None, max_examples=20)
def test_it_computes_what_the_reference_does_at_any_rate(models, rate, name):
    stream, reference = (one(rate, channels=2, model=models[name]) for one in (Stream, ReferenceStream))
    assert difference(stream, reference, noise(rate // 12, 2), [441]) < 2e-5


def test_it_computes_what_the_reference_does_at_the_highest_rates(models):
    rate = WITHOUT_COMMON_FACTOR[-1]
    stream, reference = Stream(rate, model=models["fading"]), ReferenceStream(rate, model=models["fading"])
    assert difference(stream, reference, noise(rate // 20, 1), [4_410]) < 2e-5


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 47_999])
def test_a_network_hears_what_it_does_in_the_reference(rate, noisy_speech):
    samples = np.stack([noisy_speech[start : start + rate // 2] for start in (16_000, 64_000)], axis=1)
    arguments = {"channels": 2, "model": load("undin-tiny")}
    # Below its own rate most bins hold nothing but what rounding left, and that the network hears.
    tolerance = 2e-5 if rate >= 16_000 else 1e-4
    assert difference(Stream(rate, **arguments), ReferenceStream(rate, **arguments), samples, [441]) < tolerance


CHANGES = st.one_of(
    st.tuples(st.just("atten_lim_db"), st.sampled_from([None, 0, 3, 20])),
    st.tuples(st.sampled_from(["bypass", "link_channels"]), st.booleans()),
)


@given(
    rate=st.sampled_from([8_000, 16_000, 44_100]),
    name=st.sampled_from(["fading", "look_ahead"]),
    blocks=st.lists(st.tuples(CHANGES, st.integers(0, 900)), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=40)
def test_what_changes_while_sound_runs_is_what_does_in_the_reference(models, rate, name, blocks):
    streams = [one(rate, channels=2, model=models[name]) for one in (Stream, ReferenceStream)]
    samples = noise(sum(size for _, size in blocks) + rate // 10, 2)
    outputs, start = ([], []), 0
    for (attribute, value), size in [*blocks, (("bypass", False), rate // 10)]:
        for stream, output in zip(streams, outputs, strict=True):
            setattr(stream, attribute, value)
            output.append(stream.process(samples[start : start + size]))
        start += size
    np.testing.assert_allclose(*map(np.concatenate, outputs), rtol=0, atol=2e-5)
