"""Build `dist/Undin.xcframework` for iPhones and their simulators: `python bindings/ios/build.py`.

A static library of the stream and all models for each, with its headers and a module map, which Package.swift takes.
zig makes it; no SDK of Apple's is needed, since the C calls what copies and clears memory alone.
"""

import plistlib
import re
import shutil
import struct
from pathlib import Path

from undin.compiler.emit.source import Source
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build_together
from undin.compiler.toolchain.table import table
from undin.compiler.toolchain.targets import Target
from undin.model.loading import WEIGHTS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "ios"
FRAMEWORK = HERE / "dist" / "Undin.xcframework"

MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-small-48k")
MIN_IOS = "14.0"
"""The first with simulators on arm64."""

MODULE = "CUndin"
LIBRARY = "libundin.a"


def target(architecture: str, cpu: str, abi: str = "") -> Target:
    """A static library for iOS."""
    triple = f"{architecture}-ios.{MIN_IOS}{abi}"
    return Target(triple=triple, cpu=cpu, product="archive", library="lib{}.a", freestanding=True)


# What Apple calls them, and what Mach-O does: its numbers for processors and their kinds.
SLICES = {
    "ios-arm64": {"arm64": (target("aarch64", "apple_a7"), 0x0100000C, 0)},
    "ios-arm64_x86_64-simulator": {
        "arm64": (target("aarch64", "apple_m1", "-simulator"), 0x0100000C, 0),
        "x86_64": (target("x86_64", "x86_64_v2", "-simulator"), 0x01000007, 3),
    },
}
"""The libraries of the framework, and the processors of each."""


def main() -> None:
    """Build it, and say what it has become."""
    shutil.rmtree(FRAMEWORK, ignore_errors=True)
    sources = {name: translate(WEIGHTS / f"{name}.onnx") for name in MODELS}
    described = []
    for name, slices in SLICES.items():
        built = {}
        for processor, (one, kind, subkind) in slices.items():
            folder = WORK / f"{name}-{processor}"
            product = build_together("undin", list(sources.values()), table(sources), folder, target=one)
            built[processor] = (product.read_bytes(), kind, subkind)
        place = FRAMEWORK / name
        write_headers(sources, folder, place / "Headers")
        (place / LIBRARY).write_bytes(next(iter(built.values()))[0] if len(built) == 1 else universal(built))
        described.append(description(name, list(slices)))
        print(f"{place / LIBRARY}: {(place / LIBRARY).stat().st_size:,} bytes for {' and '.join(slices)}")
    plist = {"AvailableLibraries": described, "CFBundlePackageType": "XFWK", "XCFrameworkFormatVersion": "1.0"}
    (FRAMEWORK / "Info.plist").write_bytes(plistlib.dumps(plist))


def write_headers(sources: dict[str, Source], built: Path, place: Path) -> None:
    """Write what a program includes, and the module of Swift and Objective-C."""
    place.mkdir(parents=True)
    names = ["undin.h", "undin_models.h", *(f"{source.prefix}.h" for source in sources.values())]
    for name in names:
        shutil.copyfile(built / name, place / name)
    headers = "".join(f'    header "{name}"\n' for name in names)
    (place / "module.modulemap").write_text(f"module {MODULE} {{\n{headers}    export *\n}}\n", encoding="utf-8")


def universal(built: dict[str, tuple[bytes, int, int]]) -> bytes:
    """Several libraries as one, each for a processor: the fat header of Mach-O, big-endian, then all, aligned."""
    alignment = 14  # as power of two: pages of 16 kB
    header, contents = struct.pack(">II", 0xCAFEBABE, len(built)), b""
    start = 1 << alignment
    for library, kind, subkind in built.values():
        header += struct.pack(">IIIII", kind, subkind, start + len(contents), len(library), alignment)
        contents += library + bytes(-len(library) % start)
    return header.ljust(start, b"\0") + contents


def description(name: str, processors: list[str]) -> dict[str, object]:
    """What Info.plist says of a library."""
    told = {
        "LibraryIdentifier": name,
        "LibraryPath": LIBRARY,
        "BinaryPath": LIBRARY,
        "HeadersPath": "Headers",
        "SupportedArchitectures": processors,
        "SupportedPlatform": "ios",
    }
    variant = re.search("-(simulator)$", name)
    return told | ({"SupportedPlatformVariant": variant[1]} if variant else {})


if __name__ == "__main__":
    main()
