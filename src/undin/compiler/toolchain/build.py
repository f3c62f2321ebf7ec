"""From C text to a library: a C compiler of this machine (``compilers``), called for a target of ``targets``.

A library holds a model, the stream of undin.h, or both; or the kernels of a file of ``c/training``. Whatever was
compiled lies beside the product in the end, headers too, so that any other build system can compile it again. ``cache``
keeps what is compiled on first use, ``install`` lays out a library for other build systems, ``package`` its C, and
``sizes`` reads how large a product is.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from undin.compiler.emit import dispatch
from undin.compiler.emit.source import Source
from undin.compiler.toolchain.compilers import Compiler, find_compiler
from undin.compiler.toolchain.targets import TARGETS, Target, Variant
from undin.io.files import replacing

C = Path(__file__).parents[2] / "c"
"""The C that ships; its files have names of their own, and lie flat beside a product."""

C_FILES = {path.name: path for path in C.rglob("*.[ch]")}
FLAGS = (
    *("-std=gnu11", "-g0", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
)
"""Of every compilation; a target's own come later and win."""

EXACT_FLAGS = ("-ffp-contract=off",)
"""Of the stream and of networks in integers, which give the same bits everywhere."""

LIVE = "undin_live.c"
STREAM_NAME = "undin"
"""What the library of the stream alone is called, and what its functions begin with."""


@dataclass(frozen=True)
class Unit:
    """A C file whose functions are compiled once for every variant of a target.

    Attributes
    ----------
    stem : str
        Of the file.
    header : str
        Name of the header that declares its public functions.
    public : str
        What their names begin with.
    is_exact : bool
        Multiplications and additions must not be fused.
    in_integers : bool
        It multiplies small integers, for which some variants have instructions of their own.
    """

    stem: str
    header: str
    public: str
    is_exact: bool
    in_integers: bool = False


STREAM = Unit("undin_stream", "undin.h", STREAM_NAME, is_exact=True)


def unit_of(source: Source) -> Unit:
    """The network of a model, with its hop."""
    exact = source.in_integers
    return Unit(source.prefix, f"{source.prefix}.h", source.prefix, is_exact=exact, in_integers=exact)


def build(
    source: Source,
    folder: Path,
    *,
    target: Target = TARGETS["native"],
    compiler: str | None = None,
    with_stream: bool = True,
) -> Path:
    """Compile generated C.

    Parameters
    ----------
    source : Source
    folder : Path
        Where the C and the product go; made if missing. Each file appears complete or not at all, the product last.
    target : Target
    compiler : str, optional
        The one to use, of those that `find_compiler` knows; the best for the target if not given.
    with_stream : bool
        A library of a model of undin has the stream inside too.

    Returns
    -------
    Path
        The product: a shared library, a WebAssembly module or a static library.

    Raises
    ------
    OSError
        There is no compiler for the target, it failed, or the folder cannot be written.
    """
    units = [unit_of(source), *([STREAM] if source.is_model and with_stream else [])]
    return _build(source.prefix, source.files, units, folder, target=target, compiler=compiler)


def build_stream(folder: Path, *, target: Target = TARGETS["native"], compiler: str | None = None) -> Path:
    """Compile the stream of undin.h, and what plays live; parameters, result and errors as those of `build`."""
    files = {LIVE: C_FILES[LIVE].read_text(encoding="utf-8")}
    return _build(STREAM_NAME, files, [STREAM], folder, target=target, compiler=compiler)


def build_training(name: str, sizes: dict[str, int], folder: Path, *, target: Target = TARGETS["native"]) -> Path:
    """Compile a file of ``c/training`` alone; folder, target, result and errors as those of `build`.

    Parameters
    ----------
    name : str
        The file's stem.
    sizes : dict of str to int
        Its constants, by their names in C.
    """
    definitions = "".join(f"#define {size} {value}\n" for size, value in sizes.items())
    files = {f"{name}.c": definitions + C_FILES[f"{name}.c"].read_text(encoding="utf-8")}
    return _build(name, files, [], folder, target=replace(target, freestanding=False))


def build_together(
    name: str, sources: Sequence[Source], files: dict[str, str], folder: Path, *, target: Target
) -> Path:
    """Compile several models and the stream into one library, with C of another program's language around them.

    Parameters
    ----------
    name : str
        Of the library in C.
    sources : sequence of Source
        Models of undin.
    files : dict of str to str
        Further C and headers by their names, which may include undin's; the C is compiled for all processors of the
        target.
    folder, target
        As in `build`; results and errors too.
    """
    models = {file: text for source in sources for file, text in source.files.items()}
    return _build(name, models | files, [*map(unit_of, sources), STREAM], folder, target=target, compiler=None)


def build_around(
    name: str,
    files: dict[str, str],
    folder: Path,
    *,
    libraries: Sequence[Path],
    found_in: Sequence[str],
    target: Target,
) -> Path:
    """Compile C of another program into a library that finds models and stream in libraries of their own.

    Parameters
    ----------
    name, files, folder, target
        As in `build_together`; results and errors too.
    libraries : sequence of Path
        Those of the stream and the models, for the target.
    found_in : sequence of str
        Where they will lie, as the dynamic linker of Linux has it: ``$ORIGIN`` is where the product does.
    """
    # What the C library has is found in the program that loads it, whichever that is.
    flags = ["-nostdlib", *(flag for flag in target.link_flags if flag != "-Wl,--no-undefined")]
    flags += [*map(str, libraries), *(f"-Wl,-rpath,{place}" for place in found_in)]
    return _build(name, files, [], folder, target=replace(target, link_flags=tuple(flags), freestanding=False))


