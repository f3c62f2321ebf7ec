"""Decoding folders: any rate, format and channel count; damaged files are named and left out."""

import os

import numpy as np
import pytest
import soundfile
import torch

from undin.data import recording
from undin.data.corpus import Corpus, read_mono
from undin.io.audio import read


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


def test_folders_to_leave_out_are_left_out_at_any_depth(tmp_path):
    for folder in ("vctk/p226/mic1", "vctk/p227", "p226"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / folder / "p226.wav", tone(16000), 16000)
    names = Corpus.load(tmp_path, sample_rate=16000, leave_out=["p226", "p229"]).names
    assert names == (str(tmp_path / "vctk" / "p227" / "p226.wav"),)


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


def test_training_hears_what_would_spoil_a_level_or_cancel_as_it_should_have_been(tmp_path):
    sound = tone(16000)
    made = {"plain": sound, "offset": 0.5 * sound + 0.4, "opposed": np.stack([sound, -sound], 1), "loud": 5 * sound}
    for name, audio in made.items():
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "x.wav", audio, 16000, subtype="FLOAT")
    plain, offset, opposed, loud = (
        Corpus.load(tmp_path / name, sample_rate=16000).samples.numpy().astype(float) for name in made
    )
    np.testing.assert_array_equal(opposed, plain)
    np.testing.assert_allclose(offset, 0.5 * plain, atol=2)
    np.testing.assert_allclose(loud, 2 * plain, atol=2)


@pytest.mark.parametrize("audio", [tone(16000) + 0.01, np.stack([tone(16000), 0.3 * tone(16000, hz=300)], axis=1)])
def test_what_is_sound_is_kept_to_the_bit(tmp_path, audio):
    soundfile.write(tmp_path / "x.wav", audio, 16000, subtype="FLOAT")
    heard = audio.astype(np.float32).reshape(len(audio), -1).mean(axis=1)
    expected = np.rint(heard * 32767).astype(np.int16)
    np.testing.assert_array_equal(Corpus.load(tmp_path, sample_rate=16000).samples, expected)


def test_read_mono_mixes_channels(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.tile([[0.5, -0.25]], (100, 1)), 8000)
    audio, rate = read_mono(tmp_path / "x.wav")
    assert rate == 8000 and audio.shape == (100,)
    np.testing.assert_allclose(audio, 0.125, atol=1e-4)


def change_samples_unseen(path) -> None:
    """Silence a file behind the back of whoever looks at its size and time of change alone."""
    status = path.stat()
    audio, rate = soundfile.read(path)
    soundfile.write(path, np.zeros_like(audio), rate)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


def test_the_same_files_are_decoded_once(tmp_path, capsys):
    soundfile.write(tmp_path / "good.wav", tone(16000), 16000)
    (tmp_path / "torn.flac").write_bytes(b"fLaC torn")
    options = {"sample_rate": 16000, "trim_silence_db": 40.0}
    first = Corpus.load(tmp_path, **options)
    change_samples_unseen(tmp_path / "good.wav")
    again = Corpus.load(tmp_path, **options)
    for name in ("samples", "starts", "lengths"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert first.names == again.names
    assert capsys.readouterr().err.count("torn.flac") == 2

    with pytest.raises(ValueError, match="none of 2 files"):  # other settings, so it is read anew
        Corpus.load(tmp_path, sample_rate=8000)
    soundfile.write(tmp_path / "good.wav", tone(16000, hz=300), 16000)
    assert not torch.equal(Corpus.load(tmp_path, **options).samples, first.samples)


def test_a_cache_that_cannot_be_written_costs_a_sentence_and_no_more(tmp_path, monkeypatch, capsys):
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    (tmp_path / "home").touch()  # a file where the folder should be
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio/x.wav", tone(16000), 16000)
    assert len(Corpus.load(tmp_path / "audio", sample_rate=16000).samples) == len(tone(16000))
    assert "not kept for the next time" in capsys.readouterr().err


def test_what_the_system_would_not_give_is_asked_for_again(tmp_path, monkeypatch):
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", tone(16000), 16000)
    monkeypatch.setattr(recording, "read", lambda path: read(path if path.stem == "a" else tmp_path / "gone"))
    assert len(Corpus.load(tmp_path, sample_rate=16000).names) == 1
    monkeypatch.undo()
    assert len(Corpus.load(tmp_path, sample_rate=16000).names) == 2
