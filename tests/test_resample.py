"""The resampler: where its samples stand, what it passes and rejects, how long it waits."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from undin.resample import Resampler

RATES = (8_000, 11_025, 22_050, 44_100, 48_000)
PAIRS = [(rate, 16_000) for rate in RATES] + [(16_000, rate) for rate in RATES]
ODD_PAIRS = [(44_056, 16_000), (16_000, 44_056)]  # large terms: one filter per phase instead of a banded matrix


def sine(frequency_hz: float, rate: int, count: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(count) / rate).astype(np.float32)


def resample(samples: np.ndarray, in_rate: int, out_rate: int) -> np.ndarray:
    return Resampler(in_rate, out_rate).process(samples[:, None])[:, 0]


def level_db(samples: np.ndarray) -> float:
    return 10 * np.log10(2 * np.mean(samples.astype(np.float64) ** 2))


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS + ODD_PAIRS)
def test_passband_is_flat_linear_in_phase_and_free_of_images(in_rate, out_rate):
    passband_hz = 0.9 * min(in_rate, out_rate) / 2
    settled = out_rate // 50
    for frequency_hz in np.linspace(20, passband_hz, 9):
        output = resample(sine(frequency_hz, in_rate, in_rate // 5), in_rate, out_rate)
        expected = sine(frequency_hz, out_rate, len(output))  # sample k stands at k / out_rate: no shift, no phase
        assert level_db((output - expected)[settled:]) < -70
        assert abs(level_db(output[settled:]) - level_db(expected[settled:])) < 0.01


@pytest.mark.parametrize(("in_rate", "out_rate"), [pair for pair in PAIRS + ODD_PAIRS if pair[0] > pair[1]])
def test_what_would_alias_is_rejected(in_rate, out_rate):
    for frequency_hz in np.linspace(0.9 * out_rate / 2 + 800, in_rate / 2 - 1, 15):
        output = resample(sine(frequency_hz, in_rate, in_rate // 5), in_rate, out_rate)
        assert level_db(output[out_rate // 50 :]) < -70


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS + ODD_PAIRS)
def test_an_output_waits_for_less_than_three_milliseconds(in_rate, out_rate):
    resampler = Resampler(in_rate, out_rate)
    assert resampler.half_samples / in_rate < 0.003
    produced = 0
    for received in range(1, 400):
        produced += len(resampler.process(np.zeros((1, 1), np.float32)))
        # the first output that is missing stands less than the right half of the filter before the last input
        assert produced == resampler.available(received)
        assert produced * in_rate / out_rate >= received - resampler.half_samples
        assert produced == 0 or (produced - 1) * in_rate / out_rate < received - resampler.half_samples


@given(
    pair=st.sampled_from(PAIRS + ODD_PAIRS),
    blocks=st.lists(st.integers(0, 1500), min_size=1, max_size=8),
    channels=st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_how_samples_are_cut_into_blocks_changes_nothing(pair, blocks, channels):
    samples = np.random.default_rng(0).uniform(-1, 1, (sum(blocks), channels)).astype(np.float32)
    at_once = Resampler(*pair, channels=channels).process(samples)
    resampler = Resampler(*pair, channels=channels)
    parts = [resampler.process(part) for part in np.split(samples, np.cumsum(blocks)[:-1])]
    assert len(at_once) == resampler.available(sum(blocks))
    np.testing.assert_allclose(np.concatenate(parts), at_once, atol=1e-6)


def test_each_channel_is_resampled_on_its_own():
    samples = np.random.default_rng(0).uniform(-1, 1, (4_000, 2)).astype(np.float32)
    both = Resampler(44_100, 16_000, channels=2).process(samples)
    for channel in range(2):
        np.testing.assert_allclose(both[:, channel], resample(samples[:, channel], 44_100, 16_000), atol=1e-6)


def test_equal_rates_pass_samples_through():
    samples = np.random.default_rng(0).uniform(-1, 1, (1_000, 1)).astype(np.float32)
    np.testing.assert_array_equal(Resampler(48_000, 48_000).process(samples), samples)


def test_reset_forgets():
    samples = np.random.default_rng(0).uniform(-1, 1, (1_000, 1)).astype(np.float32)
    resampler = Resampler(48_000, 16_000)
    first = resampler.process(samples)
    resampler.reset()
    np.testing.assert_array_equal(resampler.process(samples), first)


def test_speech_agrees_with_soxr(shared_data):
    soxr = pytest.importorskip("soxr")
    speech, rate = soundfile.read(shared_data / "valid" / "clean" / "000.flac", dtype="float32", frames=64_000)
    ours = resample(speech, rate, 8_000)
    reference = soxr.resample(speech, rate, 8_000, quality="VHQ")[: len(ours)]
    # They differ in the top tenth of the band alone.
    spectrum = np.abs(np.fft.rfft((ours - reference) * np.hanning(len(ours))))
    low = np.fft.rfftfreq(len(ours), 1 / 8_000) < 3_500
    expected = np.abs(np.fft.rfft(reference * np.hanning(len(ours))))
    assert 10 * np.log10(np.sum(spectrum[low] ** 2) / np.sum(expected[low] ** 2)) < -60
