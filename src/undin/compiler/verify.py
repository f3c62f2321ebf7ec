"""Compiled code against ONNX Runtime, frame by frame, each with the state that it made itself.

Where they differ, a second build that hands out every value of the network says which tensor is the first to differ.
"""

import ctypes
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from undin.compiler.emit.source import Source
from undin.compiler.ir.files import Given, load
from undin.compiler.ir.graph import Graph, Value
from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import as_lowered, metadata_of, simplify
from undin.compiler.session import CompiledSession, Session, load_step, reference_model, reference_step
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS, X86_VARIANTS, Variant
from undin.model.stft import Analysis

TOLERANCE = 1e-4
"""Of the largest value of a tensor in ONNX Runtime: what may differ by order of summation alone, after 1,000 frames."""

HALF_TOLERANCE = 1e-2
"""The same for float16, whose steps between any two nodes ONNX Runtime rounds."""

NOISE_LEVEL = 0.1
"""Root mean square of the noise that takes the place of audio, full scale is 1."""

MAX_OUTPUTS = 500
"""Of one debug build: ctypes passes 1024 arguments at most."""


@dataclass(frozen=True)
class Difference:
    """A tensor that is not the same; `error` is relative to its largest value in ONNX Runtime."""

    tensor: str
    shape: tuple[int, ...]
    frame: int
    error: float


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes
    ----------
    frames : int
    error : float
        The largest difference of any output, relative to the largest value of that output in ONNX Runtime.
    output : Difference or None
        The first output that differs by more than `TOLERANCE`; None if all agree.
    tensor : Difference or None
        The first tensor inside that does, in the first frame where any does. None if all agree, or if they do as
        long as each is kept: then what joins steps, or lets them share memory, is at fault.
    """

    frames: int
    error: float
    output: Difference | None = None
    tensor: Difference | None = None


def verify(
    model: Path,
    source: Source,
    library: Path,
    *,
    samples: np.ndarray | None = None,
    given: Given | None = None,
    frames: int = 1000,
    seed: int = 0,
) -> Verification:
    """Compare a compiled library with ONNX Runtime.

    Parameters
    ----------
    model : Path
        ONNX file.
    source : Source
        The C that `translate` made of it.
    library : Path
        What `build` made of that for this machine.
    samples : ndarray, shape (N,), float32, in [-1, 1], optional
        Audio at the model's rate, only for models of undin; seeded noise if not given.
    given : Given, optional
        What the file leaves open about its inputs, as `read` takes it.
    frames : int
        How many to run, fewer where `samples` are.
    seed : int
        Of the noise.

    Raises
    ------
    ValueError
        There are samples for a model that is not undin's, or less than a hop of them.
    """
    graph = read_graph(model, given)
    feeds = list(itertools.islice(_feeds(graph, samples, seed), frames))
    if not feeds:
        raise ValueError("a check needs a hop of samples at least")
    if source.is_model:
        step = load_step(library, f"{source.prefix}_run", graph, arena_bytes=source.arena_bytes)
        one: Session | CompiledSession = Session(step, graph.inputs, graph.states)
    else:
        one = CompiledSession(library, source, graph)
    other = Session(reference_step(reference_model(model, given), as_written=True), graph.inputs, graph.states)
    found = _compare(one, other, feeds, values=graph.outputs)
    output = found.first()
    tensor = _first_inside(model, given, feeds, _instructions(library, source.prefix)) if output else None
    return Verification(len(feeds), found.largest(), output, tensor)


def _feeds(graph: Graph, samples: np.ndarray | None, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """What each frame is given beside the state; noise has no end."""
    generator, metadata = np.random.default_rng(seed), metadata_of(graph)
    if metadata is None:
        if samples is not None:
            raise ValueError(f"{graph.name} is no model of undin, so nobody knows what it makes of samples")
        states = set(graph.states.values())
        while True:
            yield {value.name: _noise(value, generator) for value in graph.inputs if value.name not in states}
    analysis = Analysis(metadata.n_fft, metadata.window, metadata.hop)
    hops: Iterable[np.ndarray]
    if samples is None:
        hops = (generator.normal(0, NOISE_LEVEL, metadata.hop) for _ in itertools.count())
    else:
        hops = np.split(samples, range(metadata.hop, len(samples), metadata.hop))
    for hop in hops:
        if len(hop) == metadata.hop:
            spec = analysis.process(hop.astype(np.float32)).view(np.float32)
            yield {graph.inputs[0].name: spec.reshape(graph.inputs[0].shape)}


def _noise(value: Value, generator: np.random.Generator) -> np.ndarray:
    if value.dtype.kind == "f":
        return generator.standard_normal(value.shape, np.float32).astype(value.dtype)
    return generator.integers(0, 2, value.shape).astype(value.dtype)


class _Found:
    """Differences of some tensors over frames."""

    def __init__(self, values: Sequence[Value]):
        self.values = values
        self.errors: list[list[float]] = []  # by frame and tensor
        self.peaks = np.full(len(values), np.finfo(np.float32).tiny, np.float64)

    def add(self, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
        """Compare one frame."""
        self.errors.append([_largest_difference(ours[value.name], theirs[value.name]) for value in self.values])
        peaks = [np.abs(theirs[value.name], dtype=np.float64) for value in self.values]
        finite = [np.max(peak, where=np.isfinite(peak), initial=0) for peak in peaks]
        self.peaks = np.maximum(self.peaks, finite)

    def largest(self) -> float:
        """The largest error, relative to the peaks."""
        return float(np.max(np.array(self.errors) / self.peaks))

    def first(self) -> Difference | None:
        """The first tensor of the first frame that differs."""
        errors = np.array(self.errors) / self.peaks
        allowed = [HALF_TOLERANCE if value.dtype == np.float16 else TOLERANCE for value in self.values]
        if not (errors > allowed).any():
            return None
        frame, index = np.argwhere(errors > allowed)[0]
        value = self.values[index]
        return Difference(value.name, value.shape, int(frame), float(errors[frame, index]))


def _largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Infinite where one of the two is infinite or not a number, or of another shape, and the other is not the same."""
    if ours.shape != theirs.shape:
        return np.inf
    with np.errstate(invalid="ignore"):
        difference = np.abs(np.subtract(ours, theirs, dtype=np.float64))
    same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    return float(np.max(np.where(same, 0, np.nan_to_num(difference, nan=np.inf)), initial=0))


