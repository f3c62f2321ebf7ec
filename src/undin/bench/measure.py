"""How fast a compiled model runs here: its step, its whole hop, the peak of the processor, the step in ONNX Runtime.

The machine may be busy with other things and its clock may change at any time. So the four take turns in short blocks,
and what compares two of them is the median of the ratios of neighbouring blocks. What runs is in ``subject.py``, what
takes the time in ``loops.py``.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from undin.bench.litert import LiteRtSubject
from undin.bench.loops import Loops
from undin.bench.memory import StepMemory
from undin.bench.reference import OrtStep
from undin.bench.subject import Subject
from undin.compiler.ir.files import Given
from undin.compiler.ir.reader import read_graph
from undin.compiler.passes.quantize import frames_of, quantize
from undin.compiler.toolchain.cache import instructions
from undin.compiler.toolchain.targets import Variant
from undin.model.tflite import SUFFIX

BLOCK = 64
"""Calls in a block; even, so that the last leaves its state where the first looks for it."""

HOP_POINTERS = 8
"""Parameters of the whole hop, `process_hops` of undin.h; numbers go the same way as pointers."""

WARM_UP = 4
"""Calls at the start of a block that do not count: the caches still hold what the block before has used."""


@dataclass(frozen=True)
class Durations:
    """Of one call, µs, over all calls that count."""

    minimum: float
    median: float
    p99: float

    def __str__(self):
        return f"{self.minimum:.1f} / {self.median:.1f} / {self.p99:.1f}"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What `measure` found; what only a model of undin has is None for others.

    Attributes
    ----------
    name, variant : str
        Of the model, and of the instructions that it used, or ``LiteRT``.
    parameters, macs_per_step : int
    macs_per_second : float, optional
        Of audio.
    state_bytes : int
        Memory of a stream.
    arena_bytes : int, optional
        Working memory that streams of a thread share; LiteRT does not tell it.
    step_us : Durations
        The network alone.
    hop_us : Durations, optional
        The whole hop: window, transforms, network, overlap-add, mix.
    real_time_factor : float, optional
        Duration of the median hop over that of its audio.
    streams_per_core : int, optional
        How many times the median hop fits into its audio.
    gmacs_per_second : float
        10⁹ multiply-accumulates a second in the median step.
    peak_gmacs_per_second : float
        In the median run of a loop that does nothing else, on vectors of the same width.
    percent_of_peak : float
        Median over pairs of neighbouring blocks.
    onnxruntime_us : Durations, optional
        The same step in ONNX Runtime; None where that is not installed.
    onnxruntime_ratio : float, optional
        How many times as long it takes there: median over pairs of neighbouring blocks.
    pairs : int
        Blocks of each kind.
    """

    name: str
    variant: str
    parameters: int
    macs_per_step: int
    macs_per_second: float | None
    state_bytes: int
    arena_bytes: int | None
    step_us: Durations
    hop_us: Durations | None
    real_time_factor: float | None
    streams_per_core: int | None
    gmacs_per_second: float
    peak_gmacs_per_second: float
    percent_of_peak: float
    onnxruntime_us: Durations | None
    onnxruntime_ratio: float | None
    pairs: int


def measure(
    model: Path, given: Given | None = None, *, seconds: float, variant: str | None = None, int8: Path | None = None
) -> Measurement:
    """Compile a model for one variant of this machine's code, and measure it on one thread.

    Parameters
    ----------
    model : Path
        ONNX file; or a TFLite file, which LiteRT runs as it is.
    given : Given, optional
        What it leaves open about its inputs.
    seconds : float
        How long to go on, preparations aside; one round at least.
    variant : str, optional
        Instructions to use, a name of `X86_VARIANTS`; the best of this machine if not given.
    int8 : Path, optional
        Folder of audio to calibrate on: the model is then compiled in integers.

    Raises
    ------
    OSError, ValueError
        The model cannot be read or compiled, or the machine lacks the instructions.
    """
    if model.suffix == SUFFIX:
        return _on_litert(model, seconds=seconds, asked={"variant": variant, "int8": int8})
    graph = read_graph(model, given)
    loops = Loops([HOP_POINTERS, len(graph.inputs) + len(graph.outputs) + 1], variant=variant)
    memory = StepMemory(read_graph(model, given), BLOCK)  # of the graph as it is, which a subject changes
    mark = None
    if int8 is not None:
        frames = frames_of(int8, graph)
        mark = partial(quantize, frames=frames)
        _refuse_missing(loops.variant)
    subject = Subject(graph, loops.variant, block=BLOCK, mark=mark)
    calls = {"hop": subject.hop, "peak": loops.peak, "step": subject.step}
    blocks = {name: partial(loops.time_us, call, BLOCK) for name, call in calls.items() if call}
    if find_spec("onnxruntime"):
        blocks["onnxruntime"] = OrtStep(model, memory, BLOCK, given).time_us
    times = take_turns(blocks, seconds=seconds)
    return _summary(subject, loops, times, variant=loops.variant.suffix.removeprefix("_"))


