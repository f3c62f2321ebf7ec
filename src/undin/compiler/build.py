"""From C text to a library: the C compilers of this machine, called for a target of ``targets``.

Whatever was compiled lies beside the product in the end, headers of the kernels too, so that any other build system can
compile it again. `cache` keeps libraries of users' models, `sizes` reads how large a product is.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from undin.compiler import dispatch
from undin.compiler.emit import Source
from undin.compiler.targets import TARGETS, Target, Variant
from undin.files import replacing

KERNELS = Path(__file__).parent / "c"
FLAGS = (
    *("-std=gnu11", "-g0", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
)
"""Of every compilation; a target's own come later and win."""

OPTIMISATION = ("-O3",)
OPTIMISATION_OF_GCC = (
    *("-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic"),
    *("-fpeel-loops", "-fsplit-loops", "-funswitch-loops"),
)
"""What of its -O3 makes networks faster: the rest of it makes them larger and takes longer to compile."""

EXACT_FLAGS = ("-ffp-contract=off",)
"""Of networks in integers, which give the same bits everywhere."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler.

    Attributes
    ----------
    name : str
    command : tuple of str
        What it is called with for a target, before anything else.
    archiver : tuple of str
    is_zig : bool
        It names processors as zig does.
    """

    name: str
    command: tuple[str, ...]
    archiver: tuple[str, ...]
    is_zig: bool

    @property
    def is_gcc(self) -> bool:
        """It is the gcc of this machine, and not clang, which answers to that name on a Mac."""
        return self.name == "gcc" and sys.platform != "darwin"

    def flags(self, target: Target, variant: Variant) -> list[str]:
        """What tells it how to optimise, and the instructions of a variant."""
        if self.is_zig:
            return [*OPTIMISATION, "-target", target.triple, f"-mcpu={'+'.join((target.cpu, *variant.features))}"]
        optimisation = OPTIMISATION_OF_GCC if self.is_gcc else OPTIMISATION
        return [*optimisation, *(f"-m{feature}" for feature in variant.features)]

    def flags_of_string_functions(self) -> list[str]:
        """What keeps it from compiling a loop in memcpy as a call of memcpy."""
        return ["-fno-builtin", *(["-fno-tree-loop-distribute-patterns"] if self.is_gcc else [])]

    def run_time_library(self, target: Target) -> list[str]:
        """Flags to link the compiler's own functions, where a processor lacks an instruction for what C can say."""
        if not target.triple.startswith("arm"):  # which cannot divide
            return []
        return ["-lcompiler_rt" if self.is_zig else "-lgcc"]


def build(source: Source, folder: Path, *, target: Target = TARGETS["native"], compiler: str | None = None) -> Path:
    """Compile generated C.

    Parameters
    ----------
    source : Source
    folder : Path
        Where the C and the product go; made if missing. Each file appears complete or not at all, the product last.
    target : Target
    compiler : str, optional
        The one to use, of those that `find_compiler` knows; the best for the target if not given.

    Returns
    -------
    Path
        The product: a shared library, a WebAssembly module or a static library.

    Raises
    ------
    OSError
        There is no compiler for the target, it failed, or the folder cannot be written.
    """
    product = target.library.format(source.prefix)
    with tempfile.TemporaryDirectory(prefix="undin") as temporary:
        work = Path(temporary)
        _Build(source, target, find_compiler(target, name=compiler), work).run(product)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [path.name for path in work.iterdir() if path.suffix in (".c", ".h") and path.name != product]
        for name in (*sorted(wanted), product):
            with replacing(folder / name) as place:
                shutil.copyfile(work / name, place)
    return folder / product


def find_compiler(target: Target, *, name: str | None = None) -> Compiler:
    """The best compiler for a target that is installed: its own or the system's, else zig from PyPI.

    Parameters
    ----------
    target : Target
    name : {"gcc", "clang", "arm-none-eabi-gcc", "zig"}, optional
        No other than this one.

    Raises
    ------
    FileNotFoundError
        None is installed; the message tells what to do.
    """
    known = [*(("gcc", "clang") if target.is_host else target.gcc[:1]), "zig"]
    wanted = [candidate for candidate in known if name in (None, candidate)]
    for candidate in wanted:
        if candidate == "zig" and importlib.util.find_spec("ziglang"):
            zig = sys.executable, "-m", "ziglang"
            return Compiler("zig", (*zig, "cc"), (*zig, "ar"), is_zig=True)
        if candidate != "zig" and shutil.which(candidate):
            archiver = candidate.replace("gcc", "ar")
            return Compiler(candidate, (candidate, *target.gcc[1:]), (archiver,), is_zig=False)
    raise FileNotFoundError(
        f"there is no C compiler for {target.triple}, looked for {', '.join(wanted)}; "
        'install one with: pip install "undin[compile]"'
    )


