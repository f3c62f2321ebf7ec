"""`undin evaluate` from end to end, on made-up pairs."""

import argparse
import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import soxr
from support import step_models

from undin.cli import evaluate
from undin.evaluate.score import evaluate_pairs
from undin.evaluate.table import METRICS, metrics_at

QUICK = ["--metrics", "stoi", "si_sdr", "--limit", "4", "--jobs", "1"]


def run(*arguments):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def pairs(made_up_pairs):
    return ["--clean", made_up_pairs / "clean", "--noisy", made_up_pairs / "noisy"]


@pytest.fixture
def enhanced(made_up_pairs, tmp_path):
    """Clean speech under another name, so that its scores are known; a few samples short, as some tools leave it."""
    folder = tmp_path / "enhanced"
    folder.mkdir()
    for place in range(4):
        samples, rate_hz = soundfile.read(made_up_pairs / "clean" / f"{place:03}.flac")
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


def test_scores_do_not_depend_on_the_number_of_processes(made_up_pairs, tmp_path):
    folders = made_up_pairs / "clean", made_up_pairs / "noisy"
    model = str(step_models.fading(tmp_path / "fading.onnx"))
    alone, together = (
        evaluate_pairs(*folders, models=[model], chosen=["si_sdr"], limit=3, jobs=jobs) for jobs in (1, 2)
    )
    for one, two in zip(alone, together, strict=True):
        for here, there in zip(one.files, two.files, strict=True):
            assert here.values == pytest.approx(there.values, rel=1e-9)  # numpy's sums depend on its threads
        assert one.noise_attenuation_db == two.noise_attenuation_db
        assert {level: clean.level_loss_db for level, clean in one.clean.items()} == {
            level: clean.level_loss_db for level, clean in two.clean.items()
        }


def test_a_silent_reference_is_reported_and_left_out(made_up_pairs, tmp_path, capsys):
    for folder in ("clean", "noisy"):
        (tmp_path / folder).mkdir()
        for name in ("000.flac", "001.flac"):
            shutil.copy(made_up_pairs / folder / name, tmp_path / folder)
    length = soundfile.info(tmp_path / "clean" / "001.flac").frames
    soundfile.write(tmp_path / "clean" / "001.flac", np.zeros(length), 16_000)
    assert run("--clean", tmp_path / "clean", "--noisy", tmp_path / "noisy", "--jobs", 1, "--metrics", "si_sdr") == 1
    assert "no si_sdr for 1 of 2 pairs (001): clean is silent" in capsys.readouterr().out


def spoil(path, how):
    samples, rate_hz = soundfile.read(path, dtype="float32")
    if how == "another length":
        soundfile.write(path, samples[:-3000], rate_hz)
    elif how == "empty":
        soundfile.write(path, samples[:0], rate_hz)
    elif how == "beyond all levels":
        soundfile.write(path, samples * np.float32(1e-22), rate_hz, subtype="FLOAT")
    elif how == "another rate":
        soundfile.write(path, samples, 44_100)
    elif how == "cut short":
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "no audio":
        path.write_bytes(b"no audio")
    elif how == "missing":
        path.unlink()


