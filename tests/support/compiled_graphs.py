"""Graphs compiled to C and called with numpy arrays, many in one shared library: what the tests of the compiler share.

It calls the system's C compiler once, with one source for all graphs. Kernels get no vectors there unless the flags say
so: every call of a vector kernel would be compiled for its own sizes, and that takes seconds for a hundred of them.
"""

import ctypes
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

QUICK = ("-O0", "-DUNDIN_LANES=1")
VECTORS = ("-O1", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")


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
        memories = [_Guarded(size) for size in sizes]
        function(*(ctypes.c_void_p(array.ctypes.data) for array in arrays), *(memory.start for memory in memories))
        results = [memory.read() for memory in memories]
        return [result.view(buffer.dtype) for result, buffer in zip(results, buffers, strict=False)]

    return run


class _Guarded:
    """Memory that is not 0, as a caller's may be: nothing may depend on it, and nothing around it may change."""

    def __init__(self, size: int):
        self.bytes = np.full(ALIGNMENT + size + ALIGNMENT, FILL, np.uint8)
        self.offset, self.size = -self.bytes.ctypes.data % ALIGNMENT, size
        self.start = ctypes.c_void_p(self.bytes.ctypes.data + self.offset)

    def read(self) -> np.ndarray:
        start, stop = self.offset, self.offset + self.size
        assert (self.bytes[:start] == FILL).all() and (self.bytes[stop:] == FILL).all(), "written outside of it"
        return self.bytes[start:stop]
