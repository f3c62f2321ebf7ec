"""Limit and bypass that change while sound runs: over a hop, without a click, in time with the input."""

import numpy as np
import pytest

from undin import Stream

RATES = (16_000, 44_100, 48_000)
BEFORE, AFTER = 0.5, 0.25
"""Seconds of sound before and after a change."""


def hop_of(stream: Stream) -> int:
    """Samples of the stream to a hop of the model, rounded up."""
    metadata = stream.model.metadata
    return -(-metadata.hop * stream.sample_rate // metadata.sample_rate)


def random_signs(count: int) -> np.ndarray:
    """Noise whose every sample has the size of a half, so that the gain of each can be told."""
    return np.random.default_rng(0).choice([-0.5, 0.5], count).astype(np.float32)


def changed(stream: Stream, samples: np.ndarray, **changes) -> np.ndarray:
    """The output, in time with the input, when attributes change after `BEFORE`."""
    start = int(BEFORE * stream.sample_rate)
    before = stream.process(samples[:start])
    for name, value in changes.items():
        setattr(stream, name, value)
    return np.concatenate((before, stream.process(samples[start:]), stream.flush()))[stream.latency_samples :]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {"atten_lim_db": 6}),
        ({}, {"atten_lim_db": 0}),
        ({"atten_lim_db": 12}, {"atten_lim_db": None}),
        ({}, {"bypass": True}),
        ({"bypass": True}, {"bypass": False}),
        ({"bypass": True, "atten_lim_db": 20}, {"bypass": False, "atten_lim_db": 6}),
    ],
)
def test_the_step_response_is_a_ramp_over_a_hop(models, rate, first, then):
    def gain(bypass: bool = False, atten_lim_db: float | None = None) -> float:
        return 1.0 if bypass else 0.0 if atten_lim_db is None else 10 ** (-atten_lim_db / 20)

    # Of a model that lets nothing through, the output is the input times what limit and bypass leave of it.
    stream = Stream(rate, model=models["silent"])
    for name, value in first.items():
        setattr(stream, name, value)
    samples = random_signs(int((BEFORE + AFTER) * rate))
    gains = changed(stream, samples, **then) / samples

    settled = gains[int(rate * BEFORE / 2) : -hop_of(stream)]
    np.testing.assert_allclose(settled[: rate // 10], gain(**first), atol=1e-4)
    np.testing.assert_allclose(settled[-rate // 10 :], gain(**then), atol=1e-4)
    steps = np.diff(settled) * np.sign(gain(**then) - gain(**first))
    ramp = np.flatnonzero(np.abs(steps) > 1e-4)
    assert abs(ramp[-1] + 1 - ramp[0] - hop_of(stream)) <= 2
    each = abs(gain(**then) - gain(**first)) / len(ramp)
    np.testing.assert_allclose(steps[ramp[0] : ramp[-1] + 1], each, rtol=0.01, atol=1e-4)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("change", [{"atten_lim_db": 3}, {"bypass": True}])
def test_no_change_clicks(models, rate, change):
    stream = Stream(rate, model=models["quiet"])
    time = np.arange(int((BEFORE + AFTER) * rate)) / rate
    sine = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    output = changed(stream, sine, **change)[: -hop_of(stream)]
    of_sine, of_ramp = 0.5 * 2 * np.pi * 200 / rate, 0.5 / (hop_of(stream) - 1)
    assert np.abs(np.diff(output)).max() < of_sine + of_ramp
    # Nor does the slope jump by more than the ramp begins with.
    assert np.abs(np.diff(output, 2)).max() < of_sine * 2 * np.pi * 200 / rate + 3 * of_ramp


@pytest.mark.parametrize("rate", RATES)
def test_bypass_is_in_time_with_the_sound_and_exact(models, rate):
    stream = Stream(rate, model=models["nano"])
    samples = np.random.default_rng(1).normal(0, 0.1, int((BEFORE + AFTER) * rate)).astype(np.float32)
    output = changed(stream, samples, bypass=True)
    start = int(BEFORE * rate)
    np.testing.assert_array_equal(output[start + hop_of(stream) :], samples[start + hop_of(stream) :])
    enhanced = changed(Stream(rate, model=models["nano"]), samples)
    until = start - stream.latency_samples
    np.testing.assert_array_equal(output[:until], enhanced[:until])


def test_the_model_goes_on_listening_in_bypass(models):
    samples = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    stream, other = Stream(48_000, model=models["nano"]), Stream(48_000, model=models["nano"])
    expected = other.process(samples)
    stream.bypass = True
    stream.process(samples[:8_000])
    stream.bypass = False
    np.testing.assert_array_equal(stream.process(samples[8_000:])[2_000:], expected[8_000:][2_000:])


@pytest.mark.parametrize("change", [{"atten_lim_db": 0}, {"bypass": True}])
def test_what_is_set_before_the_first_sample_holds_from_there_on(models, change):
    samples = random_signs(2_000)
    for set_again in (False, True):
        stream = Stream(model=models["silent"])
        if set_again:
            stream.process(samples)
            stream.reset()
        for name, value in change.items():
            setattr(stream, name, value)
        stream.process(samples[:0])
        output = np.concatenate((stream.process(samples), stream.flush()))[stream.latency_samples :]
        np.testing.assert_array_equal(output, samples)


@pytest.mark.parametrize("rate", RATES)
def test_whatever_the_network_does_0_db_is_exact(models, rate):
    samples = np.random.default_rng(2).uniform(-1, 1, (9_000, 3)).astype(np.float32)
    samples[::7] = -0.0
    samples[1::7] = 1e-42  # denormal
    stream = Stream(rate, channels=3, model=models["broken"], atten_lim_db=0)
    output = np.concatenate((stream.process(samples), stream.flush()))[stream.latency_samples :]
    assert output.tobytes() == samples.tobytes()


@pytest.mark.parametrize("value", [-1, -1e-30, float("nan"), float("-inf")])
def test_a_limit_that_is_none_is_refused_and_the_last_kept(models, value):
    stream, samples = Stream(model=models["silent"], atten_lim_db=0), random_signs(2_000)
    with pytest.raises(ValueError, match="atten_lim_db must be 0 dB or more"):
        stream.atten_lim_db = value
    assert stream.atten_lim_db == 0
    np.testing.assert_array_equal(stream.process(samples)[511:], samples[:-511])


@pytest.mark.parametrize("atten_lim_db", [0.0, 0.01, 1.0, 6.0, 30.0, 80.0, 1000.0, None])
def test_the_limit_is_the_gain_that_it_says(models, atten_lim_db):
    samples = random_signs(2_000)
    output = Stream(model=models["silent"], atten_lim_db=atten_lim_db).process(samples)[1_000:]
    expected = 0 if atten_lim_db is None else 10 ** (-atten_lim_db / 20)
    np.testing.assert_allclose(np.abs(output) / 0.5, expected, rtol=1e-6, atol=1e-7)
