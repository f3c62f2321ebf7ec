"""What values a network takes on audio: it is compiled as it is, and runs with the tensors in question as outputs."""

import copy
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undin.compiler.ir.graph import Graph, Value
from undin.compiler.pipeline import as_lowered, metadata_of
from undin.compiler.session import Session, load_step
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine
from undin.engines.engine import PROCESS_HOPS, RESET, CModel, floats
from undin.io import audio
from undin.io.folder import find_files
from undin.model.loading import Model
from undin.model.metadata import Metadata
from undin.model.stft import Analysis
from undin.stream import Stream

MAX_SECONDS = 120
"""Of audio in all, evenly from the files, so that many files take no longer than a few."""

SECONDS_OF_FILE = 10
"""Of each file at least."""

KEPT = 1 << 17
"""Elements of a tensor, evenly from all frames, by which scales are judged."""


def frames_of(folder: Path, graph: Graph) -> Iterator[np.ndarray]:
    """Spectra of the audio in a folder.

    Parameters
    ----------
    folder : Path
        Its files, and those of the folders in it, of any format and rate; their first channel is heard.
    graph : Graph
        Of a model of undin.

    Yields
    ------
    ndarray, shape (1, 1, F, 2), float32

    Raises
    ------
    ValueError
        There is no audio in the folder, or the model is not undin's.
    OSError
        A file cannot be read.
    """
    metadata = metadata_of(graph)
    if metadata is None:
        raise ValueError(f"{graph.name} is no model of undin, so nobody knows what it makes of the audio in {folder}")
    files = find_files(folder)
    if not files:
        raise ValueError(f"there is no audio in {folder} to calibrate on")
    analysis = Analysis(metadata.n_fft, metadata.window, metadata.hop)
    per_file = max(-(-MAX_SECONDS // len(files)), SECONDS_OF_FILE)
    for path in files[:: -(-len(files) * per_file // MAX_SECONDS)]:
        analysis.reset()
        for frame in analysis.process(heard(path, metadata, seconds=per_file)):
            yield frame.view(np.float32).reshape(1, 1, metadata.bins, 2)


def heard(path: Path, metadata: Metadata, *, seconds: float) -> np.ndarray:
    """What a model hears of the beginning of a file: whole hops at its own rate, float32 (N,), at least one."""
    rate, length, listener = audio.read_info(path).sample_rate, 0, Listener(metadata)
    stream = Stream(rate, model=Model(path, listener))
    for block in audio.read_blocks(path):
        stream.process(block[:, 0])
        length += len(block)
        if length >= seconds * rate:
            break
    stream.flush()
    return np.concatenate(listener.hops)


class Listener:
    """An engine that keeps what it hears; see `Engine`."""

    def __init__(self, metadata: Metadata):
        self.metadata = metadata
        self.hops: list[np.ndarray] = []
        self._callbacks = RESET(lambda state: None), PROCESS_HOPS(self._process_hops)
        self.c_model = CModel.describe(metadata, *self._callbacks, state_bytes=0)

    def check(self) -> None:
        """Nothing goes wrong in keeping."""

    def _process_hops(
        self,
        _states: Any,
        _arena: Any,
        inputs: Any,
        outputs: Any,
        _channels: int,
        _linked: int,
        hops: int,
        _energies: Any,
    ) -> None:
        count = hops * self.metadata.hop
        self.hops.append(floats(inputs[0], count).copy())
        floats(outputs[0], count)[:] = 0


def observe(graph: Graph, values: Sequence[Value], frames: Iterable[np.ndarray]) -> dict[Value, np.ndarray]:
    """Run the step of a model of undin and keep what some of its tensors were.

    Parameters
    ----------
    graph : Graph
        Decomposed and rewritten; not changed.
    values : sequence of Value
        Of the graph.
    frames : iterable of ndarray

    Returns
    -------
    dict of Value to ndarray
        At most `KEPT` elements of each, flat.
    """
    watched = copy.copy(graph)
    values = list(dict.fromkeys(values))
    watched.outputs = [*graph.outputs, *(value for value in values if value not in graph.outputs)]
    spec, _state = graph.inputs
    frames = list(frames)
    kept: dict[Value, list[np.ndarray]] = {value: [] for value in values}
    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        source = as_lowered(watched)
        library = build(source, Path(folder), target=this_machine())
        step = load_step(library, f"{source.prefix}_run", watched, arena_bytes=source.arena_bytes)
        session = Session(step, graph.inputs, graph.states)
        for frame in frames:
            results = session.run({spec.name: frame})
            for value in values:
                every = max(1, len(frames) * value.size // KEPT)
                kept[value].append(results[value.name].reshape(-1)[len(kept[value]) % every :: every])
    return {value: np.concatenate(parts) for value, parts in kept.items()}
