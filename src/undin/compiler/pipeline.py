"""From an ONNX file to C text: the parts of the compiler in their order. What follows is the work of ``build``."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from undin.compiler.emit import source as emit
from undin.compiler.ir.graph import Graph, Value
from undin.compiler.ir.program import Program
from undin.compiler.ir.reader import read
from undin.compiler.lower import lower
from undin.compiler.passes.decompose import decompose
from undin.compiler.passes.fuse import fuse
from undin.compiler.passes.rewrite import rewrite
from undin.model.metadata import Metadata

OF_UNDIN = {"format_version", "latency_samples", "state_size"}
"""Metadata by which a model of undin is known from any other."""


def translate(path: Path) -> emit.Source:
    """Write the model of an ONNX file as C: its whole hop if it is one of undin's, else its network alone.

    Raises
    ------
    OSError, ValueError
        The file cannot be read or compiled.
    """
    graph = read(path)
    return emit.emit(program_of(graph), metadata_of(graph))


def metadata_of(graph: Graph) -> Metadata | None:
    """What a model of undin says about itself; None for others. ValueError if it is not what the graph is."""
    if not graph.metadata.keys() >= OF_UNDIN:
        return None
    metadata = Metadata.from_strings(graph.metadata)
    metadata.check_step(_shapes(graph.inputs), _shapes(graph.outputs))
    return metadata


def _shapes(values: Sequence[Value]) -> dict[str, tuple[int, ...]]:
    return {value.name: value.shape for value in values if value.dtype == np.float32}


def program_of(graph: Graph, *, mark: Callable[[Graph], None] | None = None) -> Program:
    """All that happens to a graph before it is written as C; changes the graph.

    Parameters
    ----------
    graph : Graph
    mark : callable, optional
        Chooses what is computed in integers, once the graph is as simple as it gets; see `undin.compiler.quantize`.
    """
    decompose(graph)
    rewrite(graph)
    if mark is not None:
        mark(graph)
    program = lower(graph)
    fuse(program)
    return program
