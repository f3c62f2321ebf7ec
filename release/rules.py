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

MAX_GLIBC = 2, 17
OF_PLUGINS = {
    "linux": re.compile(r"(lib(c|m|dl|pthread|X11|GL|obs|(gst\w+-1|glib-2|gobject-2)\.0)|ld-linux-[\w-]+)\.so\.\d+"),
    "macos": re.compile("|".join(map(re.escape, OF_MACOS))),
    "windows": re.compile(rf"{OF_WINDOWS.pattern}|(user|gdi|shell|comdlg|ole|opengl)32\.dll|dwmapi\.dll", re.I),
}
"""What plug-ins may ask for: the C library of old systems, what shows a window, the program that they are for."""

ENTRIES = {
    "ladspa": {"ladspa_descriptor"},
    "_window.": {"lv2ui_descriptor"},
    "lv2": {"lv2_descriptor"},
    "clap": {"clap_entry"},
    "linux vst3": {"GetPluginFactory", "ModuleEntry", "ModuleExit"},
    "macos vst3": {"GetPluginFactory", "bundleEntry", "bundleExit"},
    "windows vst3": {"GetPluginFactory", "InitDll", "ExitDll"},
}
"""What a host looks for in a plug-in, and all that it is to see, by words that are in its path."""

OF_LINKERS = {"DllMain", "__dso_handle", "_mh_dylib_header"}
"""What every library of Windows may show, and what zig's own linker shows of every library of macOS."""

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
        for path in dist.glob(f"undin-plugins-*-{target}.tar.gz"):
            plugins = ((name, data) for name, data in archives.read_tar(path).items() if is_plugin(name))
            found += [f"{path.name}: {name}: {one}" for name, data in plugins for one in of_plugin(name, data, target)]
    packages = [*dist.glob("*.whl"), *dist.glob("undin-[0-9]*.tar.gz")]
    command = [sys.executable, "-m", "twine", "check", "--strict", *packages]
    checked = subprocess.run(command, capture_output=True, text=True)
    return found + ([checked.stdout + checked.stderr] if checked.returncode else [])


def is_library(name: str) -> bool:
    """Whether a file is a library, by its name."""
    return name.endswith((".so", ".dylib", ".dll"))


def is_plugin(name: str) -> bool:
    """Whether a file is the program of a plug-in, by its path."""
    return is_library(name) or name.endswith((".clap", ".vst3")) or "/Contents/MacOS/" in name


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
    library = lief.parse(list(data))
    yield from _of_processor(library, target)
    yield from {"linux": _of_elf, "macos": _of_macho, "windows": _of_pe}[target.split("-")[0]](library)


def of_plugin(name: str, data: bytes, target: str) -> Iterator[str]:
    """What is wrong with a plug-in for a target, which lies at a path."""
    library, system = lief.parse(list(data)), target.split("-")[0]
    yield from _of_processor(library, target)
    if system == "macos":
        yield from _of_macho(library)
    if system == "linux" and (newest := max(_versions_of_glibc(library), default=(0,))) > MAX_GLIBC:
        yield f"it needs glibc {'.'.join(map(str, newest))}"
    if others := sorted(one for one in _needed(library) if not OF_PLUGINS[system].fullmatch(one)):
        yield f"it needs {', '.join(others)}"
    for words, entries in ENTRIES.items():
        if all(word in f"{system} {name}" for word in words.split()):
            if (shown := _shown(library) - OF_LINKERS) != entries:
                yield f"it shows {', '.join(sorted(shown))}, not {', '.join(sorted(entries))}"
            return


def _of_processor(library: lief.Binary, target: str) -> Iterator[str]:
    field = {"linux": "machine_type", "macos": "cpu_type", "windows": "machine"}[target.split("-")[0]]
    if (processor := getattr(library.header, field)) != PROCESSORS[target]:
        yield f"it is for {processor}"


def _needed(library: lief.Binary) -> set[str]:
    """Libraries that it asks a system for."""
    if isinstance(library, lief.PE.Binary):
        return {one.name for one in library.imports}
    if isinstance(library, lief.ELF.Binary):
        return set(library.libraries)
    own_name = lief.MachO.LoadCommand.TYPE.ID_DYLIB
    return {one.name for one in library.libraries if one.command != own_name}


def _shown(library: lief.Binary) -> set[str]:
    """Names that it lets others find."""
    if isinstance(library, lief.PE.Binary):
        return {entry.name for entry in library.get_export().entries}
    names = {symbol.name for symbol in library.exported_symbols}
    if isinstance(library, lief.ELF.Binary):
        return names
    return {name.removeprefix("_") for name in names if not re.match("__Z(n|d)", name)}  # C++'s new and delete


def _versions_of_glibc(library: lief.ELF.Binary) -> set[tuple[int, ...]]:
    versions = (one.name for needed in library.symbols_version_requirement for one in needed.get_auxiliary_symbols())
    return {tuple(map(int, name[6:].split("."))) for name in versions if re.fullmatch(r"GLIBC_[\d.]+", name)}


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
    if wanted := _needed(library) - OF_MACOS:
        yield f"it needs {', '.join(sorted(wanted))}"
    if library.header.cpu_type == lief.MachO.Header.CPU_TYPE.ARM64 and not library.has_code_signature:
        yield "it is not signed, not even by itself, and no Mac of Apple's processors would load it"


def _of_pe(library: lief.PE.Binary) -> Iterator[str]:
    if wanted := sorted(one for one in _needed(library) if not OF_WINDOWS.fullmatch(one)):
        yield f"it needs {', '.join(wanted)}"
    kinds = lief.PE.OptionalHeader.DLL_CHARACTERISTICS
    wanted_kinds = kinds.DYNAMIC_BASE, kinds.NX_COMPAT
    if missing := [kind.name for kind in wanted_kinds if not library.optional_header.has(kind)]:
        yield f"it lacks {', '.join(missing)}"
