"""What `undin data check` finds in files with known faults."""

import numpy as np
import pytest
import soundfile
import torch
from support.made_up_audio import voice

from undin.data.check import check_file, check_folder, clipping_share, estimate_snr_db
from undin.data.level import active_level_dbfs, frame_power

RATE = 16000


@pytest.fixture
def speech_like() -> np.ndarray:
    generator = np.random.default_rng(0)
    return voice(4, pitch_hz=120) + 3e-3 * generator.standard_normal(4 * RATE)


def test_a_good_file_is_described(tmp_path, speech_like):
    soundfile.write(tmp_path / "x.flac", np.stack([speech_like, speech_like], axis=1), 8000)
    report = check_file(tmp_path / "x.flac")
    assert report.problem is None
    assert (report.sample_rate, report.channels, report.seconds) == (8000, 2, 8.0)
    assert report.clipping_share == 0
    assert report.silence_share == pytest.approx(0, abs=0.05)
    expected = active_level_dbfs(torch.from_numpy(speech_like), sample_rate=8000).item()
    assert report.active_level_dbfs == pytest.approx(expected, abs=0.01)


def test_the_unusable_are_named_with_the_reason(tmp_path, speech_like):
    soundfile.write(tmp_path / "clipped.wav", np.clip(30 * speech_like, -1, 1), RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "good.wav", speech_like, RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", speech_like[:1000], RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    (tmp_path / "torn.wav").write_bytes(b"RIFF torn")
    problems = {report.path.split("/")[-1]: report.problem for report in check_folder(tmp_path)}
    assert problems.pop("good.wav") is None
    reasons = {
        "clipped.wav": "clipped",
        "empty.wav": "empty",
        "nan.wav": "finite",
        "short.wav": "shorter",
        "silent.wav": "silent",
        "torn.wav": "",
    }
    assert problems.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert problems[name] and reason in problems[name]


def test_clipping_is_found_after_a_change_of_level(speech_like):
    peak = np.abs(speech_like).max()
    for share in (0.7, 0.5):
        clipped = np.clip(speech_like, -share * peak, share * peak).astype(np.float32)
        flat = np.mean(np.abs(clipped) == np.abs(clipped).max())
        assert 0 < 0.3 * flat < clipping_share(clipped[:, None]) <= flat
    assert clipping_share(speech_like.astype(np.float32)[:, None]) == 0


def test_snr_estimate_follows_the_noise(speech_like):
    noise = np.random.default_rng(1).standard_normal(len(speech_like))

    def estimate(noise_dbfs: float) -> float:
        x = torch.from_numpy(speech_like + 10 ** (noise_dbfs / 20) * noise)
        level = active_level_dbfs(x, sample_rate=RATE).item()
        return estimate_snr_db(frame_power(x, sample_rate=RATE), active_level_dbfs=level)

    level = active_level_dbfs(torch.from_numpy(speech_like), sample_rate=RATE).item()
    for snr_db in (5, 10, 20):
        assert estimate(level - snr_db) == pytest.approx(snr_db, abs=2)
