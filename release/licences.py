"""The licences of what is released: undin's own, what is linked in, what an installation brings, what built it."""

import importlib.metadata
import re
from pathlib import Path

import ziglang

LINKED = (
    ("compiler-rt of zig", "MIT", "where a processor lacks an instruction that C asks for"),
    ("MinGW-w64", "public domain, ZPL-2.1", "the start of libraries for Windows"),
    ("DPF, with pugl and NanoVG", "ISC, Zlib", "plug-ins in VST3 and CLAP, and windows of plug-ins"),
    ("DejaVu Sans", "Bitstream-Vera", "windows of plug-ins"),
    (
        "libc++, libc++abi, libunwind",
        "Apache-2.0 WITH LLVM-exception",
        "plug-ins in VST3 and CLAP, and windows of plug-ins",
    ),
    ("headers of LADSPA, LV2, CLAP", "LGPL-2.1-or-later, ISC, MIT", "plug-ins; headers alone"),
    ("headers of OBS Studio, GStreamer", "GPL-2.0-or-later, LGPL-2.1-or-later", "what is for these; headers alone"),
)
"""Others' code within what is released, and where."""

DPF, ZIG = Path("/usr/share/dpf"), Path(ziglang.__file__).parent / "lib"
TEXTS = {
    "DPF": DPF / "LICENSE",
    "DPF-formats": DPF / "LICENSING.md",
    "pugl": DPF / "dgl" / "src" / "pugl-upstream" / "COPYING",
    "NanoVG": DPF / "dgl" / "src" / "nanovg" / "LICENSE.txt",
    "DejaVuSans": DPF / "dgl" / "src" / "resources" / "LICENSE-DejaVuSans.ttf.txt",
    "libcxx": ZIG / "libcxx" / "LICENSE.TXT",
    "MinGW-w64": ZIG / "libc" / "mingw" / "COPYING",
}
"""Texts that go with the plug-ins of others' code, as Debian and zig have them."""

BUILDERS = ("setuptools", "build", "ziglang", "onnx", "numpy")
"""What builds it: of other versions, files differ."""


def table() -> str:
    """All of it, as a page."""
    rows = "".join(f"| {name} | {licence} | {where} |\n" for name, licence, where in LINKED)
    return f"""\
# Licences

undin {importlib.metadata.version("undin")}, its models and whatever else lies beside this page: Apache-2.0.

| within it, by others | licence | where |
|---|---|---|
{rows}
| brought by `pip install`, with its extras | licence | for |
|---|---|---|
{"".join(f"| {row} |" + chr(10) for row in required())}
Built with {", ".join(f"{name} {importlib.metadata.version(name)}" for name in BUILDERS)}.
"""


def texts() -> dict[str, bytes]:
    """Licences of others that go with plug-ins, by their paths in an archive: of what this machine builds with."""
    return {f"licences/{name}.txt": path.read_bytes() for name, path in TEXTS.items() if path.is_file()}


def required() -> list[str]:
    """Rows of what undin asks for: the package, its licence as it states that itself, and the extras that bring it."""
    extras: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("undin") or []:
        name = re.match(r"[\w.-]+", line)[0]
        extra = re.search(r"extra == ['\"](\w+)", line)
        if name != "undin" and not (extra and extra[1] in ("test", "release")):
            extras.setdefault(name, []).append(f"`{extra[1]}`" if extra else "all")
    return [f"{name} | {licence(name)} | {', '.join(sorted(set(who)))}" for name, who in sorted(extras.items())]


def licence(name: str) -> str:
    """What an installed package says of its licence."""
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed where this was written"
    classified = [line.split(" :: ")[-1] for line in told.get_all("Classifier", []) if line.startswith("License ::")]
    text = (told.get("License") or "").strip().splitlines()
    return told.get("License-Expression") or ", ".join(classified) or (text[0] if text else "not stated")
