"""Models without a network, compiled: a trivial step inside the hop of undin_hop.h."""

import ctypes
import subprocess
import sys
from pathlib import Path

from support.c_sources import INCLUDES
from support.needs import NEEDS, need

from undin.compiler.emit import hop
from undin.engines.native import NativeEngine
from undin.model.metadata import Metadata

ZIG = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu"]
BUILDS = {
    "gcc-avx2": ["gcc", "-mavx2", "-mfma"],
    "gcc-baseline": ["gcc"],
    "gcc-avx512": ["gcc", "-march=skylake-avx512"],
    "gcc-no-vectors": ["gcc", "-DUNDIN_LANES=1"],
    "zig-avx2": [*ZIG, "-mcpu=x86_64_v3"],
    "zig-baseline": [*ZIG, "-mcpu=x86_64"],
}
SILENT = ["-std=gnu99", "-Wall", "-Wextra", "-Wdouble-promotion", "-Werror", *INCLUDES]

STEPS = {
    "identity": """\
    memcpy(enhanced, spec, 2 * {bins} * sizeof(float));
    memcpy(next_state, state, {state_size} * sizeof(float));""",
    "quarter": """\
    for (int i = 0; i < 2 * {bins}; ++i) enhanced[i] = 0.25f * spec[i];
    memcpy(next_state, state, {state_size} * sizeof(float));""",
    # A network that looks ahead by one frame has but the last one when it must answer.
    "one-frame-late": """\
    memcpy(enhanced, state, 2 * {bins} * sizeof(float));
    memcpy(next_state, spec, 2 * {bins} * sizeof(float));""",
    "not-a-number": """\
    for (int i = 0; i < 2 * {bins}; ++i) enhanced[i] = __builtin_nanf("") * spec[i];
    memcpy(next_state, state, {state_size} * sizeof(float));""",
}


def made_up_metadata(n_fft: int, window: int, hop_samples: int, *, look_ahead_frames: int = 0) -> Metadata:
    """Metadata of a model whose state is as large as a spectrum."""
    return Metadata(
        name="made-up",
        sample_rate=16_000,
        n_fft=n_fft,
        window=window,
        hop=hop_samples,
        latency_samples=window - 1 + look_ahead_frames * hop_samples,
        state_size=2 * (n_fft // 2 + 1),
        parameters=0,
        macs_per_second=0,
        recipe="",
        hours_trained=0.0,
        training_data="",
        licence="Apache-2.0",
        commit="0",
    )


def write_model(folder: Path, prefix: str, metadata: Metadata, *, step: str) -> Path:
    """Write the C files of a model into a folder; returns the path of the one with the hop."""
    network_arena_bytes = 1000
    sizes = {"bins": metadata.bins, "state_size": metadata.state_size}
    text = f"""\
#include "{prefix}.h"
{hop.public_name(prefix)}
#include <string.h>

void UNDIN_PUBLIC(run)(const float *spec, const float *state, float *enhanced, float *next_state, void *arena) {{
    memset(arena, 255, {network_arena_bytes});
{STEPS[step].format(**sizes)}
}}

{hop.source(metadata, network_arena_bytes=network_arena_bytes)}"""
    value = hop.model_value(prefix, metadata, network_arena_bytes=network_arena_bytes)
    (folder / f"{prefix}.h").write_text(hop.header(prefix, metadata, network_arena_bytes=network_arena_bytes))
    (folder / f"{prefix}_value.c").write_text(f'#include "{prefix}.h"\n\n{value}')
    path = folder / f"{prefix}.c"
    path.write_text(text)
    return path


def run_compiler(build: str, *arguments: str | Path) -> None:
    """Compile, every warning an error; skips the test where the compiler is missing or the processor cannot run it."""
    compiler, _, processor = build.partition("-")
    need({"zig": "ziglang"}.get(compiler, compiler), *[processor] if processor in NEEDS else [])
    subprocess.run([*BUILDS[build], "-O3", *SILENT, *arguments], check=True)


def load_library(folder: Path, source: Path, build: str) -> ctypes.CDLL:
    """Compile one C file into a shared library and load it."""
    library = folder / f"{source.stem}-{build}.so"
    run_compiler(build, f"-I{folder}", "-shared", "-fPIC", source, "-o", library)
    return ctypes.CDLL(str(library))


def load_engine(folder: Path, source: Path, build: str) -> NativeEngine:
    """Compile the C files of one model into a shared library and load it."""
    library = folder / f"{source.stem}.so"
    parts = [source, source.with_name(f"{source.stem}_value.c")]
    run_compiler(build, f"-I{folder}", "-shared", "-fPIC", *parts, "-o", library)
    return NativeEngine(library)
