"""The native library and what surrounds it: variants, wild input, errors, the cache of users' models."""

import ctypes
import dataclasses
import re
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import small_step, step_models
from support.hops import Hops
from support.needs import need
from support.product_checks import built, needed

import undin
from undin.compiler.emit.dispatch import public_names
from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import translate
from undin.compiler.session import load_step
from undin.compiler.toolchain import compilers, targets
from undin.compiler.toolchain.build import C_FILES, build
from undin.compiler.toolchain.cache import cached_library, this_machine
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.targets import TARGETS, X86_VARIANTS
from undin.engines.native import NativeEngine
from undin.model.loading import load

WILD = [np.nan, np.inf, -np.inf, 1e-42, -1e-45, 3e38, -3e38, 0.0, -0.0, 1e-20]
"""What no microphone sends: not a number, infinite, denormal, about to overflow."""

SHORT_FRAMES = {"n_fft": 64, "window": 64, "hop": 32}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return small_step.save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def source(model):
    return translate(model)


@pytest.fixture(scope="module", params=["gcc", "zig"])
def library(source, tmp_path_factory, request) -> Path:
    return built(source, tmp_path_factory.mktemp(request.param), "native", request.param)


def runnable_variants() -> list[str]:
    """Suffixes of the variants that this processor can run."""
    features = set(Path("/proc/cpuinfo").read_text().split()) if Path("/proc/cpuinfo").exists() else set()
    variants = TARGETS["native"].variants
    return [v.suffix for v in variants if not v.in_floats and features >= set(v.features)]


def run_frames(library: Path, model: Path, source, suffix: str, frames: np.ndarray) -> np.ndarray:
    """The network alone over frames of spectrum, from a fresh state."""
    step = load_step(library, f"{source.prefix}_run{suffix}", read_graph(model), arena_bytes=source.arena_bytes)
    state, outputs = np.zeros((1, small_step.STATE_SIZE), np.float32), []
    for frame in frames:
        results = step({"spec": frame, "state": state})
        state = results["next_state"]
        outputs.append(results["enhanced"])
    return np.concatenate(outputs)


def noise_frames(count: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 1, 1, small_step.BINS, 2), np.float32)


