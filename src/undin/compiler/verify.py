"""Compiled code against ONNX Runtime, frame by frame, each with the state that it made itself.

A network with integers inside rounds to steps, and sums in another order may round to the next: what differs so differs
seldom, never at the same place in many frames. There each frame begins with the state that ONNX Runtime made.

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

ROUNDING = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"}
"""Operators whose results are steps."""

MAX_ROUNDED, LARGEST_ROUNDED = 0.25, 0.1
"""In networks with such operators: in which part of all frames a value may differ by more than the tolerance, and by
what part of the tensor's largest value."""

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
    rounded : float
        Part of all values of outputs that differ by more than `TOLERANCE`, which integers may be rounded to.
    """

    frames: int
    error: float
    output: Difference | None = None
    tensor: Difference | None = None
    rounded: float = 0


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
    found = _compare(one, other, feeds, values=graph.outputs, may_round=_rounds(graph))
    output = found.first()
    tensor = _first_inside(model, given, feeds, _instructions(library, source.prefix)) if output else None
    return Verification(len(feeds), found.largest(), output, tensor, found.rounded())


def _rounds(graph: Graph) -> bool:
    return any(node.operator in ROUNDING for node in graph.nodes)


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
    """Differences of some tensors over frames; `may_round` says that integers may be rounded to the next step."""

    def __init__(self, values: Sequence[Value], *, may_round: bool):
        self.values, self.may_round = values, may_round
        self.errors: list[list[float]] = []  # by frame and tensor
        self.peaks = np.full(len(values), np.finfo(np.float32).tiny, np.float64)
        tolerances = [HALF_TOLERANCE if value.dtype == np.float16 else TOLERANCE for value in values]
        self.tolerances = np.array(tolerances)
        self.frames_beyond = [np.zeros(value.shape, int) for value in values]

    def add(self, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
        """Compare one frame."""
        differences = [_differences(ours[value.name], theirs[value.name]) for value in self.values]
        self.errors.append([float(np.max(difference, initial=0)) for difference in differences])
        peaks = [np.abs(theirs[value.name], dtype=np.float64) for value in self.values]
        finite = [np.max(peak, where=np.isfinite(peak), initial=0) for peak in peaks]
        self.peaks = np.maximum(self.peaks, finite)
        for beyond, difference, allowed in zip(
            self.frames_beyond, differences, self.tolerances * self.peaks, strict=True
        ):
            beyond += difference > allowed

    def largest(self) -> float:
        """The largest error, relative to the peaks."""
        return float(np.max(np.array(self.errors) / self.peaks))

    def first(self) -> Difference | None:
        """The first tensor of the first frame that differs."""
        errors = np.array(self.errors) / self.peaks
        allowed = self.tolerances
        if self.may_round:
            often = [np.max(beyond, initial=0) > MAX_ROUNDED * len(errors) for beyond in self.frames_beyond]
            allowed = np.where(often, allowed, LARGEST_ROUNDED)
        if not (errors > allowed).any():
            return None
        frame, index = np.argwhere(errors > allowed)[0]
        value = self.values[index]
        return Difference(value.name, value.shape, int(frame), float(errors[frame, index]))

    def rounded(self) -> float:
        """Part of all values that were not the same."""
        beyond = sum(int(frames.sum()) for frames in self.frames_beyond)
        return beyond / max(1, len(self.errors) * sum(value.size for value in self.values))


def _differences(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Infinite where one of the two is infinite or not a number, or of another shape, and the other is not the same."""
    if ours.shape != theirs.shape:
        return np.full(ours.shape, np.inf)
    with np.errstate(invalid="ignore"):
        difference = np.abs(np.subtract(ours, theirs, dtype=np.float64))
    same = (ours == theirs) | ((ours != ours) & (theirs != theirs))
    return np.where(same, 0, np.nan_to_num(difference, nan=np.inf))


def _compare(
    ours: Session | CompiledSession,
    theirs: Session,
    feeds: Sequence[dict[str, np.ndarray]],
    *,
    values: Sequence[Value],
    may_round: bool,
) -> _Found:
    """Run both over all frames; `values` are compared."""
    found = _Found(values, may_round=may_round)
    for feed in feeds:
        right = theirs.run(feed)
        found.add(ours.run(feed), right)
        if may_round:
            ours.follow(right)
    return found


def _first_inside(
    model: Path, given: Given | None, feeds: Sequence[dict[str, np.ndarray]], features: tuple[str, ...]
) -> Difference | None:
    """The first tensor that differs, found with builds and sessions that hand out every value, some at a time."""
    target = replace(TARGETS["native"], variants=(Variant("", features),))
    known = {value.name: value.shape for value in _values(read_graph(model, given))}
    for start in itertools.count(0, MAX_OUTPUTS):
        graph, proto = read_graph(model, given), load(model, given)
        outputs, pairs, may_round = list(graph.outputs), graph.states, _rounds(graph)
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
            found = _compare(one, other, feeds, values=values, may_round=may_round)
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
