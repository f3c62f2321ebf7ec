"""A model, compiled and ready to be timed: its step and its whole hop as calls for ``loops.py``, and its size."""

import ctypes
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from undin.bench.loops import Call, same_each_time
from undin.bench.macs import macs_per_step
from undin.bench.memory import StepMemory, noise_hops
from undin.compiler.emit import hop
from undin.compiler.ir.graph import Graph
from undin.compiler.pipeline import metadata_of, translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS, Variant
from undin.engines.native import aligned


class Subject:
    """A model, compiled for one variant of this machine's code.

    Parameters
    ----------
    graph : Graph
        As it was read; it is changed.
    variant : Variant
    block : int
        Calls that follow each other, an even number.
    mark : callable, optional
        Chooses what is computed in integers, as in `translate`.

    Attributes
    ----------
    name : str
    metadata : Metadata or None
    parameters : int
        Numbers that training set; of models that are not undin's, floats among the constants.
    macs_per_step : int
    state_bytes, arena_bytes : int
        Memory of a stream, and working memory that the streams of a thread share.
    step : Call
        The network alone.
    hop : Call or None
        The whole hop; None for models that are not undin's.

    Raises
    ------
    OSError, ValueError
        It cannot be compiled.
    """

    def __init__(self, graph: Graph, variant: Variant, *, block: int, mark: Callable[[Graph], None] | None = None):
        self.name, self.metadata = graph.name, metadata_of(graph)
        self.parameters = _floats(graph) if self.metadata is None else self.metadata.parameters
        source = translate(graph, mark=mark)
        memory = StepMemory(graph, block)
        self.macs_per_step = macs_per_step(graph)
        target = replace(TARGETS["native"], variants=(replace(variant, suffix=""),))
        with tempfile.TemporaryDirectory(prefix="undin", ignore_cleanup_errors=True) as folder:
            library = ctypes.CDLL(str(build(source, Path(folder), target=target, with_stream=False)))
        if self.metadata is None:
            self.state_bytes, self.hop = memory.state_bytes, None
            arena = aligned(source.arena_bytes)
        else:
            self.state_bytes = hop.state_bytes(self.metadata)
            arena = aligned(hop.arena_bytes(self.metadata, network_arena_bytes=source.arena_bytes))
            state, out = aligned(self.state_bytes), aligned(self.metadata.hop, np.float32)
            signal, energies = noise_hops(self.metadata, block), aligned(2, np.float32)
            # Pointers to the pointers of one channel; and numbers, which go the same way as pointers.
            states, outs = (np.array([memory.ctypes.data], np.uintp) for memory in (state, out))
            ins = np.array([one.ctypes.data for one in signal], np.uintp)
            channels, linked, hops = ((number, number, 0) for number in (1, 0, 1))
            arguments = same_each_time(states, arena, ins, outs, energies)
            arguments[2, 2] = ins.itemsize
            arguments = np.insert(arguments, 4, (channels, linked, hops), axis=0)
            memory_of_hop = [state, states, arena, signal, ins, out, outs, energies]
            self.hop = Call(library[f"{source.prefix}_process_hops"], arguments, memory_of_hop)
        self.arena_bytes = len(arena)
        arguments = np.concatenate((memory.arguments, same_each_time(arena)))
        self.step = Call(library[f"{source.prefix}_run"], arguments, [memory, arena])


def _floats(graph: Graph) -> int:
    """Elements of all constants of a graph that are floats."""
    constants = {value for node in graph.nodes for value in node.inputs if value and value.constant is not None}
    return sum(value.size for value in constants if value.dtype == np.float32)
