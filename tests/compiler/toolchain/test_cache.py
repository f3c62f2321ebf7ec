"""The cache of compiled models: what makes an entry, what comes of one that is old, and what a machine may lack."""

import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support import step_models

from undin.compiler.toolchain import cache
from undin.compiler.toolchain.cache import cached_library, cached_stream, cached_training
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.targets import TARGETS
from undin.engines.engine import NotInstalled
from undin.io.cache import UNUSED_DAYS, cache_folder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache."""
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    return cache_folder()


@pytest.fixture
def model(tmp_path) -> Path:
    return step_models.identity(tmp_path / "model.onnx", n_fft=64, window=64, hop=32)


def test_an_entry_serves_until_the_model_or_the_compiler_changes(folder, model, tmp_path, monkeypatch):
    library = cached_library(model)
    assert library.is_relative_to(folder)
    written = library.stat().st_mtime_ns
    again = shutil.copy(model, tmp_path / "of another name.onnx")
    assert cached_library(Path(again)) == library and library.stat().st_mtime_ns == written

    target = cache.this_machine()
    compiler = find_compiler(target)
    key = cache._key(model.read_bytes(), target, compiler)
    step_models.gain(model, 0.5, n_fft=64, window=64, hop=32)
    assert cache._key(model.read_bytes(), target, compiler) != key
    key = cache._key(b"", target, compiler)
    assert cache._key(b"", TARGETS["native"], compiler) != key or target == TARGETS["native"]
    another = tmp_path / compiler.program.name
    another.write_bytes(b"of another version")
    assert cache._key(b"", target, replace(compiler, program=another)) != key
    assert cache._key(b"", target, replace(compiler, command=(*compiler.command, "-O0"))) != key
    package = tmp_path / "undin"
    for name in ("compiler", "c"):
        shutil.copytree(cache.PACKAGE / name, package / name)
    (package / "model").mkdir()
    for name in ("model/stft.py", "model/metadata.py"):
        shutil.copy(cache.PACKAGE / name, package / name)
    monkeypatch.setattr(cache, "PACKAGE", package)
    assert cache._key(b"", target, compiler) == key
    for name in ("c/stream/undin_stream.c", "c/include/undin.h", "c/training/gru.c", "compiler/emit/hop.py"):
        key = cache._key(b"", target, compiler)
        with open(package / name, "a") as file:
            file.write("\n")
        assert cache._key(b"", target, compiler) != key


def test_the_stream_is_compiled_once(folder):
    library = cached_stream()
    assert library.is_relative_to(folder) and library.name == TARGETS["native"].library.format("undin")
    written = library.stat().st_mtime_ns
    assert cached_stream() == library and library.stat().st_mtime_ns == written


def test_kernels_for_training_are_compiled_once_for_each_size(folder):
    libraries = [cached_training("gru", {"HIDDEN": hidden}) for hidden in (1, 2)]
    assert libraries[0] != libraries[1] and all(library.is_relative_to(folder) for library in libraries)
    written = libraries[0].stat().st_mtime_ns
    assert cached_training("gru", {"HIDDEN": 1}) == libraries[0] and libraries[0].stat().st_mtime_ns == written
    assert len(list(folder.rglob("*.*"))) == 2  # nothing but the libraries


def test_entries_without_use_for_long_are_removed_when_another_is_made(folder, model):
    long_ago = time.time() - (UNUSED_DAYS + 1) * 86400
    for name, seconds in (("unused", long_ago), ("used", time.time())):
        (folder / name).mkdir(parents=True)
        (folder / name / "libundin_model.so").touch()
        os.utime(folder / name, (seconds, seconds))
    library = cached_library(model)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["used", library.parent.name])
    os.utime(library.parent, (long_ago, long_ago))
    cached_library(model)
    assert library.parent.stat().st_mtime > long_ago + 86400


def test_without_a_c_compiler_one_sentence_says_what_to_install(folder, model, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(
        NotInstalled, match=r"model\.onnx cannot be compiled: there is no C compiler .*undin\[compile\]"
    ):
        cached_library(model)
    assert not folder.exists()


def test_a_cache_that_cannot_be_written_is_named(folder, model):
    folder.parent.mkdir()
    folder.touch()  # a file where the folder should be
    with pytest.raises(OSError, match=r"undin.*, so .*model\.onnx cannot be compiled into the cache"):
        cached_library(model)
