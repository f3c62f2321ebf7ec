"""A corpus to files and a table: one bad file is one row, what is done is not done again, pieces are of one stream."""

import csv
import json
import os
import signal
import sys

import numpy as np
import pytest
import soundfile
from support import step_models
from support.audio_files import files_below, noise, read, write

import undin
from undin.batch.listing import find_files
from undin.batch.pieces import cut
from undin.batch.run import enhance_all
from undin.batch.work import Enhance
from undin.cli import main
from undin.cluster import Alone, Processes
from undin.recording import Settings


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> str:
    """A model that halves all sound."""
    path = step_models.gain(tmp_path_factory.mktemp("models") / "half.onnx", 0.5)
    undin.Stream(model=path)
    return str(path)


@pytest.fixture
def corpus(tmp_path):
    """Six files of two formats in two folders, and one that is no audio."""
    (tmp_path / "in").mkdir()
    for number in range(6):
        write(tmp_path / "in" / f"{number % 2}" / f"{number}.{'wav' if number < 4 else 'flac'}", noise(8000 + number))
    (tmp_path / "in" / "0" / "bad.wav").write_bytes(b"no audio")
    return tmp_path / "in"


def table(path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def batch(half, source, destination, *arguments) -> int:
    table = [] if "--table" in arguments else ["--table", f"{destination}/table.csv"]
    return main(["batch", str(source), str(destination), "--model", half, *table, *map(str, arguments)])


def test_every_file_has_a_row_and_a_bad_one_costs_no_other(tmp_path, corpus, half, capsys):
    assert batch(half, corpus, tmp_path / "out", "--processes", 2) == 1
    assert main(["enhance", str(corpus), "-o", str(tmp_path / "same"), "--model", half]) == 1
    rows = table(tmp_path / "out" / "table.csv")
    assert [row["path"] for row in rows] == [str(corpus / name) for name in files_below(corpus)]
    (bad,) = (row for row in rows if row["error"])
    assert bad["path"].endswith("bad.wav") and "not audio" in bad["error"] and not bad["output"]
    for row in set(map(lambda row: tuple(row.items()), rows)) - {tuple(bad.items())}:
        row = dict(row)
        assert (tmp_path / "out" / row["output"]).read_bytes() == (tmp_path / "same" / row["output"]).read_bytes()
        signal = read(row["path"])
        level = 10 * np.log10(np.mean(signal**2))
        assert float(row["level_dbfs"]) == pytest.approx(level, abs=0.01)
        assert float(row["enhanced_dbfs"]) == pytest.approx(level - 6.02, abs=0.2)
        assert float(row["removed_dbfs"]) == pytest.approx(level - 6.02, abs=0.2)
        assert float(row["seconds"]) == len(signal) / 16_000
    assert "1 of 7 files failed" in capsys.readouterr().err


def test_what_is_done_is_not_done_again(tmp_path, corpus, half, capsys):
    out = tmp_path / "out"
    assert batch(half, corpus, out, "--processes", 1) == 1
    whole, times = table(out / "table.csv"), {path: path.stat().st_mtime_ns for path in out.rglob("*.flac")}
    write(corpus / "0" / "bad.wav", noise(500))
    (out / "table.csv").unlink()
    assert batch(half, corpus, out, "--processes", 1) == 0
    assert "1 of 1 files, 6 had been done before" in capsys.readouterr().out
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*.flac")}
    again = table(out / "table.csv")
    assert [row for row in again if "bad" not in row["path"]] == [row for row in whole if not row["error"]]
    assert len(again) == 7 and not any(row["error"] for row in again)
    assert len(list((out / ".undin").glob("rows-*"))) == 1
    assert batch(half, corpus, out, "--atten-lim-db", 6) == 1
    assert "made with other settings (atten_lim_db)" in capsys.readouterr().err


class Deadly(Enhance):
    """Ends its process at one file, always, and at another the first time."""

    def __call__(self, file, tell):
        first = f"{self.destination}.once"
        if file.name == "0/2.wav" or (file.name == "1/3.wav" and not os.path.exists(first)):
            open(first, "a").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(file, tell)


def test_a_file_that_kills_processes_is_one_row(tmp_path, corpus, half):
    files, _ = find_files(str(corpus), destination=str(tmp_path / "out"))
    rows = enhance_all(files, Deadly(str(tmp_path / "out"), Settings(half, None)), engine=Processes(2))
    errors = {os.path.basename(row["path"]): row["error"] for row in rows}
    assert len(errors) == 7 and [name for name, error in errors.items() if error] == ["2.wav", "bad.wav"]
    assert "ended 5 times without an answer" in errors["2.wav"]


def test_pieces_are_the_recording(tmp_path, half):
    rate, rng = 16_000, np.random.default_rng(0)
    loudness = np.repeat([0.1, 0.001, 0.1, 0.1, 0.001, 0.1], [50_000, 4_000, 60_000, 30_000, 3_200, 20_000])
    samples = (loudness * rng.standard_normal(len(loudness))).astype(np.float32)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "long.wav", samples, rate, subtype="FLOAT")
    assert batch(half, tmp_path / "in", tmp_path / "cut", "--cut-minutes", 4 / 60) == 0
    assert batch(half, tmp_path / "in", tmp_path / "whole") == 0
    rows = table(tmp_path / "cut" / "table.csv")
    assert [row["output"] for row in rows] == [f"long-{number:04d}.wav" for number in range(len(rows))]
    pieces = [soundfile.read(tmp_path / "cut" / row["output"], dtype="float32")[0] for row in rows]
    whole = soundfile.read(tmp_path / "whole" / "long.wav", dtype="float32")[0]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert len(pieces) == 3 and max(map(len, pieces)) <= 4 * rate
    starts = [round(float(row["start_seconds"]) * rate) for row in rows]
    assert starts == [0, *np.cumsum([len(piece) for piece in pieces])[:-1]]
    assert all(abs(loudness[start] - 0.001) < 1e-9 for start in starts[1:2])


