"""What a stranger gets: the wheel in a clean environment, without torch or a network, doing what README says."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.shown import ROOT, blocks, commands

pytestmark = pytest.mark.release
MAX_BYTES, MAX_BYTES_INSTALLED = 12_000_000, 15_000_000
"""Of the wheel, and of undin itself."""

MOST_OF_NUMPY = 0.7
"""Of the time to import numpy, what all else takes that undin imports: in one run, since machines differ."""

PYTHON_SNIPPETS = blocks("README.md", "python")
COMMANDS = commands("README.md")
RUNS_WITHOUT_EXTRAS = re.compile(r"undin (enhance|info)\b")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Path:
    """A folder with the examples of README and a fresh environment, `env`, in which only the wheel is installed."""
    folder = tmp_path_factory.mktemp("stranger")
    source = folder / "source"  # a copy: building leaves things behind, and takes things from earlier builds
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "build_backend.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it would show the source
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, source], check=True, env=settings)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    environment = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", environment, "install", f"{wheel}[plot]"], check=True, env=settings)

    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "noisy.wav", folder / "examples")
    (folder / "recordings").mkdir()
    noisy, sample_rate = soundfile.read(ROOT / "examples" / "noisy.wav")
    soundfile.write(folder / "recordings" / "a.flac", noisy[:sample_rate], sample_rate)
    shutil.copy(ROOT / "examples" / "noisy.wav", folder)
    return folder


def run(folder: Path, *command: str | Path, **variables: str) -> str:
    """Run a command in `folder` with its environment first and nothing else of ours; return what it prints."""
    settings = {"PATH": f"{folder}/env/bin:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")} | variables
    return subprocess.run(command, cwd=folder, check=True, env=settings, stdout=subprocess.PIPE, text=True).stdout


def test_models_come_compiled(stranger):
    code = "import undin; print(*(type(undin.load(name).engine).__name__ for name in undin.models()))"
    assert set(run(stranger, "python", "-c", code).split()) == {"NativeEngine"}


def test_a_file_is_enhanced_without_a_compiler(stranger):
    run(stranger, "undin", "enhance", "examples/noisy.wav", "-o", "without.wav", PATH=str(stranger / "env" / "bin"))
    assert soundfile.info(stranger / "without.wav").frames == soundfile.info(stranger / "examples/noisy.wav").frames
    assert not (stranger / "cache").exists()  # where the stream would be, had it been compiled


def test_importing_takes_no_time(stranger):
    clock = "time.process_time()"
    code = f"import time; a = {clock}; import numpy; b = {clock}; import undin; print(({clock} - b) / (b - a))"
    assert min(float(run(stranger, "python", "-c", code)) for _ in range(5)) < MOST_OF_NUMPY


@pytest.mark.needs("ziglang")
def test_an_installed_undin_compiles_models(stranger):
    ours = next(
        path for path in sys.path if path.endswith("site-packages")
    )  # onnx and ziglang, without installing them
    command = "undin", "compile", "undin-nano", "--target", "linux-aarch64", "-o", "nano", "--prefix", "sdk"
    run(stranger, *command, PYTHONPATH=ours)
    assert (stranger / "nano" / "undin_stream.c").is_file()
    assert (stranger / "sdk" / "lib" / "libundin_nano.so").is_file()


def test_a_wheel_is_built_with_a_compiler_from_pypi_where_there_is_none(monkeypatch):
    backend = runpy.run_path(str(ROOT / "build_backend.py"))
    for programs, more in ({"gcc"}, []), ({"clang"}, []), ((), ["ziglang"]):
        monkeypatch.setattr(shutil, "which", lambda program, programs=programs: program in programs or None)
        assert backend["_compiler"](None) == more
        assert backend["_compiler"]({"--build-option": "--plat-name=linux-aarch64"}) == ["ziglang"]


def test_its_types_are_installed(stranger):
    (package,) = stranger.glob("env/lib/*/site-packages/undin")
    assert (package / "py.typed").is_file()


def test_nothing_heavy_is_installed(stranger):
    heavy = "torch", "onnx", "onnxruntime", "ziglang"
    code = f"import importlib.util, undin; print(undin.__file__, *map(importlib.util.find_spec, {heavy}))"
    installed = next(stranger.glob("env/lib/*/site-packages/undin/__init__.py"))
    assert run(stranger, "python", "-c", code).split() == [str(installed), *["None"] * len(heavy)]
    code = "import importlib.metadata; print(*importlib.metadata.requires('undin'), sep='\\n')"
    needed = [line for line in run(stranger, "python", "-c", code).splitlines() if "extra ==" not in line]
    assert [re.match(r"\w+", line)[0] for line in needed] == ["numpy", "soundfile"]
    (wheel,) = stranger.glob("*.whl")
    assert wheel.stat().st_size < MAX_BYTES
    with zipfile.ZipFile(wheel) as file:
        assert sum(entry.file_size for entry in file.infolist()) < MAX_BYTES_INSTALLED


def test_a_model_of_your_own_says_what_it_needs(stranger):
    own = shutil.copy(ROOT / "src" / "undin" / "model" / "weights" / "undin-tiny.onnx", stranger / "own.onnx")
    code = f"import undin\ntry: undin.load({str(own)!r})\nexcept OSError as error: print(error)"
    assert run(stranger, "python", "-c", code) == (
        f'nothing is installed that runs {own}: pip install "undin[compile]" brings a compiler, '
        'pip install "undin[ort]" ONNX Runtime\n'
    )
    assert "undin-tiny" in run(stranger, "undin", "info", own)


@pytest.mark.parametrize("snippet", PYTHON_SNIPPETS)
def test_python_in_readme_runs(stranger, snippet):
    run(stranger, "python", "-W", "error", "-c", snippet)


def test_python_in_readme_cleans_the_example(stranger):
    run(stranger, "python", "-c", PYTHON_SNIPPETS[0])
    noisy, sample_rate = soundfile.read(stranger / "examples" / "noisy.wav")
    enhanced, _ = soundfile.read(stranger / "enhanced.wav")
    assert len(enhanced) == len(noisy)
    before_speech = slice(sample_rate // 2, sample_rate)
    assert np.std(enhanced[before_speech]) < 0.3 * np.std(noisy[before_speech])  # the fan is at least 10 dB softer


def test_commands_in_readme_run(stranger):
    for command in COMMANDS:
        if RUNS_WITHOUT_EXTRAS.match(command):
            run(stranger, "bash", "-e", "-c", command)
    for name in ("enhanced.wav", "enhanced.png", "cleaned/a.flac", "recordings/a_enhanced.flac"):
        assert (stranger / name).stat().st_size > 1000
    assert soundfile.info(stranger / "clean.wav").frames == soundfile.info(stranger / "noisy.wav").frames


@pytest.mark.needs("own network")
def test_a_file_is_enhanced_with_the_network_cut_off(stranger):
    without_network = ["unshare", "--map-root-user", "--net"]
    run(stranger, *without_network, "undin", "enhance", "examples/noisy.wav", "-o", "offline.wav")
    assert soundfile.info(stranger / "offline.wav").frames == soundfile.info(stranger / "examples/noisy.wav").frames


def test_readme_shows_something():
    assert len(PYTHON_SNIPPETS) == 2
    assert {"enhance", "info"} <= {command.split()[1] for command in COMMANDS}
