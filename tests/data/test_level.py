"""The active level against ITU-T P.56 as the standard states it, on real speech."""

import numpy as np
import pytest
import soundfile
import torch
from scipy.ndimage import maximum_filter1d
from scipy.signal import lfilter

from undin.data.level import active_level_dbfs, frame_power, to_amplitude


def p56_level_dbfs(x: np.ndarray, sample_rate: int) -> float:
    """Method B of ITU-T P.56, section 6: envelope of two 30 ms exponentials, 200 ms hangover, 15.9 dB margin."""
    g = np.exp(-1 / (sample_rate * 0.03))
    envelope = lfilter([1 - g], [1, -g], lfilter([1 - g], [1, -g], np.abs(x)))
    hangover = round(0.2 * sample_rate)
    held = maximum_filter1d(envelope, hangover + 1, origin=hangover // 2, mode="constant")
    energy = np.sum(x**2)
    thresholds_db = np.arange(-100.0, 0.0, 0.1)
    active = np.array([np.sum(held >= 10 ** (c / 20)) for c in thresholds_db])
    levels_db = 10 * np.log10(energy / np.maximum(active, 1))
    return levels_db[np.argmax(levels_db - thresholds_db <= 15.9)]


def test_active_level_agrees_with_p56_on_real_speech(shared_data):
    differences = []
    for path in sorted((shared_data / "valid" / "clean").glob("*.flac"))[:20]:
        x, sample_rate = soundfile.read(path)
        level = active_level_dbfs(torch.from_numpy(x), sample_rate=sample_rate).item()
        differences.append(level - p56_level_dbfs(x, sample_rate))
    assert np.median(np.abs(differences)) < 0.15
    assert np.abs(differences).max() < 0.8


def test_pauses_do_not_lower_the_active_level():
    x = torch.randn(16000, generator=torch.Generator().manual_seed(0)) * 0.1
    with_pause = torch.cat([x, torch.zeros(48000)])
    level = active_level_dbfs(torch.stack([torch.cat([x] * 4), with_pause]), sample_rate=16000)
    assert level[0].item() == pytest.approx(-20, abs=0.2)
    assert level[1].item() == pytest.approx(level[0].item(), abs=1.0)  # the hangover counts 200 ms of the pause


def test_level_moves_with_gain_and_silence_is_finite():
    x = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    quiet = x * to_amplitude(torch.tensor(-37.0))
    levels = active_level_dbfs(torch.stack([x, quiet, 0 * x]), sample_rate=16000)
    assert (levels[0] - levels[1]).item() == pytest.approx(37, abs=1e-3)
    assert levels[2].item() == pytest.approx(-120)


def test_frame_power_leaves_out_the_rest():
    assert frame_power(torch.ones(3, 700), sample_rate=16000).tolist() == [[1.0, 1.0]] * 3
