"""A network that runs frame after frame on this machine and carries its own state: compiled, or in ONNX Runtime."""

import ctypes
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undin.compiler.ir.graph import Graph, Value
from undin.engines.native import aligned

if TYPE_CHECKING:
    import onnxruntime

Step = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
"""One frame: inputs by name to outputs by name."""


def carried(graph: Graph) -> dict[str, str]:
    """Which output of a frame is which input of the next: by place, from the second on, where shape and type agree.

    The first input and the first output are the signal, in every streaming network that we know.
    """
    pairs = list(zip(graph.outputs, graph.inputs, strict=False))[1:]
    return {new.name: old.name for new, old in pairs if (new.shape, new.dtype) == (old.shape, old.dtype)}


class Session:
    """A step, and the state that the last frame has left; zeros at first.

    Parameters
    ----------
    step : Step
    inputs : iterable of Value
        All inputs of the step, the state among them.
    pairs : dict of str to str
        As `carried` returns them.
    """

    def __init__(self, step: Step, inputs: Iterable[Value], pairs: dict[str, str]):
        self._step, self._pairs = step, pairs
        states = set(pairs.values())
        self._state = {value.name: np.zeros(value.shape, value.dtype) for value in inputs if value.name in states}

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs of the next frame by name, given its inputs beside the state."""
        results = self._step(feeds | self._state)
        self._state = {old: results[new] for new, old in self._pairs.items()}
        return results


def load_step(library: Path, function: str, graph: Graph, *, arena_bytes: int) -> Step:
    """A function ``undin_…_run`` of a shared library, as a function of arrays by name."""
    run = ctypes.CDLL(str(library))[function]
    run.restype = None
    arena = aligned(arena_bytes)

    def step(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = [np.ascontiguousarray(feeds[value.name], value.dtype) for value in graph.inputs]
        results = [np.empty(value.shape, value.dtype) for value in graph.outputs]
        run(*(ctypes.c_void_p(array.ctypes.data) for array in (*given, *results, arena)))
        return dict(zip((value.name for value in graph.outputs), results, strict=True))

    return step


def reference_step(model: str | bytes, *, as_written: bool = False) -> Step:
    """The network of an ONNX file in ONNX Runtime, as a function of arrays by name; see `reference_session`."""
    session = reference_session(model, as_written=as_written)
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(None, feeds), strict=True))


def reference_session(model: str | bytes, *, as_written: bool = False) -> "onnxruntime.InferenceSession":
    """An ONNX file, or what is in one, in ONNX Runtime on one thread.

    `as_written` computes every node as it stands: otherwise what lies between QuantizeLinear and DequantizeLinear is
    computed in integers, and no longer to the bit what the file says.
    """
    import onnxruntime  # an extra, which nothing else here needs

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