def _compare(
    ours: Session | CompiledSession, theirs: Session, feeds: Sequence[dict[str, np.ndarray]], *, values: Sequence[Value]
) -> _Found:
    """Run both over all frames; `values` are compared."""
    found = _Found(values)
    for feed in feeds:
        found.add(ours.run(feed), theirs.run(feed))
    return found


def _first_inside(
    model: Path, given: Given | None, feeds: Sequence[dict[str, np.ndarray]], features: tuple[str, ...]
) -> Difference | None:
    """The first tensor that differs, found with builds and sessions that hand out every value, some at a time."""
    target = replace(TARGETS["native"], variants=(Variant("", features),))
    known = {value.name: value.shape for value in _values(read_graph(model, given))}
    for start in itertools.count(0, MAX_OUTPUTS):
        graph, proto = read_graph(model, given), load(model, given)
        outputs, pairs = list(graph.outputs), graph.states
        simplify(graph)
        made = {name for node in proto.graph.node for name in node.output}  # and not in a branch
        values = [value for value in _values(graph) if known.get(value.name) == value.shape and value.name in made]
        values = values[start : start + MAX_OUTPUTS]
        if not values:
            break
        graph.outputs = [*outputs, *(value for value in values if value not in outputs)]
        proto.graph.output.extend(onnx.ValueInfoProto(name=value.name) for value in graph.outputs[len(outputs) :])
        theirs = reference_step(proto.SerializeToString(), as_written=True)
        with tempfile.TemporaryDirectory(prefix="undin") as folder:
            source = as_lowered(graph)
            library = build(source, Path(folder), target=target)
            ours = load_step(library, f"{source.prefix}_run", graph, arena_bytes=source.arena_bytes)
            one, other = (Session(step, graph.inputs, pairs) for step in (ours, theirs))
            found = _compare(one, other, feeds, values=values)
        if first := found.first():
            return first
    return None


def _values(graph: Graph) -> list[Value]:
    """What the nodes of a graph compute at run time, in their order."""
    return [value for node in graph.nodes for value in node.outputs if value and value.constant is None]


def _instructions(library: Path, prefix: str) -> tuple[str, ...]:
    """What the variant of a library that runs here may use."""
    try:
        name = ctypes.CDLL(str(library))[f"{prefix}_variant"]
    except AttributeError:  # it has but one
        return ()
    name.restype = ctypes.c_char_p
    return next(variant.features for variant in X86_VARIANTS if variant.suffix == f"_{name().decode()}")
