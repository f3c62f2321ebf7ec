"""Hum is a comb, a tone one line, beeps come and go, clicks are short; and the same seed gives the same."""

import numpy as np
import pytest
import torch

from undin.data import synthetic_noise
from undin.data.synthetic_noise import HUM_HZ, KINDS

SAMPLE_RATE = 16_000


@pytest.fixture(scope="module")
def made():
    """Eight recordings of 8 s of every kind, (8, N)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_noise, "RECORDINGS", 8)
        corpora = {kind: synthetic_noise.synthetic_noise(kind, sample_rate=SAMPLE_RATE, seed=0) for kind in KINDS}
        again = {kind: synthetic_noise.synthetic_noise(kind, sample_rate=SAMPLE_RATE, seed=0) for kind in KINDS}
    assert all(torch.equal(corpora[kind].samples, again[kind].samples) for kind in KINDS)
    return {kind: corpus.samples.view(8, -1).numpy() / 32767 for kind, corpus in corpora.items()}


def test_all_kinds_are_as_loud_as_can_be_without_clipping(made):
    for sounds in made.values():
        np.testing.assert_allclose(np.abs(sounds).max(1), 0.5, atol=1e-4)


def test_hum_repeats_at_a_low_fundamental(made):
    shortest, longest = int(SAMPLE_RATE / HUM_HZ[1] / 1.1), int(1.1 * SAMPLE_RATE / HUM_HZ[0])
    for sound in made["hum"]:
        frames = sound[: len(sound) // 1600 * 1600].reshape(-1, 1600)
        spectra = np.fft.rfft(frames - frames.mean(1, keepdims=True), 3200)
        correlation = np.fft.irfft(np.abs(spectra) ** 2)[:, :longest]
        correlation /= correlation[:, :1] * (1 - np.arange(longest) / 1600)
        assert np.median(correlation[:, shortest:].max(1)) > 0.7


def test_hum_and_tones_stay_and_beeps_and_clicks_do_not(made):
    def pauses(sounds):
        level_db = 10 * np.log10((sounds.reshape(8, -1, 160) ** 2).mean(-1) + 1e-12)
        return np.mean(level_db.max(1) - np.percentile(level_db, 5, axis=1) > 20)

    assert pauses(made["hum"]) <= 0.25  # sources that beat may fade for a moment
    assert pauses(made["tone"]) == 0
    assert pauses(made["beep"]) > 0.7
    assert pauses(made["click"]) > 0.7


def test_a_tone_is_a_line(made):
    for sound in made["tone"]:
        power = np.abs(np.fft.rfft(sound[:8000] * np.hanning(8000))) ** 2  # bins of 2 Hz
        peak = int(power.argmax())
        around = power[max(0, peak - max(5, peak // 20)) : peak + max(5, peak // 20)]
        assert around.sum() > 0.99 * power.sum()
