"""The perceived disturbance: its invariances, and that it ranks real recordings as PESQ does."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from undin.evaluate.metrics import pesq_wb
from undin.train.perceptual import perceived_disturbance

SAMPLE_RATE = 16_000


def disturbance(estimate: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    return perceived_disturbance(estimate, clean, sample_rate=SAMPLE_RATE)


@pytest.fixture(scope="module")
def pairs(made_up_pairs):
    return read_pairs(made_up_pairs, range(4))


@pytest.fixture(scope="module")
def real_pairs(shared_data):
    return read_pairs(shared_data / "valid", range(2, 100, 14))


def read_pairs(folder: Path, numbers: range) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Noisy and clean speech, each (1, N)."""
    names = [f"{number:03d}.flac" for number in numbers]
    read = [[soundfile.read(folder / kind / name, dtype="float32")[0] for kind in ("noisy", "clean")] for name in names]
    return [(torch.from_numpy(noisy)[None], torch.from_numpy(clean)[None]) for noisy, clean in read]


def test_clean_speech_is_undisturbed_and_louder_noise_disturbs_more(pairs):
    for noisy, clean in pairs:
        noise = noisy - clean
        values = [disturbance(clean + share * noise, clean).item() for share in (0.0, 0.1, 0.3, 1.0, 3.0)]
        assert values[0] < 0.01
        assert values == sorted(values)


def test_the_level_of_the_recording_does_not_matter(pairs):
    noisy, clean = pairs[0]
    torch.testing.assert_close(disturbance(0.05 * noisy, 0.05 * clean), disturbance(noisy, clean), rtol=1e-3, atol=0)


def test_removed_speech_disturbs_and_silence_does_not(pairs):
    _, clean = pairs[0]
    assert disturbance(0 * clean, clean) > 3
    assert disturbance(clean, 0 * clean) == 0


def test_it_ranks_as_pesq_does(real_pairs):
    scores, values = [], []
    for noisy, clean in real_pairs:
        for share in (0.1, 0.4, 1.0):
            mixture = clean + share * (noisy - clean)
            scores.append(pesq_wb(clean[0].numpy(), mixture[0].numpy()))
            values.append(disturbance(mixture, clean).item())
    assert np.corrcoef(scores, values)[0, 1] < -0.9


def test_muffled_speech_disturbs(real_pairs):
    # P.862 forgives it, and a network would learn to muffle whatever it is unsure of
    _, clean = real_pairs[0]
    spectrum = torch.fft.rfft(clean)
    treble = torch.fft.rfftfreq(clean.shape[1], 1 / SAMPLE_RATE) > 1500
    muffled, dulled = (torch.fft.irfft(spectrum * (1 - (1 - gain) * treble), clean.shape[1]) for gain in (0.3, 0.8))
    assert disturbance(dulled, clean) < 0.1
    assert disturbance(muffled, clean) > 0.5
