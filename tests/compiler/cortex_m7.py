"""Products for a Cortex-M7, run on a board that QEMU plays, and how many instructions a hop takes there."""

import subprocess
from pathlib import Path

import numpy as np
from compiler.product_checks import model_flags, need

from undin.compiler.build import KERNELS, find_compiler
from undin.compiler.targets import TARGETS, Variant

SUPPORT = Path(__file__).parent / "targets"
INSTRUCTIONS_PER_TICK = 1.25  # of SysTick at 25 MHz, where QEMU's -icount shift=5 lets an instruction last 32 ns


def run_on_cortex_m7(product: Path, compiler_name: str, samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Enhance samples of whole hops with the library of a model.

    Parameters
    ----------
    product : Path
        The library, with the headers beside it.
    compiler_name : str
    samples : ndarray, shape (hops * samples of a hop,), float32

    Returns
    -------
    output : ndarray, same shape, float32
    instructions : float
        Of the median hop.
    """
    need("qemu-system-arm")
    folder = product.parent
    compiler = find_compiler(TARGETS["cortex-m7"], name=compiler_name)
    subprocess.run(
        [
            *compiler.command,
            *compiler.flags(TARGETS["cortex-m7"], Variant()),
            *("-O2", "-ffreestanding", "-nostdlib", "-fno-builtin", f"-I{KERNELS / 'freestanding'}"),
            *(*compiler.flags_of_string_functions(), *model_flags(folder, product.stem.removeprefix("lib"))),
            *(SUPPORT / "driver.c", KERNELS / "freestanding" / "undin_string.c", product),
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
        timeout=60,
    )
    ticks = np.fromfile(folder / "ticks.u32", np.uint32)
    return np.fromfile(folder / "out.f32", np.float32), float(np.median(ticks)) * INSTRUCTIONS_PER_TICK
