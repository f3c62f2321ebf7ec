"""Products of other machines, run here: on processors that QEMU plays, and in node.

Drivers in ``targets/`` bring samples through them: ``hops.c`` whole hops, ``stream.c`` and ``stream.mjs`` a stream.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
}
"""What a test needs, the emulator, and the folder of another machine's files with its dynamic linker, by which floats
travel as the target has it; no other library is needed."""

INSTRUCTIONS_PER_TICK = 1.25  # of SysTick at 25 MHz, where QEMU's -icount shift=5 lets an instruction last 32 ns


@dataclass(frozen=True)
class Blocks:
    """How a driver of a stream cuts its input."""

    sample_rate: int
    channels: int
    block: int

    def flags(self) -> list[str]:
        """Of its compilation."""
        return [f"-DSAMPLE_RATE_HZ={self.sample_rate}", f"-DCHANNELS={self.channels}", f"-DBLOCK={self.block}"]


def driver(blocks: Blocks | None) -> list[str | Path]:
    """The driver of hops, or that of a stream."""
    return [SUPPORT / "hops.c"] if blocks is None else [SUPPORT / "stream.c", *blocks.flags()]


def run_on_linux(product: Path, target: str, samples: np.ndarray, *, blocks: Blocks | None = None) -> np.ndarray:
    """Link a driver to a library, and run it under an emulator; the samples of all channels in one row."""
    name, emulator, root, loader = LINUX[target.removesuffix("-dotprod")]
    need(name)
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
    output = subprocess.check_output([emulator, "-L", root, program], input=samples.tobytes())
    return np.frombuffer(output, np.float32)


def run_in_node(product: Path, samples: np.ndarray, *, blocks: Blocks) -> np.ndarray:
    """Bring samples through a stream of a WebAssembly module."""
    need("node")
    numbers = map(str, (blocks.sample_rate, blocks.channels, blocks.block))
    command = ["node", SUPPORT / "stream.mjs", product, product.stem, *numbers]
    return np.frombuffer(subprocess.check_output(command, input=samples.tobytes()), np.float32)


def run_on_cortex_m7(
    product: Path, compiler_name: str, samples: np.ndarray, *, blocks: Blocks | None = None
) -> tuple[np.ndarray, float]:
    """Enhance samples with the library of a model on a board that QEMU plays.

    Parameters
    ----------
    product : Path
        The library, with the headers beside it.
    compiler_name : str
    samples : ndarray, float32
        Whole hops, or whole blocks.
    blocks : Blocks, optional
        Bring them through a stream, else through hops.

    Returns
    -------
    output : ndarray, float32
    instructions : float
        Of the median hop; NaN of a stream.
    """
    need("qemu-system-arm")
    folder = product.parent
    compiler = find_compiler(TARGETS["cortex-m7"], name=compiler_name)
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGETS["cortex-m7"], Variant()),
            *("-O2", "-ffreestanding", "-nostdlib", "-fno-builtin", f"-I{C / 'freestanding'}"),
            *(*compiler.flags_of_string_functions(), *model_flags(folder, product.stem.removeprefix("lib"))),
            *(*driver(blocks), C / "freestanding" / "undin_string.c", product),
            *("-T", SUPPORT / "mps2_an500.ld", "-Wl,--gc-sections", "-lcompiler_rt" if compiler.is_zig else "-lgcc"),
            *("-o", folder / "firmware.elf"),
        ],
        check=True,
    )
    (folder / "in.f32").write_bytes(samples.tobytes())
    board = ["-M", "mps2-an500", "-display", "none", "-serial", "none", "-monitor", "none", "-icount", "shift=5"]
    subprocess.run(
        ["qemu-system-arm", *board, "-semihosting-config", "enable=on,target=native", "-kernel", "firmware.elf"],
        cwd=folder,
        check=True,
        timeout=120,
    )
    ticks = np.fromfile(folder / "ticks.u32", np.uint32)
    instructions = float(np.median(ticks)) * INSTRUCTIONS_PER_TICK if len(ticks) else np.nan
    return np.fromfile(folder / "out.f32", np.float32), instructions
