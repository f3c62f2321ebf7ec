"""Graphs compiled to C and called with numpy arrays, many in one shared library: what the tests of the compiler share.

It calls the system's C compiler once, with one source for all graphs. Kernels get no vectors there unless the flags say
so, and then they learn their sizes at run time: every call of a vector kernel would be compiled for its own sizes, as
in products, and that takes seconds for a hundred of them.
"""

import ctypes
import mmap
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from support.c_sources import INCLUDES
from support.needs import need

from undin.compiler.emit.source import Source, emit
from undin.compiler.ir.check import check
from undin.compiler.ir.graph import Graph
from undin.compiler.ir.program import Program
from undin.compiler.passes.plan import ALIGNMENT
from undin.compiler.pipeline import program_of

FILL = 255
"""What memory holds before; as a float it is a NaN."""

# -O0 compiles all that headers have, whether it is called or not.
QUICK = ("-Og", "-DUNDIN_LANES=1")
VECTORS = (
    "-O1",
    "-march=native",
    "-DUNDIN_RUN_TIME_SIZES",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
)


@dataclass
class Compiled:
    """A graph as steps, as C text, and as a function of numpy arrays in the order of its inputs."""

    program: Program
    source: str
    run: Callable[..., list[np.ndarray]]


def compile_graphs(graphs: Sequence[Graph], folder: Path, *, flags: Sequence[str] = QUICK) -> list[Compiled]:
    """Compile graphs, each with a name of its own, into one library in `folder`."""
    need("cc")
    programs = [program_of(graph, watch=check) for graph in graphs]
    sources = [emit(program) for program in programs]
    texts = [_with_own_names(source) for source in sources]
    for source in sources:
        (folder / f"{source.prefix}.h").write_text(source.files[f"{source.prefix}.h"])
    (folder / "all.c").write_text("\n".join(texts))
    library = folder / "all.so"
    command = ["cc", "-std=gnu99", *flags, "-w", "-fPIC", "-shared", *INCLUDES, "all.c", "-o", library.name]
    subprocess.run(command, cwd=folder, check=True)
    loaded = ctypes.CDLL(str(library))
    return [
        Compiled(program, text, _caller(loaded[f"{source.prefix}_run"], program, source.arena_bytes))
        for program, text, source in zip(programs, texts, sources, strict=True)
    ]


def _with_own_names(source: Source) -> str:
    """All C of a graph, with static names that no other graph in the same file has."""
    text = source.files[f"{source.prefix}.c"]
    names = re.findall(r"^static void (\w+)\(", text, re.M)
    if names:
        text = re.sub(rf"\b({'|'.join(names)})\b", rf"{source.prefix}_\1", text)
    return f"{text}\n#undef UNDIN_PUBLIC\n{source.files[f'{source.prefix}_weights.c']}"


def _caller(function, program: Program, arena_bytes: int) -> Callable[..., list[np.ndarray]]:
    function.restype = None

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        arrays = [
            np.ascontiguousarray(array, buffer.dtype)
            for array, buffer in zip(inputs, program.inputs.values(), strict=True)
        ]
        buffers = list(program.outputs.values())
        sizes = [buffer.size * buffer.dtype.itemsize for buffer in buffers] + [arena_bytes]
        given, memories = [Guarded(array.nbytes) for array in arrays], [Guarded(size) for size in sizes]
        for memory, array in zip(given, arrays, strict=True):
            memory.array[:] = array.reshape(-1).view(np.uint8)
        function(*(memory.start for memory in (*given, *memories)))
        for memory in (*given, *memories):
            memory.check()
        return [memory.array.view(buffer.dtype).copy() for memory, buffer in zip(memories, buffers, strict=False)]

    return run


class Guarded:
    """Memory between two pages that nobody may touch, as close to the second as its alignment lets it be.

    It is not 0 at first, as a caller's may be: nothing may depend on it, and nothing around it may change.
    """

    def __init__(self, size: int):
        room = -(-size // ALIGNMENT) * ALIGNMENT
        pages = -(-room // mmap.PAGESIZE) * mmap.PAGESIZE
        self._map = mmap.mmap(-1, pages + 2 * mmap.PAGESIZE)
        whole = np.frombuffer(self._map, np.uint8)
        for begin in (0, mmap.PAGESIZE + pages):
            _forbid(whole.ctypes.data + begin)
        self._pages = whole[mmap.PAGESIZE : mmap.PAGESIZE + pages]
        self._pages[:] = FILL
        # Only an arena must lie at a multiple of the alignment, and its size is one.
        self.array = self._pages[pages - size :]
        self.start = ctypes.c_void_p(self.array.ctypes.data)

    def check(self) -> None:
        """Nothing was written before it; what is written behind it ends the process."""
        assert (self._pages[: len(self._pages) - len(self.array)] == FILL).all(), "written outside of it"


def _forbid(page: int) -> None:
    """Let any access to a page end the process, where the system can."""
    if hasattr(libc := ctypes.CDLL(None), "mprotect"):
        assert libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
