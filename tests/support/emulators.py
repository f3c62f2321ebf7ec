"""Products of other machines, run here: on processors that QEMU plays, and in node.

Drivers in ``targets/`` bring samples through them: ``hops.c`` whole hops, ``stream.c`` and ``stream.mjs`` a stream,
``steps.c`` and ``steps.mjs`` frames through a network that is not undin's.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import pytest
from support.needs import need
from support.product_checks import model_flags

from undin.compiler.toolchain.build import C
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.targets import TARGETS, Variant

SUPPORT = Path(__file__).parent / "targets"
AARCH64 = "qemu-aarch64", "qemu-aarch64", "/usr/aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1"
LINUX = {
    "linux-aarch64": AARCH64,
    "android-arm64": AARCH64,
    "linux-armv7": ("qemu-arm", "qemu-arm", "/usr/arm-linux-gnueabihf", "lib/ld-linux-armhf.so.3"),
    "android-armv7": ("qemu-armel", "qemu-arm", "/usr/arm-linux-gnueabi", "lib/ld-linux.so.3"),
    "linux-riscv64-v": (
        *("qemu-riscv64", "qemu-riscv64 -cpu rv64,v=true", "/usr/riscv64-linux-gnu"),
        "lib/ld-linux-riscv64-lp64d.so.1",
    ),
}
"""What a test needs, the emulator with its flags, and the folder of another machine's files with its dynamic linker, by
which floats travel as the target has it; no other library is needed."""


def of_linux(targets: Iterable[str] = LINUX) -> list:
    """Parameters for pytest: targets, each with the need of its emulator."""
    return [pytest.param(target, marks=pytest.mark.needs(_linux(target)[0])) for target in targets]


def _linux(target: str) -> tuple[str, str, str, str]:
    return LINUX[target.removesuffix("-dotprod")]


@dataclass(frozen=True)
class Board:
    """A board of microcontrollers as QEMU plays it, and as the drivers' link script wants its memory.

    Parameters
    ----------
    machine : str
    code_at, data_at, stack_end : int
        Addresses.
    instructions_per_tick : float
        Of the clock that counts a hop: SysTick, where QEMU's ``-icount shift=5`` lets an instruction last 32 ns, or
        minstret, in which QEMU 7.2 counts these nanoseconds.
    qemu : str
    flags : tuple of str
    """

    machine: str
    code_at: int
    data_at: int
    stack_end: int
    instructions_per_tick: float
    qemu: str = "qemu-system-arm"
    flags: tuple[str, ...] = ()


BOARDS = {
    "cortex-m4f": Board("mps2-an386", 0, 0x20000000, 0x20400000, 40 / 32),
    "cortex-m7": Board("mps2-an500", 0, 0x20000000, 0x20400000, 40 / 32),
    # CPU 0 of mps2-an521 and mps3-an524 has neither a unit for floats nor DSP instructions, this one has.
    "cortex-m33": Board("mps2-an505", 0x10000000, 0x38000000, 0x38400000, 50 / 32),
    "cortex-m55": Board("mps3-an547", 0x10000000, 0x30000000, 0x30080000, 31.25 / 32),
    "riscv32": Board("virt", 0x80000000, 0x80400000, 0x80800000, 1 / 32, "qemu-system-riscv32", ("-bios", "none")),
}
"""By the target whose products they run."""


@dataclass(frozen=True)
class Blocks:
    """How a driver of a stream cuts its input."""

    sample_rate: int
    channels: int
    block: int
    atten_lim_db: float | None = None

    def flags(self) -> list[str]:
        """Of its compilation."""
        limit = [] if self.atten_lim_db is None else [f"-DATTEN_LIM_DB={self.atten_lim_db}"]
        return [f"-DSAMPLE_RATE_HZ={self.sample_rate}", f"-DCHANNELS={self.channels}", f"-DBLOCK={self.block}", *limit]


@dataclass(frozen=True)
class Steps:
    """Floats that a step of a network reads and writes beside its state, and the bytes of that."""

    inputs: int
    outputs: int
    state_bytes: int

    def flags(self) -> list[str]:
        """Of the driver's compilation."""
        return [f"-DINPUTS={self.inputs}", f"-DOUTPUTS={self.outputs}"]


def driver(blocks: Blocks | Steps | None) -> list[str | Path]:
    """The driver of hops, or that of a stream, or of steps."""
    if blocks is None:
        return [SUPPORT / "hops.c"]
    return [SUPPORT / ("steps.c" if isinstance(blocks, Steps) else "stream.c"), *blocks.flags()]