@pytest.mark.quick
def test_cuts_lose_no_sample_and_lie_where_it_is_quiet():
    rng = np.random.default_rng(1)
    for _ in range(20):
        rate, seconds = 1000, 2.0
        signal = rng.standard_normal((rng.integers(1, 9000), 2)).astype(np.float32)
        for start in range(1700, len(signal), 1900):
            signal[start : start + 150] *= 1e-3
        bounds = np.unique(rng.integers(0, len(signal) + 1, 6))
        pairs = [(part, -part) for part in np.split(signal, bounds)]
        found = list(cut(pairs, rate=rate, seconds=seconds))
        np.testing.assert_array_equal(np.concatenate([part for _, part, _ in found]), signal)
        np.testing.assert_array_equal(np.concatenate([part for _, _, part in found]), -signal)
        lengths = np.bincount([number for number, part, _ in found for _ in part])
        assert lengths.max() <= seconds * rate and (lengths[:-1] >= 0.75 * seconds * rate).all()
        for end in np.cumsum(lengths)[:-1]:
            if np.abs(signal[max(0, end - 500) : end + 500]).reshape(-1, 2).max(axis=1).min() < 1e-3:
                assert np.abs(signal[end - 20 : end + 20]).max() < 0.5


def test_manifests(tmp_path, corpus, half, capsys):
    outside = write(tmp_path / "elsewhere" / "x.wav", noise(900))
    names = ["1/1.wav", "0/0.wav", str(outside)]
    (corpus / "list.txt").write_text("\n".join(names) + "\n")
    (corpus / "list.csv").write_text("id,path\n" + "".join(f"{number},{name}\n" for number, name in enumerate(names)))
    (corpus / "list.jsonl").write_text("".join(json.dumps({"audio_filepath": name}) + "\n" for name in names))
    for suffix in ("txt", "csv", "jsonl"):
        files, _ = find_files(str(corpus / f"list.{suffix}"), destination=str(tmp_path / suffix))
        assert [file.name for file in files] == ["1/1.wav", "0/0.wav", str(outside).lstrip("/")]
        assert all(os.path.getsize(file.path) == file.size_bytes for file in files)
    (corpus / "list.txt").write_text("1/1.wav\nnowhere.wav\n../../etc/passwd\n")
    assert batch(half, corpus / "list.txt", tmp_path / "out") == 1
    rows = table(tmp_path / "out" / "table.csv")
    assert [bool(row["error"]) for row in rows] == [True, False, True] and "No such file" in rows[2]["error"]
    assert sorted(files_below(tmp_path / "out"))[-1] == "table.csv"
    (corpus / "list.csv").write_text("file\na.wav\n")
    assert batch(half, corpus / "list.csv", tmp_path / "out2") == 1
    assert "list.csv: entry 1 has no path, audio_filepath, wav or audio" in capsys.readouterr().err