def _build(
    name: str,
    files: dict[str, str],
    units: Sequence[Unit],
    folder: Path,
    *,
    target: Target,
    compiler: str | None = None,
) -> Path:
    product = target.library.format(name)
    with tempfile.TemporaryDirectory(prefix="undin") as temporary:
        work = Path(temporary)
        _Build(name, files, units, target, find_compiler(target, name=compiler), work).run(product)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [path.name for path in work.iterdir() if path.suffix in (".c", ".h") and path.name != product]
        for file in (*sorted(wanted), product):
            with replacing(folder / file) as place:
                shutil.copyfile(work / file, place)
    return folder / product


class _Build:
    """One build in a folder of its own."""

    def __init__(
        self,
        name: str,
        files: dict[str, str],
        units: Sequence[Unit],
        target: Target,
        compiler: Compiler,
        folder: Path,
    ):
        self.name, self.files, self.units = name, files, units
        self.target, self.compiler, self.folder = target, compiler, folder

    def run(self, product: str) -> None:
        """Compile everything and link it."""
        for name, text in self.files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        jobs = [job for unit in self.units for job in self.jobs_of_unit(unit)]
        others = {Path(name).stem for name in self.files if name.endswith(".c")} - {unit.stem for unit in self.units}
        for stem in sorted(others):
            self.bring(f"{stem}.c")
            jobs.append(self.compilation(stem))
        if self.target.freestanding and self.target.product != "archive":
            self.bring("undin_string.c")
            jobs.append(self.compilation("undin_string", *self.compiler.flags_of_string_functions()))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(self.compile, jobs))
        self.link(objects, product)

    def jobs_of_unit(self, unit: Unit) -> list[list[str]]:
        """Compilations of a unit, and of what chooses among its variants where there are several."""
        self.bring(f"{unit.stem}.c")
        self.bring(unit.header)
        variants = [variant for variant in self.target.variants if unit.in_integers or not variant.in_floats]
        jobs = [self.compilation_of_variant(unit, variant) for variant in variants]
        if len(jobs) > 1:
            text = dispatch.source(unit.public, unit.header, self.text(unit.header), in_integers=unit.in_integers)
            (self.folder / f"{unit.stem}_dispatch.c").write_text(text, encoding="utf-8")
            self.bring(f"{unit.stem}_dispatch.c")
            jobs.append(self.compilation(f"{unit.stem}_dispatch"))
        return jobs

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def bring(self, name: str) -> None:
        """Put a file of undin into the folder, where it is not generated, and the headers that it includes."""
        if not (self.folder / name).exists():
            shutil.copy(C_FILES[name], self.folder)
        for header in re.findall(r'^#include "(.+)"', self.text(name), re.MULTILINE):
            if not (self.folder / header).exists():
                self.bring(header)

    def compilation_of_variant(self, unit: Unit, variant: Variant) -> list[str]:
        """The command that compiles a unit for a variant."""
        if unit.in_integers:
            variant = replace(variant, features=(*variant.features, *variant.for_integers))
        suffix = variant.suffix
        public = [f"-DUNDIN_PUBLIC(name)={unit.public}_##name##{suffix}"] if suffix else []
        return self.compilation(unit.stem, *public, variant=variant, exact=unit.is_exact)

    def compilation(self, stem: str, *flags: str, variant: Variant | None = None, exact: bool = False) -> list[str]:
        """The command that compiles one file, the object's name last."""
        variant = variant or self.target.variants[0]
        freestanding = ["-ffreestanding", f"-I{C / 'freestanding'}"] if self.target.freestanding else []
        suffix = variant.suffix if any(unit.stem == stem for unit in self.units) else ""
        return [
            *self.compiler.command,
            *self.compiler.flags(self.target, variant),
            *(*FLAGS, *freestanding, *self.target.flags),
            *((*EXACT_FLAGS, *self.target.exact_flags) if exact else ()),
            *flags,
            *("-c", f"{stem}.c", "-o", f"{stem}{suffix}.o"),
        ]

    def compile(self, command: list[str]) -> str:
        """Run a compilation; returns the object's name."""
        self.execute(command)
        return command[-1]

    def link(self, objects: Sequence[str], product: str) -> None:
        """Make the product of all objects."""
        if self.target.product == "archive":
            self.execute([*self.compiler.archiver, "rcs", product, *objects])
            return
        flags = [*self.target.link_flags]
        if self.target.freestanding:
            flags += ["-nostdlib", *self.compiler.run_time_library(self.target)]
        if self.target.product == "wasm":
            flags += [f"-Wl,--export={name}" for unit in self.units for name in self.exports(unit)]
        else:
            flags += ["-shared", *self.own_name(product)]
        variant = self.compiler.flags(self.target, self.target.variants[0])
        self.execute([*self.compiler.command, *variant, *objects, *flags, "-o", product])

    @staticmethod
    def own_name(product: str) -> list[str]:
        """What a program that is linked to a library asks for, so that the folder it was linked from is none of it."""
        if product.endswith(".so"):
            return [f"-Wl,-soname,{product}"]
        return [f"-Wl,-install_name,@rpath/{product}"] if product.endswith(".dylib") else []

    def exports(self, unit: Unit) -> list[str]:
        """Functions and the model that a header declares."""
        return dispatch.public_names(unit.public, self.text(unit.header))

    def execute(self, command: Sequence[str]) -> None:
        """Run a program in the folder of the build."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            raise OSError(f"{self.compiler.name} failed on {self.name}: {errors[0] if errors else 'no reason given'}")
