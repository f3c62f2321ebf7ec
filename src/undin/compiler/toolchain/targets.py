"""Where generated code can run: what each target is to a C compiler, as data. ``build`` reads it.

A new target is a new line here, and a test that runs its product.
"""

import platform
import sys
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Variant:
    """One build of the code.

    Attributes
    ----------
    suffix : str
        What its public names end with, where a library has several variants.
    features : tuple of str
        Instructions it may use beyond the target's, as gcc names them after ``-m``.
    for_integers : tuple of str
        Those that it may use as well, where a network is in integers.
    in_floats : str, optional
        Suffix of the variant that a network in floats has instead: that of integers differs in `for_integers` alone.
    """

    suffix: str = ""
    features: tuple[str, ...] = ()
    for_integers: tuple[str, ...] = ()
    in_floats: str | None = None


X86_VARIANTS = (
    Variant("_baseline"),
    Variant("_avx2", ("avx2", "fma")),
    Variant("_avxvnni", ("avx2", "fma"), ("avxvnni",), in_floats="_avx2"),
    Variant("_avx512", ("avx2", "fma", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"), ("avx512vnni",)),
)
"""From the least to the best; undin_dispatch.h has the same suffixes and asks the processor for the same features."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What code is made for.

    Attributes
    ----------
    triple, cpu : str
        As zig names them.
    product : {"shared", "wasm", "archive"}
        A shared library, a WebAssembly module, or a static library to link into a firmware.
    library : str
        File name of the product, ``{}`` in the place of the model's.
    flags : tuple of str
        Of every compilation.
    link_flags : tuple of str
    variants : tuple of Variant
        More than one only on x86-64.
    freestanding : bool
        Code is built to depend on no library: undin brings string.h, and its functions unless a firmware will.
    is_host : bool
        It is the machine that undin runs on, whose own compiler will do.
    gcc : tuple of str
        A cross compiler that is preferred to zig where it is installed, and its flags for the target.
    exact_flags : tuple of str
        Of what is to compute the same bits on all processors.
    prefers_zig : bool
        Its code is so much faster that the cross compiler is taken where zig is missing.
    wheel : str
        What wheels for it are tagged with.
    """

    triple: str
    cpu: str
    product: Literal["shared", "wasm", "archive"] = "shared"
    library: str = "lib{}.so"
    flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = (Variant(),)
    freestanding: bool = False
    is_host: bool = False
    gcc: tuple[str, ...] = ()
    exact_flags: tuple[str, ...] = ()
    prefers_zig: bool = False
    wheel: str = ""


ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "armv7l": "arm"}
"""Machines as zig names them, where Python says otherwise."""

# A library calls its own functions, even where another library of the process has some of the same names.
ELF = ("-Wl,--no-undefined", "-Wl,--gc-sections", "-Wl,-Bsymbolic", "-s")
ON_LINUX: dict[str, Any] = {"flags": ("-fPIC",), "link_flags": ELF, "freestanding": True}
MIN_MACOS = "11.0"
"""The first on both processors."""

ON_MACOS: dict[str, Any] = {"library": "lib{}.dylib", "flags": ("-fPIC",)}
ON_WINDOWS: dict[str, Any] = {"library": "{}.dll", "link_flags": ("-s",)}
ON_ANDROID = ON_LINUX | {"link_flags": (*ELF, "-Wl,-z,max-page-size=16384")}  # new devices have pages of 16 kB
X86_64: dict[str, Any] = {"triple": "x86_64-linux-gnu", "cpu": "x86_64", "variants": X86_VARIANTS}
AARCH64: dict[str, Any] = {"triple": "aarch64-linux-gnu", "cpu": "generic"}
AARCH64_ANDROID: dict[str, Any] = {"triple": "aarch64-linux-android"}
ARMV7: dict[str, Any] = {"triple": "arm-linux-gnueabihf", "cpu": "generic+v7a+neon"}

# -O2, since code lies in flash.
ON_MICROCONTROLLER: dict[str, Any] = {
    "product": "archive",
    "library": "lib{}.a",
    "flags": ("-O2", "-ffunction-sections", "-fdata-sections"),
    "freestanding": True,
}
ON_CORTEX_M = ON_MICROCONTROLLER | {"triple": "thumb-freestanding-eabihf"}
# ACLE's name for a minimum and a maximum in one instruction, which compilers do not define for these.
FPV5 = ("-U__ARM_FEATURE_NUMERIC_MAXMIN", "-D__ARM_FEATURE_NUMERIC_MAXMIN=1")
ARM_GCC = "arm-none-eabi-gcc", "-mthumb", "-mfloat-abi=hard"


def _host() -> Target:
    name = platform.machine().lower()
    architecture = ARCHITECTURES.get(name, name)
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    if known := COMPUTERS.get(f"{system}-{architecture}"):
        return replace(known, is_host=True)
    return Target(**(ARMV7 if architecture == "arm" else AARCH64), **ON_LINUX, is_host=True)


COMPUTERS = {
    # What a wheel holds for Linux needs no C library, so that it suits glibc and musl, whatever their versions.
    "linux-x86_64": Target(
        **X86_64, **ON_LINUX, wheel="manylinux2014_x86_64.manylinux_2_17_x86_64.musllinux_1_1_x86_64"
    ),
    "linux-aarch64": Target(
        **AARCH64, **ON_LINUX, wheel="manylinux2014_aarch64.manylinux_2_17_aarch64.musllinux_1_1_aarch64"
    ),
    "macos-x86_64": Target(**X86_64 | {"triple": f"x86_64-macos.{MIN_MACOS}"}, **ON_MACOS, wheel="macosx_11_0_x86_64"),
    "macos-aarch64": Target(triple=f"aarch64-macos.{MIN_MACOS}", cpu="apple_m1", **ON_MACOS, wheel="macosx_11_0_arm64"),
    "windows-x86_64": Target(**X86_64 | {"triple": "x86_64-windows-gnu"}, **ON_WINDOWS, wheel="win_amd64"),
    "windows-aarch64": Target(**AARCH64 | {"triple": "aarch64-windows-gnu"}, **ON_WINDOWS, wheel="win_arm64"),
}
"""What releases are built for: `make wheels`."""

TARGETS = {
    "native": _host(),
    **COMPUTERS,
    "linux-armv7": Target(**ARMV7, **ON_LINUX),
    "android-arm64": Target(**AARCH64_ANDROID, cpu="generic", **ON_ANDROID),
    # Processors since about 2018, which multiply bytes four at a time: for networks in integers.
    "linux-aarch64-dotprod": Target(**AARCH64 | {"cpu": "generic+dotprod"}, **ON_LINUX),
    "android-arm64-dotprod": Target(**AARCH64_ANDROID, cpu="generic+dotprod", **ON_ANDROID),
    "android-armv7": Target(triple="arm-linux-androideabi", cpu="generic+v7a+neon", **ON_ANDROID),
    # What the binary interface of Android promises on x86-64.
    "android-x86_64": Target(triple="x86_64-linux-android", cpu="x86_64_v2", **ON_ANDROID),
    # Processors with the vectors of RISC-V, of 128 bits or more.
    "linux-riscv64-v": Target(triple="riscv64-linux-gnu", cpu="baseline_rv64+v", **ON_LINUX),
    "wasm32": Target(
        triple="wasm32-freestanding",
        cpu="generic+simd128+bulk_memory",
        product="wasm",
        library="{}.wasm",
        # JavaScript has to find memory for states and arenas: what lies behind __heap_base is its own.
        link_flags=("-Wl,--no-entry", "-Wl,--export=__heap_base", "-s"),
        freestanding=True,
    ),
    # Floats of single precision, since not every one has a unit for doubles; zig must be told of each unit, or it
    # computes without one and passes floats otherwise than the firmware does.
    "cortex-m4f": Target(
        **ON_CORTEX_M,
        cpu="cortex_m4+vfp4d16sp",
        gcc=(*ARM_GCC, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"),
    ),
    "cortex-m7": Target(
        **ON_CORTEX_M | {"flags": (*ON_CORTEX_M["flags"], *FPV5)},
        cpu="cortex_m7-fp64+fp_armv8d16sp",
        gcc=(*ARM_GCC, "-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16"),
    ),
    "cortex-m33": Target(
        **ON_CORTEX_M | {"flags": (*ON_CORTEX_M["flags"], *FPV5)},
        cpu="cortex_m33+fp_armv8d16sp",
        gcc=(*ARM_GCC, "-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16"),
    ),
    # Helium takes subnormal floats for zeros, as no other processor here does: where bits are to be the same, it is
    # kernels that say what is put onto it, and no compiler.
    "cortex-m55": Target(
        **ON_CORTEX_M | {"flags": (*ON_CORTEX_M["flags"], *FPV5)},
        cpu="cortex_m55+mve_fp+fp_armv8d16+fullfp16",
        gcc=(*ARM_GCC, "-mcpu=cortex-m55"),
        exact_flags=("-fno-tree-vectorize", "-fno-tree-slp-vectorize"),
        prefers_zig=True,
    ),
    "riscv32": Target(
        **ON_MICROCONTROLLER,
        triple="riscv32-freestanding-none",
        cpu="generic_rv32+m+a+f+c",
        gcc=("riscv64-unknown-elf-gcc", "-march=rv32imafc", "-mabi=ilp32f"),
    ),
}
