"""Held voices go on as periodic as their vowel was, at pitches of people, and end softly."""

import numpy as np
import pytest
import torch
from support.made_up_audio import SAMPLE_RATE, corpus_of

from undin.data import held_speech

FORMANT_HZ = 1200


def vowels(pitch_hz: float) -> np.ndarray:
    """Two seconds of harmonics under one formant, with a pause in the middle."""
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    orders = np.arange(1, int(4000 / pitch_hz))
    formant = 1 / (1 + ((orders * pitch_hz - FORMANT_HZ) / 200) ** 2) + 0.1
    sound = (formant[:, None] * np.cos(2 * np.pi * pitch_hz * orders[:, None] * time_s)).sum(0)
    return 0.3 * sound / np.abs(sound).max() * (np.abs(time_s - 1) > 0.2)


@pytest.fixture(scope="module")
def held():
    """Six recordings of two voices that hold, (6, N)."""
    speech = corpus_of([vowels(110), vowels(220)], ["a/0", "b/0"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_speech, "RECORDINGS", 6)
        first, again = (held_speech.held_speech(speech, weights=np.array([0.5, 0.5]), seed=0) for _ in range(2))
    assert torch.equal(first.samples, again.samples)
    assert first.sample_rate == SAMPLE_RATE and len(first.names) == 6
    return first.samples.view(6, -1).numpy() / 32767


def test_most_of_the_time_a_voice_sounds_at_one_level(held):
    level_db = 10 * np.log10((held.reshape(6, -1, 320) ** 2).mean(-1) + 1e-12)
    near = level_db > np.median(level_db, axis=1, keepdims=True) - 6
    assert near.mean(1).min() > 0.7


def test_voices_stay_periodic_at_pitches_of_people(held):
    for sound in held:
        periodic = []
        for frame in sound[: len(sound) // 800 * 800].reshape(-1, 800):
            if np.mean(frame**2) > 1e-3:
                correlation = np.correlate(frame, frame, "full")[799:]
                correlation = correlation * 800 / (800 - np.arange(800)) / correlation[0]
                periodic.append(correlation[SAMPLE_RATE // 400 : SAMPLE_RATE // 70].max())
        assert np.median(periodic) > 0.8


def test_formants_stay_where_they_were_whatever_is_sung(held):
    power = np.abs(np.fft.rfft(held[:, : 7 * SAMPLE_RATE])) ** 2
    bands = power[:, : 7 * 3600].reshape(6, 12, -1).mean(-1)  # 300 Hz each
    assert set(bands[:, 2:].argmax(1) + 2) <= {3, 4}  # 900 to 1500 Hz, the fundamental left aside


def test_where_nobody_speaks_that_is_said(noise):
    with pytest.raises(ValueError, match="no vowel was found at 800 places of the speech"):
        held_speech.held_speech(noise, weights=np.full(8, 1 / 8), seed=0)


def test_a_voice_is_found_amid_long_silence(monkeypatch):
    monkeypatch.setattr(held_speech, "RECORDINGS", 2)
    silence = np.zeros(600 * SAMPLE_RATE)
    speech = corpus_of([np.concatenate((silence, vowels(110), silence))], ["a/0"])
    found = held_speech.held_speech(speech, weights=np.ones(1), seed=0)
    assert (found.samples.view(2, -1).float().square().mean(-1) > 1e4).all()