class _Build:
    """One build in a folder of its own."""

    def __init__(self, source: Source, target: Target, compiler: Compiler, folder: Path):
        self.source, self.target, self.compiler, self.folder = source, target, compiler, folder

    def run(self, product: str) -> None:
        """Compile everything and link it."""
        prefix = self.source.prefix
        for name, text in self.source.files.items():
            (self.folder / name).write_text(text)
        baseline, variants = self.target.variants[0], self.variants()
        self.copy_headers(self.folder / f"{prefix}.c")
        jobs = [self.compilation(f"{prefix}.c", variant) for variant in variants]
        jobs.append(self.compilation(f"{prefix}_weights.c", baseline))
        if len(variants) > 1:
            text = dispatch.source(prefix, self.source.files[f"{prefix}.h"], in_integers=self.source.in_integers)
            (self.folder / f"{prefix}_dispatch.c").write_text(text)
            self.copy_headers(self.folder / f"{prefix}_dispatch.c")
            jobs.append(self.compilation(f"{prefix}_dispatch.c", baseline))
        if self.target.freestanding and self.target.product != "archive":
            self.copy_kernel("freestanding/undin_string.c")
            jobs.append(self.compilation("undin_string.c", baseline, *self.compiler.flags_of_string_functions()))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(self.compile, jobs))
        self.link(objects, product)

    def variants(self) -> list[Variant]:
        """Those of the target, with the instructions for products of small integers where they are needed."""
        if not self.source.in_integers:
            return [*self.target.variants]
        return [replace(one, features=(*one.features, *one.for_integers)) for one in self.target.variants]

    def copy_kernel(self, name: str) -> Path:
        """Put a file of undin beside the generated ones."""
        return Path(shutil.copy(KERNELS / name, self.folder))

    def copy_headers(self, path: Path) -> None:
        """Put the headers of undin that a file includes beside it, and those that they include."""
        for name in re.findall(r'^#include "(.+)"', path.read_text(), re.MULTILINE):
            if not (self.folder / name).exists():
                self.copy_headers(self.copy_kernel(name))

    def compilation(self, name: str, variant: Variant, *flags: str) -> list[str]:
        """The command that compiles one file, the object's name last."""
        freestanding = ["-ffreestanding", f"-I{KERNELS / 'freestanding'}"] if self.target.freestanding else []
        prefix, suffix = self.source.prefix, variant.suffix
        public = [f"-DUNDIN_PUBLIC(name)={prefix}_##name##{suffix}"] if suffix and name == f"{prefix}.c" else []
        return [
            *self.compiler.command,
            *self.compiler.flags(self.target, variant),
            *(
                *FLAGS,
                *(EXACT_FLAGS if self.source.in_integers else ()),
                *freestanding,
                *self.target.flags,
                *flags,
                *public,
            ),
            *("-c", name, "-o", f"{Path(name).stem}{suffix}.o"),
        ]

    def compile(self, command: list[str]) -> str:
        """Run a compilation; returns the object's name."""
        self.call(command)
        return command[-1]

    def link(self, objects: Sequence[str], product: str) -> None:
        """Make the product of all objects."""
        if self.target.product == "archive":
            self.call([*self.compiler.archiver, "rcs", product, *objects])
            return
        flags = [*self.target.link_flags]
        if self.target.freestanding:
            flags += ["-nostdlib", *self.compiler.run_time_library(self.target)]
        if self.target.product == "wasm":
            header = self.source.files[f"{self.source.prefix}.h"]
            flags += [f"-Wl,--export={name}" for name in dispatch.public_names(self.source.prefix, header)]
        else:
            flags += ["-shared"]
            if product.endswith(".so"):  # the name by which programs ask for it, without the folder it was linked from
                flags += [f"-Wl,-soname,{product}"]
        variant = self.compiler.flags(self.target, self.target.variants[0])
        self.call([*self.compiler.command, *variant, *objects, *flags, "-o", product])

    def call(self, command: Sequence[str]) -> None:
        """Run a program in the folder of the build."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            raise OSError(
                f"{self.compiler.name} failed on {self.source.prefix}: {errors[0] if errors else 'no reason given'}"
            )
