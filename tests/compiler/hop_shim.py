"""Models without a network, compiled: a trivial step inside the hop of undin_hop.h, bound with ctypes."""

import ctypes
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from undin.compiler import hop
from undin.metadata import Metadata

KERNELS = Path(hop.__file__).parent / "c"
ZIG = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu"]
BUILDS = {
    "gcc-avx2": ["gcc", "-mavx2", "-mfma"],
    "gcc-baseline": ["gcc"],
    "gcc-avx512": ["gcc", "-march=skylake-avx512"],
    "gcc-no-vectors": ["gcc", "-DUNDIN_LANES=1"],
    "zig-avx2": [*ZIG, "-mcpu=x86_64_v3"],
    "zig-baseline": [*ZIG, "-mcpu=x86_64"],
}
SILENT = ["-std=gnu99", "-Wall", "-Wextra", "-Wdouble-promotion", "-Werror", f"-I{KERNELS}"]
NEEDED_OF_CPU = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}

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
        training_data="",
        licence="Apache-2.0",
        commit="0",
    )


def write_model(folder: Path, prefix: str, metadata: Metadata, *, step: str) -> Path:
    """Write the header and the source of a model into a folder; returns the path of the source."""
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

{hop.source(prefix, metadata, network_arena_bytes=network_arena_bytes)}"""
    (folder / f"{prefix}.h").write_text(hop.header(prefix, metadata, network_arena_bytes=network_arena_bytes))
    path = folder / f"{prefix}.c"
    path.write_text(text)
    return path


def run_compiler(build: str, *arguments: str | Path) -> None:
    """Compile, every warning an error; skips the test where the compiler is missing or the processor cannot run it."""
    command = BUILDS[build]
    if command[0] == "gcc" and not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    if command[0] != "gcc" and not find_spec("ziglang"):
        pytest.skip("ziglang is not installed")
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if missing := NEEDED_OF_CPU.get(build.split("-")[1], set()) - set(cpu.split()):
        pytest.skip(f"this processor lacks {', '.join(sorted(missing))}")
    subprocess.run([*command, "-O3", *SILENT, *arguments], check=True)


def load_library(folder: Path, source: Path, build: str) -> ctypes.CDLL:
    """Compile one C file into a shared library and load it."""
    library = folder / f"{source.stem}-{build}.so"
    run_compiler(build, f"-I{folder}", "-shared", "-fPIC", source, "-o", library)
    return ctypes.CDLL(str(library))


class CStream:
    """A stream of a compiled model; it keeps guards around its memory."""

    GUARD = 32

    def __init__(self, library: ctypes.CDLL, prefix: str = "undin_test"):
        self._library, self._prefix = library, prefix
        self.state_size, self.arena_size = (
            self._function(f"{name}_size", ctypes.c_size_t)() for name in ("state", "arena")
        )
        self.latency_samples = self._function("latency_samples")()
        self._state, self._arena = (self._guarded(size) for size in (self.state_size, self.arena_size))
        self.reset()

    def _function(self, name: str, returns=ctypes.c_int):
        function = getattr(self._library, f"{self._prefix}_{name}")
        function.restype = returns
        return function

    def _guarded(self, size: int) -> np.ndarray:
        """Bytes of 0xA5 with a guard on both sides; the memory between is as aligned as a float, and no more."""
        memory = np.full(size + 2 * self.GUARD + 64, 0xA5, np.uint8)
        start = -memory.ctypes.data % 64 + 4
        return memory[start : start + size + 2 * self.GUARD]

    def _address(self, memory: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(memory.ctypes.data + self.GUARD)

    def fill(self, byte: int) -> None:
        """Fill the memory of the state with a byte."""
        self._state[self.GUARD : -self.GUARD] = byte

    @property
    def state(self) -> np.ndarray:
        """A copy of the state as floats; the last is the gain that the attenuation limit became."""
        return self._state[self.GUARD : -self.GUARD].copy().view(np.float32)

    def reset(self) -> None:
        """Go back to the fresh state."""
        self._function("reset", None)(self._address(self._state))

    def set_atten_lim_db(self, atten_lim_db: float) -> int:
        """Limit the attenuation; 0 if the limit was accepted."""
        return self._function("set_atten_lim_db")(self._address(self._state), ctypes.c_float(atten_lim_db))

    def process_hops(self, samples: np.ndarray, *, hop_samples: int) -> np.ndarray:
        """Enhance whole hops, in place of a copy."""
        return self._process("process_hops", samples, len(samples) // hop_samples)

    def process_hop(self, samples: np.ndarray) -> np.ndarray:
        """Enhance one hop, in place of a copy."""
        return self._process("process", samples)

    def process_block(self, samples: np.ndarray) -> np.ndarray:
        """Enhance a block of any length, in place of a copy."""
        return self._process("process_block", samples, len(samples))

    def _process(self, name: str, samples: np.ndarray, *count: int) -> np.ndarray:
        output = np.array(samples, np.float32)
        pointer = ctypes.c_void_p(output.ctypes.data)
        addresses = self._address(self._state), self._address(self._arena)
        self._function(name, None)(*addresses, pointer, pointer, *map(ctypes.c_size_t, count))
        for memory in (self._state, self._arena):
            assert (memory[: self.GUARD] == 0xA5).all() and (memory[-self.GUARD :] == 0xA5).all()
        return output
