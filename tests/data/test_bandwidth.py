"""Where a recording ends is heard, whatever the sample rate of its file."""

import dataclasses

import numpy as np
import pytest
import soxr
from support.made_up_audio import corpus_of

from undin.data.bandwidth import bandwidth_hz


@pytest.mark.parametrize("level", [0.1, 0.002])
def test_recordings_of_lower_rates_end_at_half_of_these(level):
    generator = np.random.default_rng(0)
    rates = [8000, 16_000, 32_000, 48_000]
    audio = [level * soxr.resample(generator.standard_normal(2 * rate).clip(-3, 3), rate, 48_000) for rate in rates]
    corpus = dataclasses.replace(corpus_of([*audio, np.full(300, 0.1)], list("abcde")), sample_rate=48_000)
    np.testing.assert_allclose(bandwidth_hz(corpus)[:4], np.array(rates) / 2, atol=400)


def test_what_is_heard_now_and_then_counts():
    audio = 1e-3 * np.random.default_rng(0).standard_normal(48_000)
    audio[:46_000] = 0
    assert bandwidth_hz(corpus_of([audio], ["a"]))[0] == 8000
