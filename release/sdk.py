"""The kit for programs in C: headers, the stream and all models as libraries, found by CMake and pkg-config.

One library holds the stream, `undin`, and each model is one of its own that asks for it. They are those of the wheel.
"""

import tempfile
from pathlib import Path

from release import archives
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import C_FILES, STREAM_NAME
from undin.compiler.toolchain.cache import cached_library, cached_stream
from undin.compiler.toolchain.install import install
from undin.compiler.toolchain.targets import COMPUTERS
from undin.model.loading import WEIGHTS

README = """\
# undin {version} for C, {target}

`include/undin.h` tells all there is to know; a program includes it and the header of a model.

    find_package(undin REQUIRED)                                  # CMake, with this folder in CMAKE_PREFIX_PATH
    target_link_libraries(denoise PRIVATE undin::undin_small)

    cc denoise.c $(pkg-config --cflags --libs undin_small)        # with lib/pkgconfig in PKG_CONFIG_PATH

Models: {models}.
"""


def build(target: str, dist: Path, version: str) -> Path:
    """Pack the kit for a target; returns the archive."""
    computer = COMPUTERS[target]
    names = []
    with tempfile.TemporaryDirectory() as temporary:
        folder, work = Path(temporary, "kit"), Path(temporary, "work")
        work.mkdir()
        _copy(cached_stream(target=computer), C_FILES["undin.h"].read_text(encoding="utf-8"), "undin.h", work)
        install(work / computer.library.format(STREAM_NAME), folder, model=STREAM_NAME, target=computer)
        for model in sorted(WEIGHTS.glob("*.onnx")):
            source = translate(model)
            header = f"{source.prefix}.h"
            library = cached_library(model, name=model.stem, target=computer)
            product = _copy(library, source.files[header], header, work)
            install(product, folder, model=source.prefix, target=computer, requires=STREAM_NAME)
            names.append(source.prefix)
        text = README.format(version=version, target=target, models=", ".join(f"`{name}`" for name in names))
        files = archives.tree(folder) | {
            "README.md": text.encode(),
            "LICENSE": (archives.ROOT / "LICENSE").read_bytes(),
        }
    name = f"undin-c-{version}-{target}"
    archives.write_tar(dist / f"{name}.tar.gz", {f"{name}/{path}": content for path, content in files.items()})
    return dist / f"{name}.tar.gz"


def _copy(library: Path, header_text: str, header: str, work: Path) -> Path:
    """Put a library and its header into one folder, as a build leaves them; returns the library."""
    (work / header).write_text(header_text, encoding="utf-8")
    (work / library.name).write_bytes(library.read_bytes())
    return work / library.name
