"""What integers cost: the output of a compiled network against that of the model in floats, on the same audio."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from undin.compiler.emit.source import Source
from undin.compiler.ir.graph import Graph
from undin.compiler.session import Session, load_step, reference_step


def signal_to_error_db(
    model: Path, graph: Graph, source: Source, library: Path, frames: Iterable[np.ndarray]
) -> tuple[float, int]:
    """Compare a library in integers with ONNX Runtime.

    Parameters
    ----------
    model : Path
        ONNX file of a model of undin.
    graph : Graph
        What was lowered to `source`.
    source : Source
    library : Path
        What was built of it for this machine.
    frames : iterable of ndarray, shape of the input ``spec``

    Returns
    -------
    db : float
        Energy of the output in floats over that of the difference, dB.
    count : int
        Frames that were run, each side with the state that it made itself.
    """
    compiled = load_step(library, f"{source.prefix}_run", graph, arena_bytes=source.arena_bytes)
    ours, theirs = (Session(step, graph.inputs, graph.states) for step in (compiled, reference_step(str(model))))
    spec, enhanced = graph.inputs[0].name, graph.outputs[0].name
    signal = error = np.finfo(np.float64).tiny
    count = 0
    for frame in frames:
        exact = theirs.run({spec: frame})[enhanced]
        signal += np.sum(np.square(exact, dtype=np.float64))
        error += np.sum(np.square(ours.run({spec: frame})[enhanced] - exact, dtype=np.float64))
        count += 1
    return float(10 * np.log10(signal / error)), count