def test_what_cannot_be_is_refused_before_the_work(tmp_path, corpus, half, capsys, monkeypatch):
    assert batch(half, corpus, corpus) == 1
    assert "would overwrite an input" in capsys.readouterr().err
    assert batch(half, tmp_path / "nowhere", tmp_path / "out") == 1
    assert "there is no such folder" in capsys.readouterr().err
    assert batch(half, corpus, tmp_path / "out", "--table", tmp_path / "t.xlsx") == 1
    assert "a table is .parquet or .csv" in capsys.readouterr().err
    assert batch(half, corpus, tmp_path / "out", "--engine", "processes", "--address", "auto") == 1
    assert "--address is of a Ray cluster" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert batch(half, corpus, tmp_path / "out", "--table", tmp_path / "t.parquet") == 1
    assert 'pip install "undin[batch]", or name a .csv' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_results_below_the_source_are_no_inputs(tmp_path, corpus, half):
    for _ in range(2):
        assert batch(half, corpus, corpus / "out") == 1
    assert len(table(corpus / "out" / "table.csv")) == 7


def test_names_of_any_bytes_have_rows(tmp_path, half):
    odd = os.fsdecode(b"caf\xe9")
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "x.wav", noise(500)).rename(tmp_path / "in" / f"{odd}.wav")
    assert batch(half, tmp_path / "in", tmp_path / "out") == 0
    assert table(tmp_path / "out" / "table.csv")[0]["output"] == r"caf\xe9.wav"
    assert files_below(tmp_path / "out")[-2:] == [f"{odd}.wav", "table.csv"]


def test_ratings_hear_all_of_a_long_recording(tmp_path, half, monkeypatch):
    heard = []

    def loudness(samples):  # the network behind DNSMOS takes seconds a window, and has tests of its own
        heard.append(len(samples))
        return {"sig": 1 + float(np.sqrt(np.mean(samples**2))), "bak": float("nan"), "ovrl": 2.0}

    monkeypatch.setattr("undin.batch.rating.dnsmos", loudness)
    (tmp_path / "in").mkdir()
    samples = np.concatenate([np.full(60 * 16_000, 0.1), np.full(30 * 16_000, 0.4)]).astype(np.float32)
    soundfile.write(tmp_path / "in" / "a.wav", samples, 16_000)
    files, _ = find_files(str(tmp_path / "in"), destination=str(tmp_path / "out"))
    (row,) = enhance_all(files, Enhance(str(tmp_path / "out"), Settings(half, None), dnsmos=True), engine=Alone())
    assert row["noisy_dnsmos_sig"] == pytest.approx(1 + (0.1 * 60 + 0.4 * 30) / 90, abs=0.01)
    assert row["enhanced_dnsmos_ovrl"] == 2 and row["enhanced_dnsmos_bak"] is None
    assert max(heard) < 62 * 16_000 and sum(heard) == 2 * len(samples)
