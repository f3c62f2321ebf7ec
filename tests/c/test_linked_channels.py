"""Linked channels: one gain for all, whatever they hold; and nothing of one channel in another but that gain."""

import numpy as np
import pytest

from undin import Stream

RATES = (16_000, 48_000)
NO_SOUND = [np.nan, np.inf, -np.inf, 1e30]


def noise(count: int, channels: int, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes, so that a network does something."""
    samples = np.random.default_rng(seed).normal(0, 0.1, (count, channels))
    return (samples * (0.1 + (np.arange(count) % 6_000 < 3_000))[:, None]).astype(np.float32)


def processed(samples: np.ndarray, rate: int, model, *, linked: bool) -> np.ndarray:
    stream = Stream(rate, channels=samples.shape[1], model=model)
    stream.link_channels = linked
    return stream.process(samples)


def test_two_channels_are_linked_and_others_are_not_unless_set(models):
    assert [Stream(channels=count, model=models["nano"]).link_channels for count in (1, 2, 3)] == [False, True, False]
    samples = noise(6_000, 2)
    linked, unlinked = (processed(samples, 16_000, models["nano"], linked=linked) for linked in (True, False))
    np.testing.assert_array_equal(Stream(channels=2, model=models["nano"]).process(samples), linked)
    assert not np.allclose(unlinked, linked, atol=1e-4)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (1, 1, -1), (-1, 1, 1, -1, 1)])
def test_identical_and_opposite_channels_come_out_as_mono_does(models, rate, signs):
    mono = noise(rate // 2, 1)
    output = processed(mono * np.array(signs, np.float32), rate, models["nano"], linked=True)
    expected = signs[0] * Stream(rate, model=models["nano"]).process(signs[0] * mono)  # it hears the sign of the first
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(output, expected * np.array(signs), atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_the_gain_is_the_same_for_all(models, rate):
    # A gain is linear: the sum of two channels must come out as the sum of theirs.
    two = noise(rate // 2, 2)
    samples = np.concatenate((two, two.sum(axis=1, keepdims=True)), axis=1)
    for linked in (True, False):
        output = processed(samples, rate, models["nano"], linked=linked)
        # Beside the model's band each channel follows its own top of the band.
        low = np.fft.rfftfreq(len(output), 1 / rate) < 6_000
        spectra = np.fft.rfft(output * np.hanning(len(output))[:, None], axis=0)[low]
        error = np.linalg.norm(spectra[:, 2] - spectra[:, 0] - spectra[:, 1]) / np.linalg.norm(spectra[:, 2])
        assert error < 1e-3 if linked else error > 0.02


def test_a_silent_channel_stays_silent_and_turns_the_other_down_no_more(models):
    samples = noise(16_000, 2)
    samples[:, 1] = 0
    output = processed(samples, 16_000, models["quiet"], linked=True)
    assert not output[:, 1].any()
    np.testing.assert_allclose(output[511:, 0], 0.1 * samples[:-511, 0], atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_linking_while_sound_runs_makes_no_jump(models, rate):
    # Of identical channels every network has heard the same, linked or not.
    mono = noise(rate, 1)
    stream = Stream(rate, channels=2, model=models["nano"])
    outputs = []
    for index, block in enumerate(np.array_split(np.repeat(mono, 2, axis=1), 20)):
        stream.link_channels = index % 3 == 0
        outputs.append(stream.process(block))
    expected = Stream(rate, model=models["nano"]).process(mono)
    np.testing.assert_allclose(np.concatenate(outputs), np.repeat(expected, 2, axis=1), atol=1e-5)


def test_channels_that_part_are_soon_as_if_they_had_never_been_linked(models):
    samples = noise(3 * 16_000, 2)
    stream = Stream(channels=2, model=models["nano"])
    stream.process(samples[:16_000])
    stream.link_channels = False
    output = stream.process(samples[16_000:])
    expected = processed(samples, 16_000, models["nano"], linked=False)[16_000:]
    difference = np.abs(output - expected)
    assert difference.max() < 0.05 and difference[-4_000:].max() < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("bad", NO_SOUND)
def test_what_is_no_sound_in_one_channel_reaches_no_other(models, rate, linked, bad):
    samples = noise(rate // 4, 3)
    silenced, spoilt = samples.copy(), samples.copy()
    silenced[1_000:2_000, 1] = 0
    spoilt[1_000:2_000, 1] = bad
    output = processed(spoilt, rate, models["nano"], linked=linked)
    assert np.isfinite(output).all()
    np.testing.assert_array_equal(output, processed(silenced, rate, models["nano"], linked=linked))
    if not linked:
        np.testing.assert_array_equal(
            output[:, [0, 2]], processed(samples, rate, models["nano"], linked=False)[:, [0, 2]]
        )


def test_a_channel_of_nothing_but_the_largest_samples_spoils_no_other_when_not_linked(models):
    samples = noise(8_000, 2)
    loud = samples.copy()
    loud[:, 0] = 9.9e5 * np.sign(samples[:, 0])
    output = processed(loud, 16_000, models["nano"], linked=False)
    np.testing.assert_array_equal(output[:, 1], processed(samples, 16_000, models["nano"], linked=False)[:, 1])
    assert np.isfinite(processed(loud, 16_000, models["nano"], linked=True)).all()
