"""What would break on macOS, on Windows or in another locale, as far as it shows on this machine."""

import ast
import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile

from undin.bench.priority import real_time_priority
from undin.io import cache, files, processes

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src" / "undin").rglob("*.py"))
SYSTEMS = ("darwin", "win32")


def run_as(system: str, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run the command in a folder as if on another system."""
    ours = {"HOME": str(folder), "XDG_CACHE_HOME": str(cache.cache_folder().parent), "PYTHONPATH": str(ROOT / "src")}
    settings = os.environ | ours | variables
    command = [sys.executable, ROOT / "tests" / "support" / "pretend.py", system, *arguments]
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)


@pytest.fixture
def recordings(tmp_path) -> Path:
    """A folder with two files, one of whose names no code page of Windows has."""
    noise = np.random.default_rng(0).normal(0, 0.1, 4000)
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "b ☎.flac"):
        soundfile.write(tmp_path / "in" / name, noise, 16_000)
    return tmp_path


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_folder_is_enhanced(recordings, identity_model, system):
    done = run_as(system, recordings, "enhance", "in", "-o", "out", "--model", str(identity_model), "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (recordings / "out").iterdir()) == ["a.wav", "b ☎.flac"]


@pytest.fixture
def identity_model(tmp_path) -> Path:
    """A model that changes nothing, compiled for this machine."""
    from support import step_models

    from undin.model.loading import load

    return load(step_models.identity(tmp_path / "identity.onnx")).engine.path


def test_what_an_output_cannot_show_is_escaped(recordings, identity_model):
    command = "enhance", "in/b ☎.flac", "--json", "--model", str(identity_model)
    done = run_as("win32", recordings, *command, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert (recordings / "in" / "b ☎_enhanced.flac").is_file()


def test_a_microphone_of_the_session_is_for_linux(tmp_path):
    done = run_as("win32", tmp_path, "mic", "status")
    assert done.returncode == 1 and done.stderr.startswith("undin: error: undin mic is for Linux")


@pytest.mark.quick
def test_text_never_depends_on_the_locale():
    """But that of the kernel, and what is for Linux alone."""
    for path in SOURCES:
        if path.parent.name == "mic":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and not {"encoding", "mode"} & {keyword.arg for keyword in node.keywords}:
                called = ast.unparse(node.func)
                reads_text = called.split(".")[-1] in ("read_text", "write_text")
                if called == "open" and "/proc/" not in ast.unparse(node.args[0]):
                    reads_text = not any("b'" in ast.unparse(mode) for mode in node.args[1:])
                assert not reads_text, f"{path.relative_to(ROOT)}:{node.lineno}: text without an encoding"


@pytest.mark.quick
def test_processes_are_looked_for_without_ending_them_on_windows(monkeypatch):
    """Windows ends what os.kill names, so its own way is taken."""
    asked = []
    kernel = SimpleNamespace(
        OpenProcess=type("Function", (), {"__call__": lambda self, *told: told[2] == 7 and 1})(),
        WaitForSingleObject=lambda handle, time: processes.WAIT_TIMEOUT,
        CloseHandle=lambda handle: asked.append(handle.value),
    )
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: kernel, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", lambda *told: pytest.fail("os.kill"))
    assert processes.runs(7) and not processes.runs(8) and asked == [1]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("system", "variables", "place"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/undin"),
        ("linux", {}, "/home/me/.cache/undin"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "/home/me/Library/Caches/undin"),
        ("win32", {"LOCALAPPDATA": "/x"}, "/x/undin/Cache"),
        ("win32", {}, "/home/me/AppData/Local/undin/Cache"),
    ],
)
def test_the_cache_is_where_a_system_keeps_caches(monkeypatch, system, variables, place):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert cache.cache_folder() == Path(place)


@pytest.mark.quick
def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    with pytest.raises(OSError, match="let XDG_CACHE_HOME name a folder"):
        cache.cache_folder()


@pytest.mark.quick
def test_priorities_are_let_be_where_python_knows_none(monkeypatch):
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    with real_time_priority():
        pass


@pytest.mark.quick
def test_a_library_that_another_process_has_loaded_is_left_as_it_is(monkeypatch, tmp_path):
    """Windows refuses to replace it; two programs that compile the same at once end with the same."""
    from undin.compiler.toolchain.cache import _make
    from undin.compiler.toolchain.targets import TARGETS

    def refuse(*_paths):
        raise PermissionError("in use")

    place = tmp_path / "key" / "undin.dll"
    place.parent.mkdir()
    place.write_bytes(b"loaded")
    (tmp_path / "new.dll").write_bytes(b"new")
    monkeypatch.setattr(files.os, "replace", refuse)
    _make(place, TARGETS["native"], lambda folder, target: tmp_path / "new.dll", of="x")
    assert place.read_bytes() == b"loaded"
    place.unlink()
    with pytest.raises(PermissionError):
        _make(place, TARGETS["native"], lambda folder, target: tmp_path / "new.dll", of="x")
