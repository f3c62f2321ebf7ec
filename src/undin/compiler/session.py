"""A network that runs frame after frame on this machine and carries its own state: compiled, or in ONNX Runtime.

`open_session` compiles a network and runs it, in two lines; what compares and measures puts the parts together itself.
"""

import ctypes
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undin.compiler.emit.source import Source
from undin.compiler.ir.files import Given, load
from undin.compiler.ir.graph import Graph, Value
from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine
from undin.engines.native import aligned

if TYPE_CHECKING:
    import onnxruntime

Step = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
"""One frame: inputs by name to outputs by name."""


def open_session(model: str | Path, given: Given | None = None) -> "CompiledSession":
    """Compile a network that is not undin's for this machine, and run it from a fresh state.

    Parameters
    ----------
    model : str or Path
        ONNX file.
    given : Given, optional
        What the file leaves open about its inputs, and which of them are state.

    Raises
    ------
    OSError, ValueError
        The file cannot be read or compiled.
    """
    graph = read_graph(model, given)
    source = translate(read_graph(model, given))
    with tempfile.TemporaryDirectory(prefix="undin", ignore_cleanup_errors=True) as folder:
        return CompiledSession(build(source, Path(folder), target=this_machine()), source, graph)


class Session:
    """A step, and the state that the last frame has left; zeros at first.

    Parameters
    ----------
    step : Step
    inputs : iterable of Value
        All inputs of the step, the state among them.
    pairs : dict of str to str
        Which output is which input of the next frame, as `Graph.states`.
    """

    def __init__(self, step: Step, inputs: Iterable[Value], pairs: dict[str, str]):
        self._step, self._pairs = step, pairs
        self._states = [value for value in inputs if value.name in pairs.values()]
        self.reset()

    def reset(self) -> None:
        """Begin with a fresh state."""
        self._state = {value.name: np.zeros(value.shape, value.dtype) for value in self._states}

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs of the next frame by name, given its inputs beside the state."""
        results = self._step(feeds | self._state)
        self.follow(results)
        return results

    def follow(self, results: dict[str, np.ndarray]) -> None:
        """Let the next frame begin with the state among these outputs."""
        self._state = {old: results[new] for new, old in self._pairs.items()}


class CompiledSession:
    """The C of a network that is not undin's: its ``…_step`` with memory for its state, or its ``…_run`` without.

    Parameters
    ----------
    library : Path
        What `build` made of the source for this machine; loaded, and no longer needed.
    source : Source
    graph : Graph
        As it was read: the step's inputs and outputs, and which of them are state.
    """

    def __init__(self, library: Path, source: Source, graph: Graph):
        self._graph, self._source = graph, source
        self._library, self._prefix = ctypes.CDLL(str(library)), source.prefix
        self._arena, self._state = aligned(source.arena_bytes), aligned(source.state_bytes)
        self._function = self._library[f"{self._prefix}_{'step' if source.state_bytes else 'run'}"]
        self._function.restype = None
        self._inputs = [value for value in graph.inputs if value.name not in graph.states.values()]
        self._outputs = [value for value in graph.outputs if value.name not in graph.states]
        self.reset()

    def reset(self) -> None:
        """Begin with a fresh state."""
        if self._source.state_bytes:
            reset = self._library[f"{self._prefix}_reset"]
            reset.restype = None
            reset(ctypes.c_void_p(self._state.ctypes.data))

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs of the next frame by name, the new state among them, given its inputs beside the state."""
        given = [np.ascontiguousarray(feeds[value.name], value.dtype) for value in self._inputs]
        results = [np.empty(value.shape, value.dtype) for value in self._outputs]
        state = [self._state] if self._source.state_bytes else []
        self._function(*(ctypes.c_void_p(array.ctypes.data) for array in (*state, *given, *results, self._arena)))
        named = dict(zip((value.name for value in self._outputs), results, strict=True))
        return named | self._states()

    def follow(self, results: dict[str, np.ndarray]) -> None:
        """Let the next frame begin with the state among these outputs."""
        for new, memory in self._memories().items():
            memory[...] = results[new]

    def _states(self) -> dict[str, np.ndarray]:
        """What the last frame has left, by the names of the outputs."""
        return {new: memory.copy() for new, memory in self._memories().items()}

    def _memories(self) -> dict[str, np.ndarray]:
        """Where each part of the state lies, by the names of the outputs."""
        values = {value.name: value for value in self._graph.outputs}
        found = {}
        for new, old in self._graph.states.items():
            begin, value = self._source.state_places[old], values[new]
            memory = self._state[begin : begin + value.size * value.dtype.itemsize]
            found[new] = memory.view(value.dtype).reshape(value.shape)
        return found


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


def reference_model(model: Path, given: Given | None = None) -> str | bytes:
    """An ONNX file as ONNX Runtime takes it: where it is, or what it becomes by what is given."""
    return load(model, given).SerializeToString() if given is not None and given.changes_the_file else str(model)


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
