"""From an ONNX file to C text: the parts of the compiler in their order. What follows is the work of ``toolchain``."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from undin.compiler.emit.source import Source, emit
from undin.compiler.ir.graph import Graph, Value
from undin.compiler.ir.program import Program
from undin.compiler.ir.reader import read_graph
from undin.compiler.lower import lower
from undin.compiler.passes.adopt import adopt_integers, pair_roundings
from undin.compiler.passes.decompose import decompose
from undin.compiler.passes.fuse import fuse
from undin.compiler.passes.rewrite import rewrite
from undin.compiler.passes.sums import call_sums
from undin.model.metadata import Metadata

OF_UNDIN = {"format_version", "latency_samples", "state_size"}
"""Metadata by which a model of undin is known from any other."""

GRAPH_PASSES: dict[str, Callable[[Graph], None]] = {
    "pair": pair_roundings,
    "decompose": decompose,
    "rewrite": rewrite,
    "adopt": adopt_integers,
}
"""What makes a graph as simple as it gets, in this order. Each changes the graph and leaves its rules true
(``ir/check.py``)."""

PROGRAM_PASSES: dict[str, Callable[[Program], None]] = {"fuse": fuse, "call_sums": call_sums}
"""The same for the program that `lower` makes of it."""

Watcher = Callable[[str, Graph | Program], None]
"""Called with the name of what has just been done, and its result."""


def _unwatched(_name: str, _result: Graph | Program) -> None:
    pass


def translate(
    model: Path | Graph,
    *,
    name: str | None = None,
    mark: Callable[[Graph], None] | None = None,
    watch: Watcher = _unwatched,
) -> Source:
    """Write a model as C: its whole hop if it is one of undin's, else its network alone.

    Parameters
    ----------
    model : Path or Graph
        An ONNX file, or what `read` made of one, which is changed.
    name : str, optional
        Of the model in C, that of the file if not given.
    mark : callable, optional
        Chooses what is computed in integers, once the graph is as simple as it gets; see ``passes/quantize``.
    watch : Watcher
        Sees the graph as it was read and after each pass, then the program.

    Raises
    ------
    OSError, ValueError
        The file cannot be read or compiled.
    """
    graph = model if isinstance(model, Graph) else read_graph(model)
    graph.name = name or graph.name
    metadata = metadata_of(graph)
    return emit(program_of(graph, mark=mark, watch=watch), metadata)


def program_of(graph: Graph, *, mark: Callable[[Graph], None] | None = None, watch: Watcher = _unwatched) -> Program:
    """All that happens to a graph before it is written as C; parameters as in `translate`. Changes the graph."""
    watch("read", graph)
    simplify(graph, watch=watch)
    if mark is not None:
        mark(graph)
        watch("mark", graph)
    program = lower(graph)
    watch("lower", program)
    for name, transform in PROGRAM_PASSES.items():
        transform(program)
        watch(name, program)
    return program


def simplify(graph: Graph, *, watch: Watcher = _unwatched) -> None:
    """Run the `GRAPH_PASSES`."""
    for name, transform in GRAPH_PASSES.items():
        transform(graph)
        watch(name, graph)


def as_lowered(graph: Graph) -> Source:
    """The network of a simple graph as C, nothing fused: every value that is an output can be seen as it is."""
    return emit(lower(graph))


def metadata_of(graph: Graph) -> Metadata | None:
    """What a model of undin says about itself; None for others. ValueError if it is not what the graph is."""
    if not graph.metadata.keys() >= OF_UNDIN:
        return None
    metadata = Metadata.from_strings(graph.metadata)
    metadata.check_step(_shapes(graph.inputs), _shapes(graph.outputs))
    return metadata


def _shapes(values: Sequence[Value]) -> dict[str, tuple[int, ...]]:
    return {value.name: value.shape for value in values if value.dtype == np.float32}
