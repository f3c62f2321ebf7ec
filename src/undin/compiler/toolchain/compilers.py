"""The C compilers that this machine may have, and how each is told what to do for a target."""

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from undin.compiler.toolchain.targets import Target, Variant

OPTIMISATION = ("-O3",)
OPTIMISATION_OF_GCC = (
    *("-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic"),
    *("-fpeel-loops", "-fsplit-loops", "-funswitch-loops"),
)
"""What of its -O3 makes networks faster: the rest of it makes them larger and takes longer to compile."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler.

    Attributes
    ----------
    name : str
    program : Path
        The file that compiles.
    command : tuple of str
        What it is called with for a target, before anything else.
    archiver : tuple of str
    is_zig : bool
        It names processors as zig does.
    """

    name: str
    program: Path
    command: tuple[str, ...]
    archiver: tuple[str, ...]
    is_zig: bool

    @property
    def version(self) -> str:
        """What another version differs in, without a call of it: its file."""
        file = self.program.resolve()
        return f"{file}, {file.stat().st_size} bytes of {file.stat().st_mtime_ns}"

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


def find_compiler(target: Target, *, name: str | None = None) -> Compiler:
    """The best compiler for a target that is installed: its own or the system's, else zig from PyPI.

    Parameters
    ----------
    target : Target
    name : {"gcc", "clang", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", "zig"}, optional
        No other than this one.

    Raises
    ------
    FileNotFoundError
        None is installed; the message tells what to do.
    """
    known = [*(("gcc", "clang") if target.is_host else target.gcc[:1]), "zig"]
    if target.prefers_zig:
        known.reverse()
    wanted = [candidate for candidate in known if name in (None, candidate)]
    for candidate in wanted:
        if candidate == "zig" and (package := importlib.util.find_spec("ziglang")) and package.origin:
            program = Path(package.origin).with_name("zig.exe" if sys.platform == "win32" else "zig")
            zig = sys.executable, "-m", "ziglang"
            return Compiler("zig", program, (*zig, "cc"), (*zig, "ar"), is_zig=True)
        if candidate != "zig" and (found := shutil.which(candidate)):
            archiver = candidate.replace("gcc", "ar")
            return Compiler(candidate, Path(found), (candidate, *target.gcc[1:]), (archiver,), is_zig=False)
    raise FileNotFoundError(
        f"there is no C compiler for {target.triple}, looked for {', '.join(wanted)}; "
        'install one with: pip install "undin[compile]"'
    )
