"""Graphs compiled to C and called with numpy arrays, many in one shared library: what the tests of the compiler share.

It calls the system's C compiler once, with one source for all graphs. Kernels get no vectors there unless the flags say
so: every call of a vector kernel would be compiled for its own sizes, and that takes seconds for a hundred of them.
"""

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import undin.compiler
from undin.compiler.decompose import decompose
from undin.compiler.emit import emit
from undin.compiler.fuse import fuse
from undin.compiler.graph import Graph
from undin.compiler.lower import lower
from undin.compiler.plan import ALIGNMENT
from undin.compiler.program import Program
from undin.compiler.rewrite import rewrite

KERNELS = Path(undin.compiler.__file__).parent / "c"
QUICK = ("-O1", "-DUNDIN_LANES=1")
VECTORS = ("-O1", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")


@dataclass
class Compiled:
    """A graph as steps, as C text, and as a function of numpy arrays in the order of its inputs."""

    program: Program
    source: str
    run: Callable[..., list[np.ndarray]]


def program_of(graph: Graph) -> Program:
    """All that happens to a graph before it is written as C."""
    decompose(graph)
    rewrite(graph)
    program = lower(graph)
    fuse(program)
    return program


def compile_graphs(graphs: Sequence[Graph], folder: Path, *, flags: Sequence[str] = QUICK) -> list[Compiled]:
    """Compile graphs, each with a name of its own, into one library in `folder`."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    programs = [program_of(graph) for graph in graphs]
    sources = [emit(program) for program in programs]
    texts = []
    for source in sources:
        (header_name, text_name, weights_name) = source.files
        (folder / header_name).write_text(source.files[header_name])
        texts.append(_with_own_names(source.files[text_name], source.prefix) + source.files[weights_name])
    (folder / "all.c").write_text("\n".join(texts))
    library = folder / "all.so"
    command = [compiler, "-std=gnu99", *flags, "-w", "-fPIC", "-shared", f"-I{KERNELS}", "all.c", "-o", library.name]
    subprocess.run(command, cwd=folder, check=True)
    loaded = ctypes.CDLL(str(library))
    return [
        Compiled(program, text, _caller(loaded[f"{source.prefix}_run"], program, source.arena_bytes))
        for program, text, source in zip(programs, texts, sources, strict=True)
    ]


def _with_own_names(text: str, prefix: str) -> str:
    """The C text with names that no other graph in the same file has."""
    text += "#undef UNDIN_PUBLIC\n"
    names = re.findall(r"^static void (\w+)\(", text, re.M)
    return re.sub(rf"\b({'|'.join(names)})\b", rf"{prefix}_\1", text) if names else text


def _caller(function, program: Program, arena_bytes: int) -> Callable[..., list[np.ndarray]]:
    function.restype = None

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        arrays = [
            np.ascontiguousarray(array, buffer.dtype)
            for array, buffer in zip(inputs, program.inputs.values(), strict=True)
        ]
        # Memory that is not 0, as a caller's may be: nothing may depend on it.
        outputs = [np.full(buffer.size, 77, buffer.dtype) for buffer in program.outputs.values()]
        arena = np.full(arena_bytes + ALIGNMENT, 255, np.uint8)
        start = arena.ctypes.data + -arena.ctypes.data % ALIGNMENT
        function(*(ctypes.c_void_p(array.ctypes.data) for array in (*arrays, *outputs)), ctypes.c_void_p(start))
        return outputs

    return run
