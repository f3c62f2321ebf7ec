"""What the tests of products share: builds or a reason to skip, and the symbols of a library."""

import re
import subprocess
from pathlib import Path

from support.needs import need

from undin.compiler.emit.source import Source
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS


def built(source: Source, folder: Path, target: str, compiler: str) -> Path:
    """A product; skips the test where the compiler is missing."""
    need("ziglang" if compiler == "zig" else compiler)
    return build(source, folder, target=TARGETS[target], compiler=compiler)


def model_flags(folder: Path, prefix: str) -> list[str]:
    """What a driver in ``targets/`` is compiled with to run the model whose header lies in `folder`."""
    return [f"-DMODEL={prefix}", f"-DMODEL_MACRO={prefix.upper()}", "-include", str(folder / f"{prefix}.h")]


def needed(product: Path) -> set[str]:
    """Functions that a library wants from others."""
    return _symbols(product, "--undefined-only") - _symbols(product, "--defined-only")


def _symbols(product: Path, option: str) -> set[str]:
    """Names in the tables of a library, that for the linker and that for the loader; no weak ones."""
    need("nm")
    tables = [["nm", "--quiet", option, *kind, str(product)] for kind in ([], ["-D"])]
    text = "".join(subprocess.run(table, text=True, check=True, capture_output=True).stdout for table in tables)
    return {line.split()[-1] for line in text.splitlines() if re.search(r" [A-Z] ", line)}
