"""Commands that pages show: each is understood, and each is run, here or by another test, or cannot be, and why.

What a page shows is run in its order, in a folder of its own that has the files which the page speaks of. Runs of hours
are made runs of a moment by `SHORT`. A command that is neither in `ELSEWHERE` nor in `NOT_RUN` is run.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import audio_files, step_models
from support.shown import PAGES, ROOT, commands

from undin import cli

ELSEWHERE = {
    "CONTRIBUTING.md: *": ".ci/run",
    "README.md: make *": ".ci/run",
    "README.md: undin serve": "tests/faces/serve/conftest.py",
    "README.md: undin bench": "tests/cli/test_bench.py",
    "apps/android/README.md: make apk": "tests/faces/android/test_apk.py",
    "apps/page/README.md: *": "tests/faces/page/conftest.py",
    "apps/stm32/README.md: make*": "tests/faces/board/test_firmware.py",
    "README.md: undin batch *": "tests/faces/batch/test_storage.py",
    "docs/batch.md: undin batch s3*": "tests/faces/batch/test_storage.py",
    "docs/batch.md: undin batch *": "tests/batch/test_batch.py",
    "docs/batch.md: undin data mix *": "tests/faces/batch/test_ray.py",
    "docs/cluster.md: *": "tests/faces/cluster/test_training.py",
    "docs/c.md: gcc *": "tests/compiler/test_c_example.py",
    "docs/c.md: cmake *": "tests/compiler/test_c_example.py",
    "docs/c.md: export *": "tests/compiler/test_c_example.py",
    "docs/c.md: undin compile undin-tiny -o tiny": "tests/test_commands.py",  # out of README
    "docs/c.md: undin compile undin-tiny --prefix sdk": "tests/test_commands.py",
    "docs/compiler.md: *": "tests/compiler/test_c_state.py",
    "docs/files.md: * film.mp4 *": "tests/io/test_media.py",
    "docs/microcontroller.md: make *": "tests/faces/board/test_firmware.py",
    "docs/releases.md: make *": "tests/faces/wheels/conftest.py",
    "docs/server.md: undin serve --host *": "tests/faces/serve/test_addresses.py",
    "docs/tflite.md: undin *": "tests/faces/tflite/test_litert.py",
    "docs/training.md: * scripts/train-anywhere.sh *": "tests/faces/cluster/test_train_anywhere.py",
    "docs/training.md: scripts/train-anywhere.sh *": "tests/faces/cluster/test_train_anywhere.py",
    "docs/training.md: tar *": "tests/faces/cluster/test_train_anywhere.py",
    "docs/training.md: split *": "tests/faces/cluster/test_train_anywhere.py",
    "docs/training.md: *torchrun *": "tests/train/test_loop.py",
}
"""Patterns of ``page: command``, and the file that runs it, or the same in small."""

NOT_RUN = {
    "*: apt-get *": "installs on the machine",
    "*: *pip install *": "installs from a network",
    "*: *pip download *": "a network",
    "*: git clone *": "a network",
    "*: python3 -m venv *": "tests/faces/wheels/test_stranger.py has an environment of its own",
    "*: st-flash *": "a board",
    "*: stty *": "a board",
    "*: cat /dev/*": "a board",
    "*: adb *": "a phone",
    "*: arm-none-eabi-objcopy *": "for the board alone",
    "*| aplay": "a sound card",
    "docs/desktop.md: [mu]*": "a desktop of its own, which tests/faces/desktop and tests/faces/plugins have",
    "apps/plugins/README.md: make *": "tests/faces/plugins builds them one by one",
    "docs/full_band.md: *": "recordings from elsewhere, and hours",
    "docs/models.md: *": "models from elsewhere",
    "docs/training_audio.md: *": "packages with recordings",
}
"""Patterns, and what the command wants that no test has."""

SHORT = "training.steps=2 training.batch_size=2 training.validate_every=2 validation.count=2 mixing.rooms=4"
"""What makes a run of hours one of a moment."""

MOST_SECONDS = 300
SERVER = ("127.0.0.1", 8000)
"""Where `undin serve` listens."""

ALL = [(page.relative_to(ROOT).as_posix(), command) for page in PAGES for command in commands(page)]


def why_not(page: str, command: str) -> str | None:
    """What another test runs it, or why none does; None if it is run here."""
    return next((why for one, why in (ELSEWHERE | NOT_RUN).items() if fnmatchcase(f"{page}: {command}", one)), None)


RUN = {page: [command for one, command in ALL if one == page and not why_not(page, command)] for page, _ in ALL}
RUN = {page: those for page, those in RUN.items() if those}


parser = cache(cli.make_parser)


@pytest.mark.quick
@pytest.mark.parametrize(("page", "command"), ALL, ids=lambda one: one)
def test_it_names_what_is_there(page, command):
    places = [ROOT, (ROOT / page).parent]
    for part in re.split(r" (?:\||&&) |\n|; ", command):
        words = shlex.split(part.partition(" <")[0].partition(" >")[0])
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        while words[0] in ("nice", "-n", "19", "torchrun", "--nproc-per-node", "2", "-m"):
            words = words[1:]
        program, *arguments = words
        if program == "undin":
            parser().parse_args(arguments)
        elif program == "make":
            folders = [ROOT / arguments[1]] if arguments[:1] == ["-C"] else places
            named = [word for word in arguments if re.fullmatch(r"[a-z-]+", word)]
            makefiles = [text.read_text() for one in folders if (text := one / "Makefile").exists()]
            assert any(all(f"\n{target}:" in text for target in named) for text in makefiles)
        elif program.startswith(("python", "pytest", "scripts/")) and "-m" in arguments:
            assert find_spec(arguments[arguments.index("-m") + 1])
        elif program.startswith(("python", "pytest", "scripts/")):
            paths = [program] if "/" in program else arguments if program == "pytest" else arguments[:1]
            assert all((one / path).exists() for path in paths for one in places[:1] if "shared" not in path)
        for extras in re.findall(r"(?:undin|\.)\[([\w,]+)\]", part):
            known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert set(extras.split(",")) <= set(known)


@pytest.mark.quick
def test_exceptions_are_needed_and_those_that_others_run_are():
    for pattern in ELSEWHERE | NOT_RUN:
        page = ROOT / pattern.partition(":")[0]
        is_on_its_way = page.suffix == ".md" and "*" not in page.name and not page.exists()
        assert is_on_its_way or any(fnmatchcase(f"{page}: {command}", pattern) for page, command in ALL), pattern
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).is_file()] == []


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with what pages speak of: noisy recordings, folders for training, models of one's own."""
    from support import made_up_audio  # which imports torch

    for name in ("recipes", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    noisy, sample_rate = soundfile.read(ROOT / "examples" / "noisy.wav", dtype="float32")
    noise = audio_files.noise(3 * sample_rate)
    sounds = dict.fromkeys(("noisy", "recordings/one", "noisy-speech/one"), noisy[: 3 * sample_rate])
    sounds |= dict.fromkeys(("data/noise/one", "kept/noise/one", "my/noise/one"), noise)
    for number in range(2):
        voice = made_up_audio.voice(3, pitch_hz=120 + 40 * number)
        sounds |= {f"{folder}/{number}": voice for folder in ("data/speech", "kept/speech", "my/voice")}
    for name, samples in sounds.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        audio_files.write(tmp_path / f"{name}.{'flac' if '/' in name else 'wav'}", samples, sample_rate)
    np.zeros((4_800, 2), np.int16).tofile(tmp_path / "live.pcm")
    for name in ("mine", "streaming_step"):
        step_models.identity(tmp_path / f"{name}.onnx")
    return tmp_path


def in_a_moment(command: str) -> str:
    """The same in small: pairs, and steps of a run, whose settings a run that goes on must be given again."""
    command = command.replace("--count 50", "--count 2")
    if "undin train " in command:
        command = re.sub(r" training\.steps=\d+", "", command)
        command = re.sub(r" --set\b", f" --set {SHORT}", command) if "--set" in command else f"{command} --set {SHORT}"
    return command


@pytest.mark.faces
@pytest.mark.parametrize("page", RUN)
def test_they_run(page, place):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "dumb"}
    programs = {command.split()[0] for command in RUN[page]}
    if missing := [one for one in programs if not shutil.which(one, path=environment["PATH"])]:
        pytest.skip(f"{' and '.join(missing)}: not installed")
    servers = []
    try:
        for command in RUN[page]:
            begin = time.monotonic()
            shell = ["bash", "-o", "pipefail", "-ec", in_a_moment(command)]
            if command.startswith("undin serve"):
                with socket.socket() as port:
                    if port.connect_ex(SERVER) == 0:
                        pytest.skip("the port of `undin serve` is taken")
                servers.append(subprocess.Popen(shell, cwd=place, env=environment))
                wait_for(f"http://{SERVER[0]}:{SERVER[1]}/healthz", servers[-1])
                continue
            done = subprocess.run(
                shell, cwd=place, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            print(f"{time.monotonic() - begin:6.1f} s  {command}")
    finally:
        for server in servers:
            server.terminate()
            server.wait(30)


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Wait until a server answers, whatever it says."""
    deadline_s = time.monotonic() + MOST_SECONDS
    while server.poll() is None and time.monotonic() < deadline_s:
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"no answer from {address}; the server's exit status is {server.returncode}")