def _on_litert(model: Path, *, seconds: float, asked: dict[str, object]) -> Measurement:
    for option, value in asked.items():
        if value is not None:
            raise ValueError(f"--{option} is for code that undin compiles, and {model} runs on LiteRT as it is")
    subject, loops = LiteRtSubject(model, BLOCK), Loops([])
    blocks = {"hop": subject.hop_us, "peak": partial(loops.time_us, loops.peak, BLOCK), "step": subject.step_us}
    return _summary(subject, loops, take_turns(blocks, seconds=seconds), variant="LiteRT")


def _refuse_missing(variant: Variant) -> None:
    """Say which instruction for integers this machine lacks, before a program ends for it."""
    if missing := [name for name in variant.for_integers if name not in instructions()]:
        raise ValueError(f"this processor has no {missing[0]}, which integers use there: choose another variant")


def take_turns(blocks: dict[str, Callable[[], np.ndarray]], *, seconds: float) -> dict[str, np.ndarray]:
    """Run blocks of several kinds in turn.

    Parameters
    ----------
    blocks : dict of str to callable
        Each runs a block and returns the durations of its calls, µs, more than `WARM_UP` of them.
    seconds : float
        How long to go on; one round at least.

    Returns
    -------
    dict of str to ndarray, shape (rounds, calls that count)
    """
    times: dict[str, list[np.ndarray]] = {name: [] for name in blocks}
    end = time.monotonic() + seconds
    for round_ in itertools.count():
        if round_ and time.monotonic() > end:
            break
        for name, run in blocks.items():
            times[name].append(run()[WARM_UP:])
    return {name: np.array(rounds) for name, rounds in times.items()}


def _summary(
    subject: Subject | LiteRtSubject, loops: Loops, times: dict[str, np.ndarray], *, variant: str
) -> Measurement:
    macs = subject.macs_per_step
    durations = {
        name: Durations(float(us.min()), float(np.median(us)), float(np.percentile(us, 99)))
        for name, us in times.items()
    }
    by_block = {name: np.median(us, axis=1) for name, us in times.items()}
    shares = macs / by_block["step"] / (loops.peak_macs / by_block["peak"])
    hops_per_second = factor = ratio = None
    if subject.metadata is not None:
        hops_per_second = subject.metadata.sample_rate / subject.metadata.hop
        factor = 1e-6 * durations["hop"].median * hops_per_second
    if "onnxruntime" in by_block:
        ratio = float(np.median(by_block["onnxruntime"] / by_block["step"]))
    return Measurement(
        name=subject.name,
        variant=variant,
        parameters=subject.parameters,
        macs_per_step=macs,
        macs_per_second=hops_per_second and macs * hops_per_second,
        state_bytes=subject.state_bytes,
        arena_bytes=subject.arena_bytes,
        step_us=durations["step"],
        hop_us=durations.get("hop"),
        real_time_factor=factor,
        streams_per_core=factor and int(1 / factor),
        gmacs_per_second=1e-3 * macs / durations["step"].median,
        peak_gmacs_per_second=1e-3 * loops.peak_macs / durations["peak"].median,
        percent_of_peak=float(100 * np.median(shares)),
        onnxruntime_us=durations.get("onnxruntime"),
        onnxruntime_ratio=ratio,
        pairs=len(times["step"]),
    )
