"""`undin evaluate` from end to end, on real pairs."""

import argparse
import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import step_models

from undin.cli import evaluate
from undin.evaluate.score import METRICS, evaluate_pairs, metrics_at

QUICK = ["--metrics", "stoi", "si_sdr", "--limit", "4", "--jobs", "1"]


def run(*arguments):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def pairs(shared_data):
    return ["--clean", shared_data / "valid" / "clean", "--noisy", shared_data / "valid" / "noisy"]


@pytest.fixture
def enhanced(shared_data, tmp_path):
    """Clean speech under another name, so that its scores are known; a few samples short, as some tools leave it."""
    folder = tmp_path / "enhanced"
    folder.mkdir()
    for place in range(4):
        samples, rate_hz = soundfile.read(shared_data / "valid" / "clean" / f"{place:03}.flac")
        soundfile.write(folder / f"{place:03}.wav", samples[:-100], rate_hz)
    return folder


def test_an_enhanced_folder_is_scored_beside_the_noisy_one(pairs, enhanced, tmp_path, capsys):
    files = {name: tmp_path / f"scores.{name}" for name in ("json", "csv", "png")}
    written = ["--json", files["json"], "--csv", files["csv"], "--plot", files["png"]]
    assert run(*pairs, "--enhanced", enhanced, "--limit", 4, "--jobs", 2, *written) == 0

    systems = json.loads(files["json"].read_text())["systems"]
    assert [system["name"] for system in systems] == ["noisy", "enhanced"]
    noisy, clean = (system["summaries"][0]["mean"] for system in systems)
    assert list(noisy) == [column for name in metrics_at(16_000) for column in METRICS[name][0]]
    assert clean["pesq_wb"] == pytest.approx(4.64, abs=0.01)
    assert clean["stoi"] == pytest.approx(1, abs=1e-3)
    assert all(clean[name] > noisy[name] for name in noisy if name != "si_sdr")
    assert [summary["snr_db"] for summary in systems[0]["summaries"]] == [None, -5, 0, 5, 10]
    assert systems[1]["real_time_factor"] is None

    assert len(list(csv.DictReader(files["csv"].open()))) == 8
    assert files["png"].stat().st_size > 1000
    assert sorted(tmp_path.iterdir()) == sorted([enhanced, *files.values()])  # nothing half-written
    printed = capsys.readouterr().out
    assert "4 pairs" in printed and "pesq_wb" in printed and f"{clean['pesq_wb']:.3f}" in printed


def test_models_are_run_timed_and_asked_what_clean_speech_and_noise_lose(pairs, tmp_path, capsys):
    identity = step_models.identity(tmp_path / "identity.onnx", macs_per_second=12_300_000)
    half = step_models.gain(tmp_path / "half.onnx", 0.5)
    assert run(*pairs, *QUICK, "--model", identity, half, "--json", tmp_path / "scores.json") == 0

    noisy, same, halved = json.loads((tmp_path / "scores.json").read_text())["systems"]
    for column, value in noisy["summaries"][0]["mean"].items():
        assert same["summaries"][0]["mean"][column] == pytest.approx(value, abs=1e-3)
        assert halved["summaries"][0]["mean"][column] == pytest.approx(value, abs=1e-3)  # neither sees the level
    for system, lost_db in ((same, 0), (halved, 6.02)):
        assert list(system["clean"]) == ["-45", "-35", "-25", "-15", "-5"]
        assert [of["level_loss_db"] for of in system["clean"].values()] == pytest.approx([lost_db] * 5, abs=1e-2)
        assert list(system["noise_attenuation_db"]) == ["000", "001", "002", "003"]
        assert list(system["noise_attenuation_db"].values()) == pytest.approx([lost_db] * 4, abs=1e-2)
    assert same["clean"]["-25"]["pesq_wb"] is None  # was not asked for
    assert 0 < same["real_time_factor"] < 1
    assert same["macs_per_second"] == 12_300_000
    assert "12.3" in capsys.readouterr().out


def test_scores_do_not_depend_on_the_number_of_processes(shared_data, tmp_path):
    folders = shared_data / "valid" / "clean", shared_data / "valid" / "noisy"
    model = str(step_models.fading(tmp_path / "fading.onnx"))
    alone, together = (
        evaluate_pairs(*folders, models=[model], chosen=["si_sdr"], limit=3, jobs=jobs) for jobs in (1, 2)
    )
    for one, two in zip(alone, together, strict=True):
        assert [file.values for file in one.files] == [file.values for file in two.files]
        assert one.noise_attenuation_db == two.noise_attenuation_db
        assert {level: clean.level_loss_db for level, clean in one.clean.items()} == {
            level: clean.level_loss_db for level, clean in two.clean.items()
        }


def test_a_silent_reference_is_reported_and_left_out(shared_data, tmp_path, capsys):
    for folder in ("clean", "noisy"):
        (tmp_path / folder).mkdir()
        for name in ("000.flac", "001.flac"):
            shutil.copy(shared_data / "valid" / folder / name, tmp_path / folder)
    length = soundfile.info(tmp_path / "clean" / "001.flac").frames
    soundfile.write(tmp_path / "clean" / "001.flac", np.zeros(length), 16_000)
    assert run("--clean", tmp_path / "clean", "--noisy", tmp_path / "noisy", "--jobs", 1, "--metrics", "si_sdr") == 0
    assert "si_sdr is undefined for 1 of 2 pairs and left out (001: clean is silent)" in capsys.readouterr().out


def undin(*arguments):
    command = [sys.executable, "-m", "undin", "evaluate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_refuses_a_wrong_rate_by_one_sentence(tmp_path):
    for folder in ("clean", "noisy"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", np.zeros(8_000), 8_000)
    result = undin("--clean", tmp_path / "clean", "--noisy", tmp_path / "noisy")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        f"undin: error: {tmp_path}/clean/a.wav has 8000 Hz, but scores are defined at 16000: resample it"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "nowhere/scores.json"], "nowhere/scores.json cannot be written: there is no folder nowhere"),
        (["--model", "no-such-model"], "no-such-model"),
        (["--metrics", "pesq"], "unknown metric 'pesq'"),
    ],
)
def test_mistakes_are_named_before_anything_is_scored(pairs, arguments, message):
    with pytest.raises(ValueError, match=message):
        run(*pairs, *arguments)


def test_help_names_every_metric():
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    assert " ".join(METRICS) in " ".join(parser.format_help().split())


def test_scoring_needs_no_torch():
    code = "import sys, undin.evaluate.report, undin.evaluate.plot; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
