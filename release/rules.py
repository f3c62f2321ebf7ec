"""What must hold of a release, told by the files alone: tags, what libraries ask of a system, sizes, metadata.

`auditwheel` knows the same of glibc; these rules hold for other systems too, and it is one of their tests.
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import lief

from release import archives
from undin.compiler.toolchain.targets import COMPUTERS, MIN_MACOS

MAX_WHEEL_BYTES = 12_000_000

FROM_PROCESS = {"calloc", "free", "malloc", "memcpy", "memmove", "memset", "strcmp"}
"""Functions of C that a plug-in finds in the program that loads it, whichever C library that has."""

OF_MACOS = {"/usr/lib/libSystem.B.dylib"}
OF_WINDOWS = re.compile(r"KERNEL32\.dll|ntdll\.dll|api-ms-win-crt-[\w-]+\.dll", re.I)
"""What libraries may ask of a system that has nothing more than it came with; the latter is the C of Windows 10."""

PROCESSORS = {
    "linux-x86_64": lief.ELF.ARCH.X86_64,
    "linux-aarch64": lief.ELF.ARCH.AARCH64,
    "macos-x86_64": lief.MachO.Header.CPU_TYPE.X86_64,
    "macos-aarch64": lief.MachO.Header.CPU_TYPE.ARM64,
    "windows-x86_64": lief.PE.Header.MACHINE_TYPES.AMD64,
    "windows-aarch64": lief.PE.Header.MACHINE_TYPES.ARM64,
}


def faults(dist: Path) -> list[str]:
    """All that is wrong with a release, a sentence each."""
    found = [f"{path.name}: {fault}" for path in sorted(dist.glob("*.whl")) for fault in of_wheel(path)]
    for target in COMPUTERS:
        for path in dist.glob(f"undin-c-*-{target}.tar.gz"):
            libraries = ((name, data) for name, data in archives.read_tar(path).items() if is_library(name))
            found += [f"{path.name}: {name}: {one}" for name, data in libraries for one in of_library(data, target)]
    packages = [*dist.glob("*.whl"), *dist.glob("undin-[0-9]*.tar.gz")]
    command = [sys.executable, "-m", "twine", "check", "--strict", *packages]
    checked = subprocess.run(command, capture_output=True, text=True)
    return found + ([checked.stdout + checked.stderr] if checked.returncode else [])


def is_library(name: str) -> bool:
    """Whether a file is a library, by its name."""
    return name.endswith((".so", ".dylib", ".dll"))


def target_of(wheel: Path) -> str:
    """The target whose wheel has this name."""
    tags = wheel.name.removesuffix(".whl").split("-")[-1]
    return next(name for name, target in COMPUTERS.items() if target.wheel == tags)


def of_wheel(path: Path) -> Iterator[str]:
    """What is wrong with a wheel."""
    target = target_of(path)
    if path.stat().st_size > MAX_WHEEL_BYTES:
        yield f"{path.stat().st_size:,} bytes are more than {MAX_WHEEL_BYTES:,}"
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        if len({entry.date_time for entry in file.infolist()}) > 1:
            yield "its files have several times"
        told = file.read(next(name for name in names if name.endswith(".dist-info/WHEEL"))).decode()
        tags = {f"py3-none-{tag}" for tag in COMPUTERS[target].wheel.split(".")}
        if set(re.findall(r"^Tag: (.+)$", told, re.M)) != tags or "Root-Is-Purelib: false" not in told:
            yield f"WHEEL does not say what the name does: {told}"
        for name in filter(is_library, names):
            yield from (f"{name}: {fault}" for fault in of_library(file.read(name), target))


def of_library(data: bytes, target: str) -> Iterator[str]:
    """What is wrong with a library for a target."""
    system = target.split("-")[0]
    library = lief.parse(list(data))
    field, rules = {
        "linux": ("machine_type", _of_elf),
        "macos": ("cpu_type", _of_macho),
        "windows": ("machine", _of_pe),
    }[system]
    if (processor := getattr(library.header, field)) != PROCESSORS[target]:
        yield f"it is for {processor}"
    yield from rules(library)


def _of_elf(library: lief.ELF.Binary) -> Iterator[str]:
    """No library of the system is needed, so that none can be too old; others of undin lie within the wheel."""
    if wanted := [name for name in library.libraries if not name.startswith("libundin")]:
        yield f"it needs {', '.join(wanted)}"
    undefined = {symbol.name for symbol in library.imported_symbols if not symbol.name.startswith("undin_")}
    if undefined - FROM_PROCESS - {""}:
        yield f"it takes {', '.join(sorted(undefined - FROM_PROCESS))} from others"
    if library.symbols_version_requirement:
        yield "it asks for symbols of a version"
    runs = lief.ELF.Segment.FLAGS.X
    if any(one.type == lief.ELF.Segment.TYPE.GNU_STACK and one.has(runs) for one in library.segments):
        yield "its stack could be run"


def _of_macho(library: lief.MachO.Binary) -> Iterator[str]:
    oldest = tuple(int(part) for part in MIN_MACOS.split("."))
    if not library.has_build_version or tuple(library.build_version.minos[:2]) != oldest:
        yield f"it is not for macOS {MIN_MACOS}"
    own_name = lief.MachO.LoadCommand.TYPE.ID_DYLIB
    if wanted := {one.name for one in library.libraries if one.command != own_name} - OF_MACOS:
        yield f"it needs {', '.join(sorted(wanted))}"
    if library.header.cpu_type == lief.MachO.Header.CPU_TYPE.ARM64 and not library.has_code_signature:
        yield "it is not signed, not even by itself, and no Mac of Apple's processors would load it"


def _of_pe(library: lief.PE.Binary) -> Iterator[str]:
    if wanted := sorted({one.name for one in library.imports if not OF_WINDOWS.fullmatch(one.name)}):
        yield f"it needs {', '.join(wanted)}"
    kinds = lief.PE.OptionalHeader.DLL_CHARACTERISTICS
    wanted_kinds = kinds.DYNAMIC_BASE, kinds.NX_COMPAT
    if missing := [kind.name for kind in wanted_kinds if not library.optional_header.has(kind)]:
        yield f"it lacks {', '.join(missing)}"
