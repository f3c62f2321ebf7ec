"""The resampler in C: where its samples stand, what it passes and rejects, how long it waits."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hop_shim import load_library
from support.reference.resample import Resampler

RATES = (8_000, 11_025, 22_050, 44_100, 48_000)
PAIRS = [(rate, 16_000) for rate in RATES] + [(16_000, rate) for rate in RATES]
PAIRS += [(44_100, 48_000), (48_000, 44_100)]  # a wider transition
ODD_PAIRS = [(44_056, 16_000), (16_000, 44_056)]  # large terms: between phases of a table instead of a banded matrix
ODD_PAIRS += [(47_999, 48_000), (16_000, 47_999), (383_999, 16_000)]


SHIM = Path(__file__).resolve().parents[1] / "support" / "resampler_shim.c"


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> ctypes.CDLL:
    return load_library(tmp_path_factory.mktemp("shim"), SHIM, "gcc-avx2")


@pytest.fixture(scope="module")
def resample(library):
    """Returns samples at another rate, as the C makes them of blocks of some sizes."""

    def resample(
        samples: np.ndarray, in_rate: int, out_rate: int, *, blocks: Sequence[int] = (), signals: int = 1
    ) -> np.ndarray:
        output = np.full(library.available(in_rate, out_rate, len(samples)), np.nan, np.float32)
        place, to = (ctypes.c_void_p(array.ctypes.data) for array in (samples, output))
        sizes = (ctypes.c_int * (len(blocks) + 1))(*blocks, len(samples) - sum(blocks))
        library.resample(in_rate, out_rate, place, len(samples), to, sizes, signals)
        return output

    return resample


def sine(frequency_hz: float, rate: int, count: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(count) / rate).astype(np.float32)


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, count).astype(np.float32)


def transition_hz(in_rate: int, out_rate: int) -> float:
    return max(800, min(in_rate, out_rate) / 20)


def level_db(samples: np.ndarray) -> float:
    return 10 * np.log10(2 * np.mean(samples.astype(np.float64) ** 2))


@pytest.mark.parametrize(("in_rate", "out_rate"), [*PAIRS, *ODD_PAIRS, (4_001, 16_000)])
def test_it_computes_what_the_reference_does(resample, in_rate, out_rate):
    samples = noise(in_rate // 20)
    output = resample(samples, in_rate, out_rate)
    reference = Resampler(in_rate, out_rate)
    assert len(output) == reference.available(len(samples))
    expected = reference.at(samples[:, None].astype(np.float64), np.arange(len(output)))[:, 0]
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS + ODD_PAIRS)
def test_passband_is_flat_linear_in_phase_and_free_of_images(resample, in_rate, out_rate):
    passband_hz = 0.9 * min(in_rate, out_rate) / 2
    settled = out_rate // 50
    for frequency_hz in np.linspace(20, passband_hz, 9):
        output = resample(sine(frequency_hz, in_rate, in_rate // 5), in_rate, out_rate)
        expected = sine(frequency_hz, out_rate, len(output))  # sample k stands at k / out_rate: no shift, no phase
        assert level_db((output - expected)[settled:]) < -70
        assert abs(level_db(output[settled:]) - level_db(expected[settled:])) < 0.01


@pytest.mark.parametrize(("in_rate", "out_rate"), [pair for pair in PAIRS + ODD_PAIRS if pair[0] > pair[1]])
def test_what_would_alias_is_rejected(resample, in_rate, out_rate):
    stopband_hz = 0.9 * out_rate / 2 + transition_hz(in_rate, out_rate)
    for frequency_hz in np.linspace(stopband_hz, max(stopband_hz, in_rate / 2 - 1), 15):
        output = resample(sine(frequency_hz, in_rate, in_rate // 5), in_rate, out_rate)
        assert level_db(output[out_rate // 50 :]) < -70


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS + ODD_PAIRS)
def test_an_output_waits_for_less_than_three_milliseconds(library, in_rate, out_rate):
    half_samples = library.half_samples(in_rate, out_rate)
    assert half_samples / in_rate < 0.003 * 800 / transition_hz(in_rate, out_rate)
    for received in range(1, 400):
        produced = library.available(in_rate, out_rate, received)
        # the first output that is missing stands less than the right half of the filter before the last input
        assert produced * in_rate / out_rate >= received - half_samples
        assert produced == 0 or (produced - 1) * in_rate / out_rate < received - half_samples


@given(
    pair=st.sampled_from(PAIRS + ODD_PAIRS),
    blocks=st.lists(st.integers(0, 1500), max_size=8),
    signals=st.sampled_from([1, 2, 4]),
)
@settings(max_examples=60)
def test_how_samples_are_cut_into_blocks_and_what_is_beside_them_changes_no_bit(resample, pair, blocks, signals):
    samples = noise(sum(blocks) + 500)
    np.testing.assert_array_equal(resample(samples, *pair, blocks=blocks, signals=signals), resample(samples, *pair))


def test_equal_rates_pass_samples_through(resample):
    np.testing.assert_array_equal(resample(noise(1_000), 48_000, 48_000), noise(1_000))


def test_speech_agrees_with_soxr(resample, noisy_speech):
    speech, rate = noisy_speech[:64_000], 16_000
    ours = resample(speech, rate, 8_000)
    reference = soxr.resample(speech, rate, 8_000, quality="VHQ")[: len(ours)]
    # They differ in the top tenth of the band alone.
    spectrum = np.abs(np.fft.rfft((ours - reference) * np.hanning(len(ours))))
    low = np.fft.rfftfreq(len(ours), 1 / 8_000) < 3_500
    expected = np.abs(np.fft.rfft(reference * np.hanning(len(ours))))
    assert 10 * np.log10(np.sum(spectrum[low] ** 2) / np.sum(expected[low] ** 2)) < -60
