"""A frozen set is complete, says how it was made, and is what training would see."""

import csv

import numpy as np
import pytest
import soundfile
import torch
from support.made_up_audio import SAMPLE_RATE, corpus_of, voice

from undin.data.freeze import freeze
from undin.data.level import active_level_dbfs
from undin.data.mixing import Mixer
from undin.data.mixing_config import MixingConfig

COUNT = 20


@pytest.fixture(scope="module")
def mixer(speech, noise) -> Mixer:
    config = MixingConfig(clean_probability=0.2, noise_alone_probability=0.2, rooms=4)
    return Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=12000, seed=3)


@pytest.fixture(scope="module")
def frozen(mixer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen") / "set"
    freeze(mixer, folder, count=COUNT)
    return folder


def read_index(folder) -> list[dict[str, str]]:
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_and_index_agree(frozen):
    rows = read_index(frozen)
    assert [row["id"] for row in rows] == [f"{n:03d}" for n in range(COUNT)]
    for row in rows:
        noisy, clean = (soundfile.read(frozen / name / f"{row['id']}.flac")[0] for name in ("noisy", "clean"))
        assert len(noisy) == len(clean) == 12000
        snr_db = float(row["snr_db"])
        if snr_db == np.inf:
            assert np.array_equal(noisy, clean) and not row["noise"]
        elif snr_db == -np.inf:
            assert not clean.any() and noisy.any() and not row["speech"] and not row["speech_level_dbfs"]
        else:
            level_dbfs = active_level_dbfs(torch.from_numpy(clean), sample_rate=SAMPLE_RATE).item()
            assert level_dbfs == pytest.approx(float(row["speech_level_dbfs"]), abs=0.02)
            if not row["clipping_db"] and not row["rt60_s"]:
                noise_dbfs = 10 * np.log10(np.mean((noisy - clean) ** 2))
                assert level_dbfs - noise_dbfs == pytest.approx(snr_db, abs=0.1)
            assert row["speech"].startswith("speech/") and row["noise"].startswith("noise/")
    assert {float(row["snr_db"]) for row in rows} >= {np.inf, -np.inf}


def test_the_index_tells_what_was_written_whatever_was_drawn(tmp_path):
    generator = np.random.default_rng(0)
    silence, sound = np.zeros(30 * SAMPLE_RATE), voice(3, pitch_hz=150)
    speech = corpus_of([np.concatenate((silence, sound, silence))] * 3, [f"speech/{n}/x.wav" for n in range(3)])
    rain = 0.1 * generator.standard_normal(2 * SAMPLE_RATE)
    noise = corpus_of([np.concatenate((silence, rain, silence))] * 3, [f"noise/{n}.wav" for n in range(3)])
    gaps = {"gap_probability": 0.5, "gate_probability": 0.3, "second_noise_probability": 0.0}
    config = MixingConfig(clean_probability=0, noise_alone_probability=0, rooms=4, clipping_probability=0, **gaps)
    mixer = Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=32_000, seed=3)
    freeze(mixer, tmp_path / "set", count=COUNT)
    for row in read_index(tmp_path / "set"):
        noisy, clean = (soundfile.read(tmp_path / "set" / name / f"{row['id']}.flac")[0] for name in ("noisy", "clean"))
        assert clean.any()
        level_dbfs = active_level_dbfs(torch.from_numpy(clean), sample_rate=SAMPLE_RATE).item()
        assert level_dbfs == pytest.approx(float(row["speech_level_dbfs"]), abs=0.05)
        noise_power = np.mean((noisy - clean) ** 2)
        if not row["rt60_s"]:
            expected = level_dbfs - 10 * np.log10(noise_power) if noise_power > 1e-10 else np.inf
            assert float(row["snr_db"]) == pytest.approx(expected, abs=0.1)
        assert len(row["speech"].split(" | ")) <= 2


def test_what_is_silent_after_all_is_told_as_such(noise, tmp_path):
    # Gates that never open, of speech whose levels are below 16 bit.
    config = MixingConfig(speech_level_dbfs=(-118.0, -118.0), snr_db=(-90.0, -90.0), rooms=4, clean_probability=0)
    speech = corpus_of([voice(3, pitch_hz=150)], ["speech/x.wav"])
    mixer = Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=12_000, seed=3)
    freeze(mixer, tmp_path / "set", count=4)
    for row in read_index(tmp_path / "set"):
        assert not soundfile.read(tmp_path / "set" / "clean" / f"{row['id']}.flac")[0].any()
        assert (row["snr_db"], row["speech"], row["speech_level_dbfs"]) == ("-inf", "", "") and row["noise"]


def test_the_index_tells_of_gaps(speech, noise, tmp_path):
    always = {"speech_level_dbfs": (-20.0, -20.0), "snr_db": (0.0, 0.0), "clean_probability": 0.0}
    config = MixingConfig(gap_probability=0.4, gate_probability=0.4, noise_alone_probability=0.2, rooms=4, **always)
    mixer = Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=12000, seed=3)
    freeze(mixer, tmp_path / "set", count=COUNT)
    told = []
    for row in read_index(tmp_path / "set"):
        zeros = np.mean(soundfile.read(tmp_path / "set" / "noisy" / f"{row['id']}.flac")[0] == 0)
        if row["heard_share"]:
            assert zeros > 0.8 - float(row["heard_share"])
        elif not row["gate_db"]:
            assert zeros < 0.1
        told.append((bool(row["heard_share"]), bool(row["gate_db"])))
    assert len(set(told)) >= 3  # with neither, with one, with the other


def test_items_are_what_training_would_see(frozen, mixer):
    noisy, _ = mixer.batch(0, 16)
    found, _ = soundfile.read(frozen / "noisy" / "011.flac", dtype="float32")
    np.testing.assert_allclose(found, noisy[11], atol=2**-15)


def test_pairs_that_exceed_full_scale_are_turned_down_together(speech, noise, tmp_path):
    config = MixingConfig(speech_level_dbfs=(0.0, 0.0), noise_alone_probability=0)
    loud = Mixer(speech, noise, config, sample_rate=SAMPLE_RATE, segment_samples=12000, seed=3)
    freeze(loud, tmp_path / "loud", count=4)
    for number, (noisy, clean) in enumerate(zip(*(audio[:4] for audio in loud.batch(0, 16)), strict=True)):
        peak = max(noisy.abs().max(), clean.abs().max()).item()
        assert peak > 1
        for name, audio in (("noisy", noisy), ("clean", clean)):
            found, _ = soundfile.read(tmp_path / "loud" / name / f"{number:03d}.flac", dtype="float32")
            np.testing.assert_allclose(found, 0.999 / peak * audio, atol=2**-15)


def test_an_existing_folder_is_refused_and_a_failure_leaves_nothing(mixer, frozen, tmp_path):
    with pytest.raises(ValueError, match="exists already"):
        freeze(mixer, frozen, count=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        freeze(mixer, tmp_path / "file" / "set", count=2)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
