"""`scripts/train-anywhere.sh`: from an archive of audio to a checkpoint, and on from there when it is called again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from support import small_recipe

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "train-anywhere.sh"

pytestmark = pytest.mark.needs("flock")


@pytest.fixture
def command(tmp_path) -> list[str]:
    """The script on a made-up recipe, with audio in an archive of two parts."""
    recipe = small_recipe.write(tmp_path)
    with tarfile.open(tmp_path / "audio.tar", "w") as archive:
        for name in ("speech", "noise"):
            archive.add(tmp_path / name, f"train/{name}")
        for name in ("clean", "noisy"):
            archive.add(tmp_path / "speech", f"valid/{name}")
    whole = (tmp_path / "audio.tar").read_bytes()
    parts = [tmp_path / "audio.tar.aa", tmp_path / "audio.tar.ab"]
    for part, content in zip(parts, (whole[:100_000], whole[100_000:]), strict=True):
        part.write_bytes(content)
    options = ["--set", "validation.count=1", "--set", "training.validate_every=10"]
    return [
        "bash",
        str(SCRIPT),
        *options,
        str(recipe),
        str(tmp_path / "run"),
        str(tmp_path / "audio"),
        *map(str, parts),
    ]


@pytest.fixture
def environment() -> dict[str, str]:
    return os.environ | {"PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}


def logged(run: Path) -> list[dict]:
    return list(map(json.loads, (run / "log.jsonl").read_text().splitlines()))


def test_a_second_call_goes_on_where_a_signal_ended_the_first(command, environment, tmp_path):
    run = tmp_path / "run"
    forever = [*command[:2], "--processes", "2", "--set", "training.steps=1000000", *command[2:]]
    with subprocess.Popen(forever, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as first:
        deadline_s = time.monotonic() + 300
        while not (run / "best.pt").exists() and first.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGTERM)
        assert first.wait(timeout=120) == 0
    assert "validation loss" in (run / "console.log").read_text()
    (recipe, *_), stopped = logged(run), max(line["step"] for line in logged(run))
    assert recipe["recipe"]["data"]["speech"] == [os.path.relpath(tmp_path / "audio/train/speech", ROOT)]
    assert any("validation_loss" in line for line in logged(run))

    last = [*command[:2], "--processes", "1", "--set", f"training.steps={stopped + 1}", *command[2:]]
    told = subprocess.run(last, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
    assert f"start: {run}/last.pt" in told
    assert f"step {stopped + 1} of {stopped + 1}" in told
    assert logged(run)[-1]["step"] == stopped + 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--minuets", "1"], "there is no option --minuets"),
        (["recipes/undin-tiny.toml", "run", "nowhere"], "there is no folder"),
        (["--minutes"], "--minutes needs a value"),
    ],
)
def test_mistakes_end_with_a_sentence(arguments, told, environment, tmp_path):
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    result = subprocess.run(
        ["bash", str(SCRIPT), *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert "error: " in result.stdout + result.stderr and told in result.stdout + result.stderr
