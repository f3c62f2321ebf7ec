"""Finished pairs as training data."""

import numpy as np
import pytest
import soundfile
import torch

from undin.data.pairs import PairedMixer

RATE = 16000


def write_pairs(folder, *, noisy="noisy_trainset_28spk_wav", clean="clean_trainset_28spk_wav", rate=RATE) -> None:
    generator = np.random.default_rng(0)
    for name in (noisy, clean):
        (folder / name).mkdir(parents=True)
    for n in range(4):
        ramp = np.linspace(0.1, 0.2, rate * (n + 1)) + n / 8
        noise = np.where(generator.random(len(ramp)) < 0.5, -0.05, 0.05)
        soundfile.write(folder / clean / f"p{n}.wav", ramp, rate)
        soundfile.write(folder / noisy / f"p{n}.wav", ramp + noise, rate)


def mixer_of(*folders, segment_samples=4000) -> PairedMixer:
    return PairedMixer(folders, sample_rate=RATE, segment_samples=segment_samples, seed=0)


def test_noisy_and_clean_come_from_the_same_place(tmp_path):
    write_pairs(tmp_path / "a")
    write_pairs(tmp_path / "b", noisy="noisy", clean="clean")
    noisy, clean = mixer_of(tmp_path / "a", tmp_path / "b").batch(0, 32)
    assert noisy.shape == clean.shape == (32, 4000)
    torch.testing.assert_close((noisy - clean).abs(), torch.full_like(clean, 0.05), atol=1e-4, rtol=0)


def test_batches_are_a_pure_function_of_seed_and_step_and_parts_join(tmp_path):
    write_pairs(tmp_path)
    mixer = mixer_of(tmp_path)
    noisy, clean = mixer.batch(7, 8)
    assert not torch.equal(mixer.batch(8, 8)[0], noisy)
    halves = [mixer.batch(7, 8, part) for part in (slice(0, 4), slice(4, 8))]
    assert torch.equal(torch.cat([half[0] for half in halves]), noisy)
    assert torch.equal(torch.cat([half[1] for half in halves]), clean)


def test_a_pair_of_different_lengths_is_named_and_left_out(tmp_path, capsys):
    write_pairs(tmp_path, noisy="noisy", clean="clean")
    soundfile.write(tmp_path / "noisy" / "p1.wav", np.full(100, 0.1), RATE)
    assert len(mixer_of(tmp_path).clean.names) == 3
    assert "p1.wav" in capsys.readouterr().err


def test_missing_partners_and_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="begin with noisy"):
        mixer_of(tmp_path)
    write_pairs(tmp_path, noisy="noisy", clean="clean")
    (tmp_path / "clean" / "p2.wav").unlink()
    with pytest.raises(ValueError, match="no partner"):
        mixer_of(tmp_path)
