"""STOI as a loss: that it follows the score on real recordings, what it leaves out, and its gradient in silence."""

import numpy as np
import pytest
import soundfile
import torch

from undin import enhance
from undin.evaluate import metrics
from undin.train.intelligibility import stoi

SAMPLE_RATE = 16_000


def modulated_noise(*, seed: int, items: int = 2, seconds: float = 1.0) -> torch.Tensor:
    """Noise whose level changes, as that of speech does."""
    generator = torch.Generator().manual_seed(seed)
    samples = int(seconds * SAMPLE_RATE)
    level = torch.nn.functional.interpolate(torch.rand(items, 1, 20, generator=generator), samples, mode="linear")[:, 0]
    return 0.1 * level**2 * torch.randn(items, samples, generator=generator)


def test_it_is_the_score_on_real_recordings_and_on_what_a_model_makes_of_them(shared_data):
    scores, values = [], []
    for index in range(3, 100, 20):
        noisy, clean = (
            soundfile.read(shared_data / "valid" / kind / f"{index:03d}.flac", dtype="float32")[0]
            for kind in ("noisy", "clean")
        )
        for estimate in (noisy, enhance(noisy, sample_rate=SAMPLE_RATE)):
            scores.append(metrics.stoi(clean, estimate))
            signals = (torch.from_numpy(signal)[None] for signal in (estimate, clean))
            values.append(stoi(*signals, sample_rate=SAMPLE_RATE).item())
    assert values == pytest.approx(scores, abs=0.02)
    assert np.mean(values) == pytest.approx(np.mean(scores), abs=0.005)
    assert np.corrcoef(scores, values)[0, 1] > 0.99


@pytest.mark.parametrize("gain", [0.01, 1.0, 30.0])
def test_scaled_clean_speech_is_fully_intelligible(gain):
    clean = modulated_noise(seed=0)
    assert stoi(gain * clean, clean, sample_rate=SAMPLE_RATE) == pytest.approx(torch.ones(2), abs=1e-3)


def test_what_happens_in_the_pauses_of_clean_speech_does_not_count():
    clean = modulated_noise(seed=0, seconds=4.0)
    clean[0, 16_000:30_000] = 0
    estimate = clean + 0.3 * modulated_noise(seed=1, seconds=4.0)
    noisier = estimate.clone()
    noisier[:, 17_000:29_000] *= 10
    values, noisier_values = (stoi(x, clean, sample_rate=SAMPLE_RATE) for x in (estimate, noisier))
    assert noisier_values[0] == pytest.approx(values[0].item(), abs=1e-5)
    assert noisier_values[1] < values[1] - 0.01


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 48_000])
def test_items_with_too_little_speech_count_as_understood(sample_rate):
    clean = modulated_noise(seed=0, items=3, seconds=3.0)
    clean[0] = 0
    clean[1, sample_rate // 4 :] = 0
    estimate = modulated_noise(seed=1, items=3, seconds=3.0).requires_grad_()
    values = stoi(estimate, clean, sample_rate=sample_rate)
    values.sum().backward()
    assert values[:2].tolist() == [1, 1] and values[2] < 0.8
    assert not estimate.grad[:2].any() and estimate.grad[2].any()


@pytest.mark.parametrize("level", [0.0, 1e-12, 1e-6, 1e-3, 1.0])
def test_the_gradient_of_a_faint_estimate_stays_bounded(level):
    clean = modulated_noise(seed=0)
    estimate = (level * modulated_noise(seed=1)).requires_grad_()
    stoi(estimate, clean, sample_rate=SAMPLE_RATE).mean().backward()
    assert estimate.grad.norm() < 1e4
