"""The commands `undin data check` and `undin data mix`."""

import csv
import json

import numpy as np
import pytest
import soundfile

from undin.cli import main
from undin.data import freeze
from undin.data.freeze import Mixing
from undin.data.mixing_config import MixingConfig
from undin.io.tables import from_table
from undin.model.loading import DEFAULT, find, read_metadata

pytestmark = pytest.mark.quick

RATE = 16000


@pytest.fixture
def corpora(tmp_path):
    """A folder of speech-like bursts and one of noise."""
    generator = np.random.default_rng(0)
    time_s = np.arange(3 * RATE) / RATE
    bursts = 0.3 * np.sin(2 * np.pi * 200 * time_s) * np.clip(np.sin(2 * np.pi * 2 * time_s), 0, None)
    for name, audio in (("speech", bursts), ("noise", 0.1 * generator.standard_normal(len(time_s)))):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "0.wav", audio, RATE)
    return tmp_path


def test_check_reports_every_file_and_fails_when_one_is_unusable(corpora, capsys):
    assert main(["data", "check", str(corpora)]) == 0
    assert "2 files" in capsys.readouterr().out
    soundfile.write(corpora / "speech" / "silent.wav", np.zeros((8000, 2)), 8000)
    assert main(["data", "check", str(corpora)]) == 1
    output = capsys.readouterr()
    assert "3 files" in output.out and "1 unusable" in output.out
    assert f"unusable: {corpora / 'speech' / 'silent.wav'}: silent" in output.err


def test_check_tells_what_training_hears_of_each_folder(tmp_path, capsys):
    """A folder counts by the root of its duration, so that many voices of a sentence outweigh one of hours."""
    audio = 0.1 * np.random.default_rng(0).standard_normal(9 * RATE)
    for name, seconds in (("book/reader/0", 9), *((f"crowd/{voice}/0", 1) for voice in range(6))):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, audio[: seconds * RATE], RATE)
    assert main(["data", "check", str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " of files: " in line]
    assert [(line[0], line[1], line[-1]) for line in lines] == [("66.7%", "66.7%", "crowd"), ("33.3%", "33.3%", "book")]
    assert main(["data", "check", str(tmp_path / "book")]) == 0
    assert "what training hears" not in capsys.readouterr().out


def test_check_names_what_it_does_not_open(corpora, capsys):
    for name in ("a.m4a", "b.pcm"):
        (corpora / name).write_bytes(bytes(100))
    assert main(["data", "check", str(corpora)]) == 0
    errors = capsys.readouterr().err
    assert "a.m4a: libsndfile cannot open such files" in errors and "b.pcm: samples without a header" in errors


def test_check_prints_json(corpora, capsys):
    soundfile.write(corpora / "speech" / "silent.wav", np.zeros((8000, 2)), 8000)
    assert main(["data", "check", str(corpora / "speech"), "--json"]) == 1
    good, silent = json.loads(capsys.readouterr().out)
    assert good["problem"] is None and good["sample_rate"] == RATE and good["seconds"] == 3
    assert silent["channels"] == 2 and silent["sample_rate"] == 8000 and "silent" in silent["problem"]


def test_check_of_no_folder_is_one_sentence(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "missing")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


NOTHING_MADE = ("--set=mixing.synthetic_noise_shares={}", "--set=mixing.held_speech_share=0")
"""Hum, clicks and held voices take ten seconds to make."""


def mix(folder, *more: str) -> int:
    sources = ["--speech", str(folder / "speech"), "--noise", str(folder / "noise")]
    return main(["data", "mix", *sources, "-o", str(folder / "out"), "--count", "3", "--seconds", "0.5", *more])


def test_mix_writes_a_set_and_takes_the_changes(corpora, capsys):
    never = ("clean", "noise_alone", "gap", "gate")
    changes = ["rooms=2", "snr_db=[3, 3]", *(f"{what}_probability=0" for what in never)]
    assert mix(corpora, "--seed", "5", *NOTHING_MADE, *(f"--set=mixing.{change}" for change in changes)) == 0
    with open(corpora / "out" / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["snr_db"]) for row in rows] == [("000", "3.00"), ("001", "3.00"), ("002", "3.00")]
    assert sorted(path.name for path in (corpora / "out" / "noisy").iterdir()) == ["000.flac", "001.flac", "002.flac"]
    assert mix(corpora) == 1
    assert "exists already" in capsys.readouterr().err


def rows_of(folder) -> list[dict[str, str]]:
    with open(folder / "out" / "index.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_mix_takes_the_mixing_and_the_rate_of_a_recipe(corpora):
    recipe = corpora / "mine.toml"
    recipe.write_text(
        "[audio]\nsample_rate = 8000\n"
        "[mixing]\nsnr_db = [40, 40]\nclean_probability = 0\nnoise_alone_probability = 0\nrooms = 2\n"
    )
    assert mix(corpora, "--recipe", str(recipe)) == 0
    assert [row["snr_db"] for row in rows_of(corpora)] == ["40.00"] * 3
    assert soundfile.info(corpora / "out" / "noisy" / "000.flac").samplerate == 8000


def test_mix_takes_the_mixing_of_the_default_model_unless_told(corpora, monkeypatch):
    told = []
    monkeypatch.setattr(freeze, "Mixing", lambda *args, **rest: told.append(args[2]) or Mixing(*args, **rest))
    assert mix(corpora, "--set=mixing.rooms=2", *NOTHING_MADE) == 0
    table = json.loads(read_metadata(find(DEFAULT)).recipe)["mixing"]
    changes = {"rooms": 2, "synthetic_noise_shares": {}, "held_speech_share": 0}
    assert told[0] == from_table(MixingConfig, table | changes)


def test_mix_of_a_recipe_that_is_none_is_one_sentence(corpora, capsys):
    (corpora / "torn.toml").write_text("[mixing")
    for name in ("torn.toml", "missing.toml", "speech/0.wav", "undin-huge"):
        assert mix(corpora, "--recipe", str(corpora / name) if "." in name else name) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and name.split(".")[0] in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("mixing.snr=[0, 1]", "did you mean 'snr_db'"),
        ("training.steps=3", "mixing."),
        ("mixing.snr_db", "write section.key=value"),
        ("mixing.snr_db=loud", "'mixing.snr_db' must be a list, not 'loud'"),
        ("mixing.rooms=0", "above 0"),
    ],
)
def test_mix_refuses_wrong_changes_by_a_sentence(corpora, capsys, change, message):
    assert mix(corpora, "--set", change) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (corpora / "out").exists()
