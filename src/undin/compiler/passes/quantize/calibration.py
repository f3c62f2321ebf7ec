"""What values a network takes: it is compiled as it is, and runs with the tensors in question as outputs."""

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undin.compiler.ir.graph import Graph, Value
from undin.compiler.passes.quantize.frames import Frame, Runs
from undin.compiler.pipeline import as_lowered
from undin.compiler.session import load_step
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine

KEPT = 1 << 18
"""Elements of a tensor, evenly from all frames, by which scales are judged."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What some tensor was in all frames.

    Attributes
    ----------
    values : ndarray, shape (N, channels), float32
        Of positions evenly from all frames, about `KEPT` elements.
    low, high : ndarray, shape (channels,)
        Bounds of all values.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


class _Watch:
    """Gathers what `Seen` tells, frame by frame."""

    def __init__(self, value: Value, axis: int, frames: int):
        self.axis, self.channels = axis, value.shape[axis]
        self.every = max(1, frames * value.size // KEPT)
        self.count, self.kept = 0, list[np.ndarray]()
        self.low, self.high = np.zeros(self.channels, np.float32), np.zeros(self.channels, np.float32)

    def see(self, values: np.ndarray) -> None:
        rows = np.moveaxis(values, self.axis, -1).reshape(-1, self.channels)
        self.kept.append(rows[-self.count % self.every :: self.every].copy())
        self.count += len(rows)
        self.low, self.high = np.minimum(self.low, rows.min(0)), np.maximum(self.high, rows.max(0))

    def seen(self) -> Seen:
        return Seen(np.concatenate(self.kept), self.low, self.high)


def observe(graph: Graph, channels: dict[Value, int], frames: Sequence[Frame]) -> tuple[dict[Value, Seen], Runs]:
    """Run a network in floats and keep what some of its tensors were.

    Parameters
    ----------
    graph : Graph
        Decomposed and rewritten; not changed.
    channels : dict of Value to int
        Values of the graph, and which of their axes are channels.
    frames : sequence of Frame

    Returns
    -------
    seen : dict of Value to Seen
    runs : Runs
        The network in floats, as it was run.
    """
    watched = copy.copy(graph)
    watched.outputs = [*graph.outputs, *(value for value in channels if value not in graph.outputs)]
    watches = {value: _Watch(value, axis, len(frames)) for value, axis in channels.items()}
    with tempfile.TemporaryDirectory(prefix="undin", ignore_cleanup_errors=True) as folder:
        source = as_lowered(watched)
        library = build(source, Path(folder), target=this_machine())
        step = load_step(library, f"{source.prefix}_run", watched, arena_bytes=source.arena_bytes)
    runs = Runs(step, graph)
    for results in runs.over(frames):
        for value, watch in watches.items():
            watch.see(results[value.name])
    return {value: watch.seen() for value, watch in watches.items()}, runs