def wild_frames(count: int) -> np.ndarray:
    """Noise with wild values among it, and some frames of nothing else."""
    chance = np.random.default_rng(2)
    frames = noise_frames(count)
    share = np.repeat([0.02, 1.0], [count - count // 4, count // 4])[:, None, None, None, None]
    return np.where(chance.random(frames.shape) < share, chance.choice(WILD, frames.shape), frames).astype(np.float32)


def test_variants_agree(library, model, source):
    frames = noise_frames(50)
    outputs = [run_frames(library, model, source, suffix, frames) for suffix in ("", *runnable_variants())]
    assert np.abs(outputs[0]).max() > 1
    for output in outputs[1:]:
        np.testing.assert_allclose(output, outputs[0], atol=1e-5)


@pytest.mark.needs("x86-64")
def test_best_variant_runs(library, source):
    name = ctypes.CDLL(str(library))[f"{source.prefix}_variant"]
    name.restype = ctypes.c_char_p
    assert f"_{name().decode()}" == runnable_variants()[-1]
    assert [variant.suffix for variant in X86_VARIANTS] == ["_baseline", "_avx2", "_avxvnni", "_avx512"]


@pytest.mark.needs("linux")
def test_library_needs_no_other(library):
    assert not needed(library)


def test_what_lies_beside_a_library_compiles_without_undin(library):
    need("gcc")
    files = sorted(path.name for path in library.parent.glob("*.c"))
    assert len(files) >= 2
    subprocess.run(["gcc", "-fsyntax-only", "-w", *files], cwd=library.parent, check=True)


def test_wild_input_never_crashes_and_reset_forgets_it(library):
    stream = undin.Stream(48_000, channels=2, model=library)
    samples = np.random.default_rng(4).normal(0, 0.1, (3_000, 2)).astype(np.float32)
    expected = stream.process(samples)
    assert np.isfinite(stream.process(wild_frames(50).reshape(-1, 2))).all()
    stream.reset()
    np.testing.assert_array_equal(stream.process(samples), expected)


def test_fading_sound_takes_no_longer_than_noise():
    """Where arithmetic on denormal numbers is slow, it is 50 times slower."""
    noise = np.random.default_rng(0).normal(0, 0.1, 100 * 256).astype(np.float32)
    fading = noise * np.exp(-115 * np.linspace(0, 1, len(noise), dtype=np.float32))
    sounds = [noise, np.sign(noise) * np.float32(1e-39), np.sign(noise) * np.float32(1e-19), fading]
    stream, seconds = undin.Stream(48_000, model=load("undin-tiny", engine="compiled"), atten_lim_db=12), []
    for sound in sounds * 10:
        stream.reset()
        start = time.thread_time()
        stream.process(sound)
        seconds.append(time.thread_time() - start)
    noise_seconds, *others = np.reshape(seconds, (-1, len(sounds))).min(axis=0)
    assert max(others) < 4 * noise_seconds


def test_wild_spectra_never_crash(library, model, source):
    for suffix in runnable_variants():
        run_frames(library, model, source, suffix, wild_frames(50))


@pytest.mark.parametrize(
    ("system", "machine", "triple", "library", "variants"),
    [
        ("linux", "x86_64", "x86_64-linux-gnu", "libundin_x.so", 4),
        ("linux", "aarch64", "aarch64-linux-gnu", "libundin_x.so", 1),
        ("linux", "armv7l", "arm-linux-gnueabihf", "libundin_x.so", 1),
        ("darwin", "arm64", "aarch64-macos.11.0", "libundin_x.dylib", 1),
        ("darwin", "x86_64", "x86_64-macos.11.0", "libundin_x.dylib", 4),
        ("win32", "AMD64", "x86_64-windows-gnu", "undin_x.dll", 4),
        ("win32", "ARM64", "aarch64-windows-gnu", "undin_x.dll", 1),
    ],
)
def test_every_machine_has_a_native_target(monkeypatch, system, machine, triple, library, variants):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    native = runpy.run_path(targets.__file__)["TARGETS"]["native"]
    assert (native.triple, native.library.format("undin_x"), len(native.variants)) == (triple, library, variants)


def test_without_a_compiler_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr(compilers.importlib.util, "find_spec", lambda name: None)
    for target in TARGETS.values():
        with pytest.raises(FileNotFoundError, match=r'there is no C compiler for .* pip install "undin\[compile\]"'):
            find_compiler(target)


def test_a_build_that_fails_leaves_what_was_there(source, tmp_path):
    (tmp_path / f"{source.prefix}.c").write_text("from an earlier build")
    text = source.files[f"{source.prefix}.c"] + "\n#error no more\n"
    broken = dataclasses.replace(source, files=source.files | {f"{source.prefix}.c": text})
    with pytest.raises(OSError, match=rf"failed on {source.prefix}: .*no more"):
        build(broken, tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        (f"{source.prefix}.c", "from an earlier build")
    ]


def test_cache_is_filled_once_by_two_processes_at_once(tmp_path, monkeypatch):
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    model = step_models.gain(tmp_path / "model.onnx", 0.5, **SHORT_FRAMES)
    code = "import sys; from pathlib import Path; from undin.compiler.toolchain import cache\n"
    command = [sys.executable, "-c", f"{code}print(cache.cached_library(Path(sys.argv[1])))", model]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate()[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1]
    library = Path(answers[0])
    assert library.is_relative_to(tmp_path)
    assert [path.name for path in library.parent.iterdir()] == [library.name]
    assert np.abs(Hops(NativeEngine(library)).process(np.ones(1024, np.float32))[64:] - 0.5).max() < 1e-6

    written = library.stat().st_mtime_ns
    assert cached_library(model) == library
    assert library.stat().st_mtime_ns == written
    step_models.gain(model, 0.25, **SHORT_FRAMES)
    assert cached_library(model) != library


def test_no_name_of_a_model_meets_a_name_of_the_kernels(source):
    names = public_names(source.prefix, source.files[f"{source.prefix}.h"])
    ends = [name.removeprefix(f"{source.prefix}_") for name in names if name != source.prefix]
    assert set(ends) == {"run", "reset", "process_hops"}
    with_network = {*re.findall(r'#include "(.+)"', source.files[f"{source.prefix}.c"]), "undin_dispatch.h"}
    for name in with_network - {"undin.h"}:
        assert not re.findall(
            rf"\bundin_\w+_(?:{'|'.join([*ends, 'variant', 'weights'])})\b", C_FILES[name].read_text()
        )


@pytest.mark.parametrize("name", ["gain", "stream"])
def test_a_model_may_be_called_as_a_function_of_undin(tmp_path, name):
    source = translate(step_models.gain(tmp_path / f"{name}.onnx", 0.5, **SHORT_FRAMES))
    library = build(source, tmp_path, target=this_machine())
    samples = np.ones(1000, np.float32)
    assert undin.enhance(samples, sample_rate=16_000, model=library)[500] == pytest.approx(0.5)
