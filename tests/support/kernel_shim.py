"""Builds kernel_shim.c and int8_shim.c for every vector width that this processor has, and calls them by ctypes.

Not a test. Read next: tests/c/kernels/test_matmul.py, which uses it.
"""

import ctypes
import functools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support.c_sources import INCLUDES
from support.once import made_once

from undin.compiler.toolchain.build import C_FILES

FLOAT, INT8 = (Path(__file__).with_name(name) for name in ("kernel_shim.c", "int8_shim.c"))
# Set by tests/c/kernels/test_sanitized.py, which runs the same tests in a process that has the sanitizers loaded.
SANITIZED = "UNDIN_TEST_SANITIZED" in os.environ

_ENUMERATION = re.search(r"enum undin_activation \{(.*?)\};", C_FILES["undin_math.h"].read_text(), re.DOTALL).group(1)
ACTIVATIONS = [name.lower() for name in re.findall(r"^ +UNDIN_(\w+),", _ENUMERATION, re.MULTILINE)]
"""Names of those of the kernels, each at the place of its number."""

TAPS_MAX = 32


def _structure(name: str, fields: str) -> type[ctypes.Structure]:
    """A struct of C: names apart by spaces, of int32 unless `name:float`, arrays `name[size]`."""
    members = []
    for field in fields.split():
        field_name, _, kind = field.partition(":")
        field_name, _, size = field_name.rstrip("]").partition("[")
        member = ctypes.c_float if kind == "float" else ctypes.c_int32
        members.append((field_name, member * int(size) if size else member))
    return type(name, (ctypes.Structure,), {"_fields_": members})


MatmulShape = _structure(
    "MatmulShape",
    f"rows columns depth taps tap_offset[{TAPS_MAX}] a_row a_step w_row w_tap y_row residual_row padded activation "
    "alpha:float beta:float",
)
DepthwiseShape = _structure(
    "DepthwiseShape",
    f"rows channels taps tap_offset[{TAPS_MAX}] x_row w_tap y_row residual_row activation alpha:float beta:float",
)
BandMixShape = _structure("BandMixShape", "rows channels depth x_row y_row bias_row activation alpha:float beta:float")
RecurrentShape = _structure(
    "RecurrentShape",
    "rows inputs hidden x_row state_row next_row bias_row activation[3] alpha[3]:float beta[3]:float clip:float",
)


QuantizeShape = _structure("QuantizeShape", "rows columns x_row y_row inverse_scale:float zero_point")
Int8MatmulShape = _structure(
    "Int8MatmulShape",
    f"rows columns depth taps tap_offset[{TAPS_MAX}] a_row y_row zero_point narrow wide activation "
    "alpha:float beta:float",
)
Int8BandMixShape = _structure(
    "Int8BandMixShape", "rows channels depth y_row bias_row zero_point narrow activation alpha:float beta:float"
)
Int8DepthwiseShape = _structure(
    "Int8DepthwiseShape",
    f"rows channels taps tap_offset[{TAPS_MAX}] x_row y_row zero_point activation alpha:float beta:float",
)
Int8RecurrentShape = _structure(
    "Int8RecurrentShape", "rows inputs hidden x_row h_row state_row next_row zero_point narrow"
)


