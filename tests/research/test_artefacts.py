"""What `research/artefacts.py` says of faults that were made on purpose."""

import numpy as np
import pytest

from research.artefacts import SAMPLE_RATE_HZ, Scene

SECONDS = np.arange(3 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
WORDS = ((0.5, 1.2), (1.8, 2.6))


def tone(hz, *, start=0.0, end=3.0):
    return np.where((start <= SECONDS) & (SECONDS < end), np.sin(2 * np.pi * hz * SECONDS), 0)


def speech(*, late_seconds=0.0, highest_hz=7900):
    """Two words of many harmonics, that may begin late or lack the upper ones."""
    words = sum(
        tone(hz, start=start + late_seconds, end=end) for start, end in WORDS for hz in range(200, highest_hz, 200)
    )
    return 0.01 * words


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(0, 1e-3, len(SECONDS))


def test_of_an_untouched_signal_nothing_is_lost_and_all_noise_is_left(noise):
    scene = Scene(speech(), speech() + noise, speech() + noise)
    found = scene.measure()
    assert len(scene.words) == len(WORDS)
    assert found.lost < 0.01  # where noise happens to cancel a tone
    assert found.peaks_per_second == 0
    assert found.loss_db == pytest.approx(0, abs=0.1)
    assert found.attenuated_db == pytest.approx(0, abs=1e-4)


def test_noise_in_pauses_is_told_by_its_attenuation(noise):
    found = Scene(speech(), speech() + noise, speech() + noise / 10).measure()
    assert found.attenuated_db == pytest.approx(20, abs=0.1)
    assert found.left_db == pytest.approx(10 * np.log10(np.var(noise / 10) / np.mean(speech() ** 2)), abs=4)


def test_words_that_begin_late_have_lost_their_beginnings(noise):
    found = Scene(speech(), speech() + noise, speech(late_seconds=0.06)).measure()
    assert found.lost_at_beginnings > 0.5
    assert found.lost_in_middles < 0.1
    assert found.lost_at_ends == 0


def test_a_band_that_is_missing_is_named(noise):
    found = Scene(speech(), speech() + noise, speech(highest_hz=1000)).measure()
    assert found.lost_by_band["under 1 kHz"] < 0.1
    assert found.lost_by_band["over 4 kHz"] > 0.9


def test_only_peaks_that_were_not_there_before_are_musical_noise(noise):
    blips = 0.01 * sum(tone(hz) * np.exp(-(((SECONDS - at) / 0.02) ** 2)) for at, hz in ((1.35, 3100), (1.5, 5300)))
    made = Scene(speech(), speech() + noise, speech() + noise / 10 + blips)
    assert made.peaks.sum() >= 2
    kept = Scene(speech(), speech() + noise + blips, speech() + noise / 10 + blips)
    assert kept.peaks.sum() == 0