HOWS = ["another length", "empty", "beyond all levels", "another rate", "cut short", "no audio", "missing"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("role", ["clean", "noisy", "enhanced"])
def test_one_odd_file_is_named_and_all_others_scored(made_up_pairs, tmp_path, capsys, role, how):
    for folder in ("clean", "noisy", "enhanced"):
        (tmp_path / folder).mkdir()
        for place in range(3):
            samples, rate_hz = soundfile.read(
                made_up_pairs / folder.replace("enhanced", "clean") / f"{place:03}.flac", dtype="float32"
            )
            soundfile.write(tmp_path / folder / f"{place:03}.wav", samples[:32_000], rate_hz, subtype="PCM_16")
    spoil(tmp_path / role / "001.wav", how)
    folders = [item for name in ("clean", "noisy", "enhanced") for item in (f"--{name}", tmp_path / name)]
    written = ["--json", tmp_path / "scores.json", "--csv", tmp_path / "scores.csv"]
    assert run(*folders, "--jobs", 1, "--metrics", "pesq_wb", "si_sdr", *written) == 1
    printed = capsys.readouterr().out
    assert "for 1 of 3 pairs (001): " in printed
    noisy, enhanced = json.loads((tmp_path / "scores.json").read_text())["systems"]
    for system in (noisy, enhanced):
        assert [file["id"] for file in system["files"]] == ["000", "001", "002"]
        assert all(system["files"][place]["values"]["pesq_wb"] > 1 for place in (0, 2))
    odd = (noisy if role == "noisy" else enhanced)["files"][1]
    assert odd["values"] == {"pesq_wb": None, "si_sdr": None} and set(odd["undefined"]) == {"pesq_wb", "si_sdr"}


@pytest.mark.parametrize(("lag", "gain"), [(512, 1.0), (-300, 1.0), (0, -1.0), (8000, -0.25), (1, 2.0)])
def test_a_folder_beside_its_clean_one_is_found_and_aligned(pairs, made_up_pairs, tmp_path, capsys, lag, gain):
    (tmp_path / "enhanced").mkdir()
    for place in range(4):
        noisy, rate_hz = soundfile.read(made_up_pairs / "noisy" / f"{place:03}.flac", dtype="float32")
        late = np.concatenate((np.zeros(max(0, lag), np.float32), noisy[max(0, -lag) :]))  # longer, or shorter
        soundfile.write(tmp_path / "enhanced" / f"{place:03}.wav", gain * late, rate_hz, subtype="FLOAT")
    arguments = [*pairs, "--enhanced", tmp_path / "enhanced", *QUICK, "--json", tmp_path / "scores.json"]
    assert run(*arguments, "--align") == 0
    noisy, enhanced = json.loads((tmp_path / "scores.json").read_text())["systems"]
    for one, other in zip(noisy["files"], enhanced["files"], strict=True):
        assert other["values"]["si_sdr"] == pytest.approx(one["values"]["si_sdr"], abs=0.2)
        assert other["values"]["stoi"] == pytest.approx(one["values"]["stoi"], abs=0.02)
        assert other["offset"]["lag_samples"] == lag
        assert other["offset"]["gain"] == pytest.approx(gain, rel=0.02)
    printed = capsys.readouterr().out
    assert (f"come {abs(lag)} samples {'late' if lag > 0 else 'early'}" in printed) == bool(lag)
    assert ("polarity reversed" in printed) == (gain < 0)
    assert ("dB softer" in printed) == (abs(gain) < 0.7) and ("dB louder" in printed) == (abs(gain) > 1.4)


def test_pairs_of_other_rates_are_scored_at_one_on_request(pairs, made_up_pairs, tmp_path, capsys):
    (tmp_path / "enhanced").mkdir()
    for place in range(4):
        noisy, rate_hz = soundfile.read(made_up_pairs / "noisy" / f"{place:03}.flac", dtype="float32")
        wide = soxr.resample(noisy, rate_hz, 48_000)
        soundfile.write(tmp_path / "enhanced" / f"{place:03}.wav", wide, 48_000, subtype="FLOAT")
    arguments = [*pairs, "--enhanced", tmp_path / "enhanced", *QUICK, "--json", tmp_path / "scores.json"]
    with pytest.raises(ValueError, match="has 48000 Hz, but other files have 16000: resample it, or all"):
        run(*arguments)
    assert run(*arguments, "--resample") == 0
    noisy, enhanced = (system["files"] for system in json.loads((tmp_path / "scores.json").read_text())["systems"])
    for one, other in zip(noisy, enhanced, strict=True):
        assert other["values"]["stoi"] == pytest.approx(one["values"]["stoi"], abs=0.005)
    assert run(*arguments, "--resample", 24_000) == 0


def test_progress_is_told_before_anything_is_scored(pairs):
    command = [sys.executable, "-m", "undin", "evaluate", *map(str, pairs), "--limit", "4", "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr.readline() == "scoring: 0 of 4 done\n"
            assert process.poll() is None
        finally:
            process.kill()


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
        f"undin: error: {tmp_path}/clean/a.wav has 8000 Hz, but scores are defined at 16000: "
        "resample it, or all (--resample)"
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