def padded(columns: int) -> int:
    """`columns` rounded up to a multiple of 4, as weights are packed."""
    return -(-columns // 4) * 4


def row_padded(columns: int) -> int:
    """Floats of a row of weights of recurrent cells and of mixing of bands."""
    return padded(columns) if columns < 32 else -(-columns // 8) * 8


def room(size: int, offset: int = 0) -> np.ndarray:
    """NaN (size,), float32, `offset` floats off the alignment of the allocator, with guards on both sides.

    Under the sanitizers the memory ends where the array does, so that they see the first float beyond.
    """
    guard = 0 if SANITIZED else 32
    return np.full(guard + offset + size + guard, np.nan, np.float32)[guard + offset : guard + offset + size]


def noise(rng: np.random.Generator, size: int, *, scale: float = 1.0, offset: int = 0) -> np.ndarray:
    """Uniform noise (size,), float32 in [-scale, scale], with guards as in `room`."""
    array = room(size, offset)
    array[:] = rng.uniform(-scale, scale, size)
    return array


def whole(array: np.ndarray) -> np.ndarray:
    """An array of `room` with its guards, to see that nothing beside it was written."""
    return array.base


@dataclass(frozen=True)
class Shim:
    """A loaded library; `run_time_sizes` tells whether its kernels take any shape or those of its tables alone."""

    library: ctypes.CDLL
    run_time_sizes: bool

    def call(self, name: str, *arguments) -> None:
        """Call shim_<name>; arrays become pointers, (array, start) a pointer to array[start], shapes pointers."""
        getattr(self.library, f"shim_{name}")(*map(_argument, arguments))

    def shapes(self, table: str, kind: type[ctypes.Structure]) -> list[ctypes.Structure]:
        """The shapes of a table of kernel_shim.c, e.g. `matmul_shapes`; they stay where they are in its memory."""
        entry = getattr(self.library, f"shim_{table}")
        entry.restype = ctypes.POINTER(kind)
        return [entry(index).contents for index in range(getattr(self.library, f"shim_{table}_count")())]


def _argument(value):
    if isinstance(value, tuple):
        array, start = value
        return ctypes.c_void_p(array.ctypes.data + 4 * start)
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return ctypes.byref(value) if isinstance(value, ctypes.Structure) else value


def _cpu_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())


def _vector_widths(source: Path) -> dict[str, str]:
    """Widths that this processor has: name to the level of x86-64; elsewhere the compiler's default alone."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return {"native": ""}
    flags = _cpu_flags()
    widths = {"sse2": "x86-64"}
    if {"avx2", "fma"} <= flags:
        widths["avx2"] = "x86-64-v3"
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        widths["avx512"] = "x86-64-v4"
        if source == INT8 and "avx512_vnni" in flags:
            widths |= {"vnni": "x86-64-v4", "vnni_256": "x86-64-v4"}
    return widths


def _commands(source: Path) -> dict[str, list[str]]:
    """Every build: its name and the compiler with its flags, without input and output."""
    cc = shutil.which("gcc") or shutil.which("cc")
    rounding = ["-ffp-contract=off", "-DUNDIN_REPRODUCIBLE"] if source == INT8 else ["-ffp-contract=fast"]
    common = [*INCLUDES, "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-fPIC", *rounding]
    fast = [*common, "-O3", "-fno-math-errno"]
    builds = {}
    widths = _vector_widths(source)
    if SANITIZED:  # slow to compile, and what is left over of a vector is the same code at any width
        widths = dict([*widths.items()][-1:])
    for width, level in widths.items():
        march = [f"-march={level}"] if level else []
        march += ["-mavx512vnni"] if width.startswith("vnni") else []
        march += ["-DUNDIN_LANES=8"] if width == "vnni_256" else []  # what AVX-VNNI has, with the codes of AVX-512
        if cc and SANITIZED:
            sanitize = ["-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
            builds[f"{width}-sanitized"] = [cc, *common, *sanitize, *march, "-DUNDIN_RUN_TIME_SIZES", "-shared"]
            continue
        if cc:
            builds[f"{width}-run_time"] = [cc, *common, "-O1", *march, "-DUNDIN_RUN_TIME_SIZES", "-shared"]
        if source == INT8:  # whole networks hold constant sizes against each other
            continue
        if cc:
            builds[f"{width}-gcc"] = [cc, *fast, *march, "-shared"]
        if find_spec("ziglang") and level:
            zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu"]
            builds[f"{width}-zig"] = [
                *zig,
                f"-mcpu={level.replace('-', '_')}",
                *fast,
                "-shared",
                "-nostdlib",
                "-ffreestanding",
            ]
    if cc and not SANITIZED:
        builds["one_lane-run_time"] = [cc, *fast, "-DUNDIN_LANES=1", "-DUNDIN_RUN_TIME_SIZES", "-shared"]
        if source == INT8:  # as microcontrollers do
            builds["in_pairs-run_time"] = [*builds["one_lane-run_time"], "-DUNDIN_IN_PAIRS"]
    return builds


def _build(command: list[str], source: Path, output: Path) -> Shim:
    """Compile a file as a command does, once in a run of tests, and load it."""

    def compile_to(place: Path) -> None:
        done = subprocess.run([*command, str(source), "-o", str(place)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")

    return Shim(ctypes.CDLL(str(made_once(output, compile_to))), any("RUN_TIME" in flag for flag in command))


@functools.cache
def _builds(source: Path) -> dict[str, Future]:
    """All builds of a file, begun at once, since compiling takes longer than the tests."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = (
        Path(tempfile.gettempdir(), f"undin-kernels-{run}") if run else Path(tempfile.mkdtemp(prefix="undin-kernels-"))
    )
    folder.mkdir(exist_ok=True)
    pool = ThreadPoolExecutor(os.cpu_count())
    return {
        name: pool.submit(_build, command, source, folder / f"{source.stem}-{name}.so")
        for name, command in _commands(source).items()
    }


def shims(kind: str = "", *, source: Path = FLOAT) -> list:
    """Parameters for pytest: names of all builds, or of those whose sizes are of a `kind`, constant or run_time."""
    names = [
        name for name in _commands(source) if not kind or (kind == "run_time") == (not name.endswith(("gcc", "zig")))
    ]
    return names or [
        pytest.param("", marks=pytest.mark.skip(reason="there is no such build: no C compiler, or sanitizers"))
    ]


def shim(name: str, *, source: Path = FLOAT) -> Shim:
    """The build of this name, when it is ready."""
    return _builds(source)[name].result()
