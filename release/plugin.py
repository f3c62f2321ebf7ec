"""The LADSPA plug-in of a wheel: that of `apps/plugins`, with the models and the stream that lie in the wheel already.

It finds them from where it lies, and `malloc` in the program that loads it, so it suits any C library of Linux.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from release import archives
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import C_FILES, build_around
from undin.compiler.toolchain.cache import cached_library, cached_stream
from undin.compiler.toolchain.table import table
from undin.compiler.toolchain.targets import COMPUTERS
from undin.model.loading import WEIGHTS

SOURCES = archives.ROOT / "apps" / "plugins"
MODELS = ("undin-small", "undin-tiny", "undin-nano", "undin-base", "undin-small-48k", "undin-nano-48k")
"""In the order of `make plugins`, since hosts keep their numbers."""

LADSPA = Path("/usr/include/ladspa.h")
FROM_PLUGIN = "$ORIGIN/../c", "$ORIGIN/../model/weights"
"""Where the libraries of the wheel lie, seen from the plug-in, which setup.py puts where `undin mic` looks for it."""


def build(target: str, place: Path) -> Path:
    """Build it for a target into a folder; returns it."""
    computer = COMPUTERS[target]
    models = {name: translate(WEIGHTS / f"{name}.onnx") for name in MODELS}
    libraries = [cached_stream(target=computer)]
    libraries += [cached_library(WEIGHTS / f"{name}.onnx", name=name, target=computer) for name in MODELS]
    written = [C_FILES["undin.h"], *(SOURCES / "core").glob("*.[ch]"), SOURCES / "ladspa" / "undin_ladspa.c", LADSPA]
    files = {path.name: path.read_text(encoding="utf-8") for path in written} | table(models)
    files |= {f"{source.prefix}.h": source.files[f"{source.prefix}.h"] for source in models.values()}
    plugin = replace(computer, library="{}.so", flags=(*computer.flags, "-I.", "-fvisibility=hidden"))
    with tempfile.TemporaryDirectory() as folder:
        product = build_around(
            "undin_ladspa", files, Path(folder), libraries=libraries, found_in=FROM_PLUGIN, target=plugin
        )
        place.mkdir(parents=True, exist_ok=True)
        return product.rename(place / product.name)
