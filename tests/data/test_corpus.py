"""Decoding folders: any rate, format and channel count; damaged files are named and left out."""

import numpy as np
import pytest
import soundfile
import torch

from undin.data.corpus import Corpus, read_mono


def tone(sample_rate: int, *, seconds: float = 0.5, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sample_rate)) / sample_rate)


def test_any_rate_format_and_channel_count(tmp_path):
    for folder, rate, suffix in (("a", 8000, "wav"), ("b", 44100, "flac"), ("c", 48000, "opus"), ("d", 16000, "ogg")):
        (tmp_path / folder).mkdir()
        left = tone(rate)
        codec = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
        soundfile.write(tmp_path / folder / f"x.{suffix}", np.stack([left, left], axis=1), rate, **codec)
    (tmp_path / "notes.txt").write_text("no audio")
    corpus = Corpus.load(tmp_path, sample_rate=16000, workers=2)
    assert [name.split("/")[-2] for name in corpus.names] == ["a", "b", "c", "d"]
    assert corpus.samples.dtype == torch.int16
    assert corpus.starts.tolist() == [0, *np.cumsum(corpus.lengths.numpy())[:-1].tolist()]
    assert int(corpus.lengths.sum()) == len(corpus.samples)
    expected = tone(16000)
    for start, length in zip(corpus.starts, corpus.lengths, strict=True):
        assert abs(length - len(expected)) <= 1
        middle = slice(int(start) + 2000, int(start) + 6000)
        error = corpus.samples[middle].numpy() / 32767 - expected[2000:6000]
        assert np.abs(error).max() < 0.02  # the lossy codecs' part; the rest is below 0.001


def test_unusable_files_are_named_and_left_out(tmp_path, capsys):
    soundfile.write(tmp_path / "good.wav", tone(16000), 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 16000)
    soundfile.write(tmp_path / "nan.wav", np.full(1000, np.nan), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "faint.wav", 2e-4 * tone(16000), 16000)
    soundfile.write(tmp_path / "short.wav", tone(16000)[:100], 16000)
    (tmp_path / "torn.flac").write_bytes(b"fLaC torn")
    corpus = Corpus.load(tmp_path, sample_rate=16000)
    assert corpus.names == (str(tmp_path / "good.wav"),)
    report = capsys.readouterr().err
    for name in ("silent.wav", "faint.wav", "short.wav", "nan.wav", "nothing.wav", "torn.flac"):
        assert report.count(name) == 1


def test_nothing_usable_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no audio files below"):
        Corpus.load(tmp_path, sample_rate=16000)
    with pytest.raises(ValueError, match="not a folder"):
        Corpus.load(tmp_path / "missing", sample_rate=16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 16000)
    with pytest.raises(ValueError, match="none of 1 files"):
        Corpus.load(tmp_path, sample_rate=16000)


def test_silent_ends_are_trimmed_and_pauses_kept(tmp_path):
    loud, pause = tone(16000), np.zeros(8000)
    soundfile.write(tmp_path / "x.wav", np.concatenate([pause, loud, pause, loud, pause]), 16000)
    trimmed = Corpus.load([tmp_path], sample_rate=16000, trim_silence_db=40.0)
    assert len(trimmed.samples) == pytest.approx(2 * len(loud) + len(pause), abs=2 * 320)
    assert len(Corpus.load([tmp_path], sample_rate=16000).samples) == 2 * len(loud) + 3 * len(pause)


def test_read_mono_mixes_channels(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.tile([[0.5, -0.25]], (100, 1)), 8000)
    audio, rate = read_mono(tmp_path / "x.wav")
    assert rate == 8000 and audio.shape == (100,)
    np.testing.assert_allclose(audio, 0.125, atol=1e-4)