def run_on_linux(
    product: Path, target: str, samples: np.ndarray, *, blocks: Blocks | Steps | None = None
) -> np.ndarray:
    """Link a driver to a library, and run it under an emulator; the samples of all channels in one row."""
    _, emulator, root, loader = _linux(target)
    compiler = find_compiler(TARGETS[target], name="zig")
    program = product.parent / "driver"
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGETS[target], Variant()),
            *("-O1", "-ffreestanding", "-nostdlib", *driver(blocks), product),
            *model_flags(product.parent, product.stem.removeprefix("lib")),
            *(f"-Wl,-dynamic-linker=/{loader}", f"-Wl,-rpath={product.parent}", "-o", program),
        ],
        check=True,
    )
    output = subprocess.check_output([*emulator.split(), "-L", root, program], input=samples.tobytes())
    return np.frombuffer(output, np.float32)


def run_in_node(product: Path, samples: np.ndarray, *, blocks: Blocks | Steps) -> np.ndarray:
    """Bring samples through a stream of a WebAssembly module, or through the steps of a network."""
    need("node")
    if isinstance(blocks, Steps):
        script, numbers = SUPPORT / "steps.mjs", astuple(blocks)
    else:
        script, numbers = SUPPORT / "stream.mjs", (blocks.sample_rate, blocks.channels, blocks.block)
    command = ["node", script, product, product.stem, *map(str, numbers)]
    return np.frombuffer(subprocess.check_output(command, input=samples.tobytes()), np.float32)


def run_on_board(
    product: Path,
    target: str,
    compiler_name: str,
    samples: np.ndarray,
    *,
    blocks: Blocks | Steps | None = None,
    may_be_unaligned: bool = False,
) -> tuple[np.ndarray, float]:
    """Enhance samples with the library of a model on a board that QEMU plays.

    Parameters
    ----------
    product : Path
        The library, with the headers beside it.
    target : str
        One of `BOARDS`.
    compiler_name : str
        Which builds the firmware; the library may come of another.
    samples : ndarray, float32
        Whole hops, or whole blocks.
    blocks : Blocks or Steps, optional
        Bring them through a stream, or through the steps of a network, else through hops.
    may_be_unaligned : bool
        Rows of bytes may begin anywhere, which plain loads allow; otherwise each unaligned access is a fault.

    Returns
    -------
    output : ndarray, float32
    instructions : float
        Of the median hop; NaN of a stream.
    """
    board, folder = BOARDS[target], product.parent
    need(board.qemu)
    compiler = find_compiler(TARGETS[target], name=compiler_name)
    places = {"CODE_AT": board.code_at, "DATA_AT": board.data_at, "STACK_END": board.stack_end}
    script = "".join(f"{name} = {place:#x};\n" for name, place in places.items())
    (folder / "board.ld").write_text(script + (SUPPORT / "board.ld").read_text())
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGETS[target], Variant()),
            *("-O2", "-ffreestanding", "-nostdlib", "-fno-builtin", f"-I{C / 'freestanding'}"),
            *(*compiler.flags_of_string_functions(), *model_flags(folder, product.stem.removeprefix("lib"))),
            *(*driver(blocks), C / "freestanding" / "undin_string.c", product),
            *(["-DMAY_BE_UNALIGNED"] if may_be_unaligned else []),
            *("-T", folder / "board.ld", "-Wl,-e,reset", "-Wl,--gc-sections"),
            # A library of zig calls __aeabi_memcpy4 and its like, which newlib has.
            *(["-lcompiler_rt"] if compiler.is_zig else ["-lgcc", *(["-lm", "-lc"] if "arm" in compiler.name else [])]),
            *("-o", folder / "firmware.elf"),
        ],
        check=True,
    )
    (folder / "in.f32").write_bytes(samples.tobytes())
    machine = ["-M", board.machine, *board.flags, "-display", "none", "-serial", "none", "-monitor", "none"]
    semihosting = ["-icount", "shift=5", "-semihosting-config", "enable=on,target=native"]
    command = [board.qemu, *machine, *semihosting, "-kernel", "firmware.elf"]
    subprocess.run(command, cwd=folder, check=True, timeout=120, stdin=subprocess.DEVNULL)
    ticks = np.fromfile(folder / "ticks.u32", np.uint32)
    instructions = float(np.median(ticks)) * board.instructions_per_tick if len(ticks) else np.nan
    return np.fromfile(folder / "out.f32", np.float32), instructions
