"""Frames to calibrate on: of the audio in a folder, for models of undin, or inputs that were recorded, for any network.

What runs over them carries its own state, from frame to frame.
"""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undin.compiler.ir.graph import Graph
from undin.compiler.pipeline import metadata_of
from undin.compiler.session import Step
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

RELATIVE_ERROR = 0.05
"""Of a state that was recorded beside that which a network has made: what differs by more begins anew."""

Frame = dict[str, np.ndarray]
"""Inputs of one frame by name; states may be missing."""


def frames_of(source: Path, graph: Graph) -> list[Frame]:
    """What a network is to be calibrated on.

    Parameters
    ----------
    source : Path
        A folder of audio, for a model of undin, or a file of recorded inputs, see `recorded_frames`.
    graph : Graph

    Raises
    ------
    OSError, ValueError
        It cannot be read, or does not fit the network.
    """
    if not source.exists():
        raise FileNotFoundError(f"there is no {source} to calibrate on")
    if source.is_file():
        return recorded_frames(source, graph)
    spec = graph.inputs[0].name
    return [{spec: frame} for frame in audio_frames(source, graph)]


def recorded_frames(file: Path, graph: Graph) -> list[Frame]:
    """Inputs as ``numpy.savez`` or a `RecordedSession` writes them.

    Parameters
    ----------
    file : Path
        An array for each input, by its name, (frames, …); states may be missing, which are zeros at first then.
    graph : Graph

    Raises
    ------
    OSError, ValueError
        It cannot be read, or does not fit the network.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, AttributeError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise ValueError(f"{file} holds no arrays as numpy.savez writes them") from error
    states = set(graph.states.values())
    values = {value.name: value for value in graph.inputs}
    if unknown := sorted(found.keys() - values.keys()):
        raise ValueError(f"{file} has {unknown[0]!r}, and {graph.name} has no such input, but {', '.join(values)}")
    for name, value in values.items():
        if name not in found:
            if name in states:
                continue
            raise ValueError(f"{file} has no {name!r}, an input of {graph.name}: record it too")
        array = found[name]
        if array.shape[1:] != value.shape or not array.ndim:
            expected = f"(frames, {', '.join(map(str, value.shape))})"
            raise ValueError(f"{name!r} in {file} has the shape {array.shape}, and {graph.name} wants {expected}")
        if not np.can_cast(array.dtype, value.dtype, "same_kind"):
            raise ValueError(f"{name!r} in {file} is of {array.dtype}, and {graph.name} wants {value.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name!r} in {file} has numbers that are not finite")
        found[name] = array.astype(value.dtype, copy=False)
    counts = {name: len(array) for name, array in found.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        told = ", ".join(f"{count} of {name!r}" for name, count in counts.items())
        raise ValueError(f"{file} must have as many frames of every input, and has {told or 'none'}")
    return [dict(zip(found, arrays, strict=True)) for arrays in zip(*found.values(), strict=True)]


class Runs:
    """A network that runs over frames and carries its own state.

    Parameters
    ----------
    step : Step
    graph : Graph
    begins : set of int, optional
        Frames whose recorded state counts. If not given, those where it is not what the network has made of the frame
        before: where a recording begins, or another; they are in the attribute of this name once it has run.
    """

    def __init__(self, step: Step, graph: Graph, begins: set[int] | None = None):
        self.step, self.inputs, self.pairs = step, graph.inputs, graph.states
        self.begins = set() if begins is None else begins
        self._finds_begins = begins is None

    def over(self, frames: Sequence[Frame]) -> Iterator[dict[str, np.ndarray]]:
        """All outputs of each frame by name."""
        states = set(self.pairs.values())
        state = {value.name: np.zeros(value.shape, value.dtype) for value in self.inputs if value.name in states}
        for index, frame in enumerate(frames):
            given = {name: array for name, array in frame.items() if name in states}
            if self._finds_begins and any(_is_new(array, state[name]) for name, array in given.items()):
                self.begins.add(index)
            if index in self.begins:
                state |= given
            results = self.step(frame | state)
            yield results
            state = {old: results[new] for new, old in self.pairs.items()}


def _is_new(recorded: np.ndarray, made: np.ndarray) -> bool:
    difference = recorded.astype(np.float64) - made
    return float(np.square(difference).sum()) > RELATIVE_ERROR**2 * float(np.square(made, dtype=np.float64).sum())


def audio_frames(folder: Path, graph: Graph) -> Iterator[np.ndarray]:
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
        reason = f"{graph.name} is no model of undin, so nobody knows what it makes of the audio in {folder}"
        raise ValueError(f"{reason}: give recorded inputs, FRAMES.npz")
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
