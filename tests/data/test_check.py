"""What `undin data check` finds in files with known faults."""

import numpy as np
import pytest
import soundfile
import soxr
import torch
from scipy.signal import butter, sosfiltfilt
from support.made_up_audio import voice

from undin.data.check import check_file, check_folder, estimate_snr_db
from undin.data.corpus import Corpus
from undin.data.level import active_level_dbfs, frame_power
from undin.data.recording import clipping_share

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


def test_the_unusable_are_named_with_the_reason_for_which_training_leaves_them_out(tmp_path, speech_like, capsys):
    soundfile.write(tmp_path / "clipped.wav", np.clip(30 * speech_like, -1, 1), RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "good.wav", speech_like, RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "offset.wav", np.full(RATE, 0.3), RATE)
    soundfile.write(tmp_path / "clipped_float.wav", 3 * np.clip(30 * speech_like, -1, 1), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "clipped_above.wav", np.minimum(30 * speech_like, 1), RATE, subtype="FLOAT")
    in_one = np.stack([0.1 * np.clip(30 * speech_like, -1, 1), speech_like], axis=1)
    soundfile.write(tmp_path / "clipped_in_one.wav", in_one, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", speech_like[:300], RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    (tmp_path / "torn.wav").write_bytes(b"RIFF torn")
    problems = {report.path.split("/")[-1]: report.problem for report in check_folder(tmp_path)}
    assert problems.pop("good.wav") is None
    reasons = {
        "clipped.wav": "clipped",
        "empty.wav": "empty",
        "clipped_float.wav": "clipped",
        "clipped_above.wav": "clipped",
        "clipped_in_one.wav": "clipped",
        "nan.wav": "finite",
        "offset.wav": "silent but for a constant offset of 0.3",
        "short.wav": "shorter",
        "silent.wav": "silent",
        "torn.wav": "",
    }
    assert problems.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert problems[name] and reason in problems[name]
    assert Corpus.load(tmp_path, sample_rate=RATE).names == (str(tmp_path / "good.wav"),)
    skipped = capsys.readouterr().err
    for name, problem in problems.items():
        assert f"undin: skipped {tmp_path / name}: {problem}\n" in skipped


def low_passed(speech_like):
    return sosfiltfilt(butter(10, 3400, fs=RATE, output="sos"), speech_like)


@pytest.mark.parametrize(
    ("make", "rate", "note"),
    [
        (lambda x: 0.3 * x + 0.2, RATE, "offset: a constant of 0.2, which is taken out"),
        (lambda x: np.stack([x, -0.9 * x], axis=1), RATE, "antiphase: channels cancel each other"),
        (lambda x: 0.2 + np.stack([x, -x], axis=1), RATE, "antiphase: channels cancel each other"),
        (lambda x: 1.7 / np.abs(x).max() * x, RATE, "over full scale: peaks at 1.7, and is turned down"),
        (lambda x: 32767 * x, RATE, "over full scale: peaks at "),
        (lambda x: np.concatenate((np.zeros(5 * RATE), x)), RATE, "silence: "),
        (lambda x: x + 0.01 * np.random.default_rng(3).standard_normal(len(x)), RATE, "noise floor: pauses are "),
        (low_passed, RATE, "low-pass: nothing above "),
        (
            lambda x: soxr.resample(soxr.resample(x, RATE, 8000), 8000, RATE),
            RATE,
            "resampled from below: nothing above",
        ),
        (
            lambda x: soxr.resample(x, RATE, 48_000),
            48_000,
            "resampled from below: nothing above 7.9 of 24 kHz, as of 16",
        ),
    ],
)
def test_what_a_usable_file_has_beside_sound_is_told(tmp_path, speech_like, make, rate, note):
    speech_like = speech_like + 3e-4 * np.random.default_rng(2).standard_normal(len(speech_like))
    soundfile.write(tmp_path / "x.wav", make(0.3 * speech_like), rate, subtype="FLOAT")
    report = check_file(tmp_path / "x.wav")
    assert report.problem is None
    assert [found for found in report.notes if found.startswith(note)], report.notes
    assert Corpus.load(tmp_path, sample_rate=RATE).names == (str(tmp_path / "x.wav"),)


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
