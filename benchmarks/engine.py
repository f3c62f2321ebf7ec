"""How fast the compiled engine is, beside what it should reach: measures and writes ``engine.md``.

Networks without trained weights have random ones, which cost as much. Ten minutes of compiling and measuring on two
cores. Usage, from the repository's root::

    python benchmarks/engine.py [--seconds S]
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import grouped_network
import limits
import numpy as np
import soundfile
import streams
import torch

import undin
from undin.bench.loops import Loops
from undin.bench.measure import BLOCK, HOP_POINTERS, Measurement, measure, take_turns
from undin.bench.priority import real_time_priority
from undin.bench.subject import Subject
from undin.compiler.ir.reader import read_graph
from undin.io.files import replacing
from undin.model.loading import find
from undin.nn.export import export
from undin.nn.macs import macs_per_second, parameters
from undin.nn.networks import build_network
from undin.recording import Settings, enhance_file

PAGE = Path(__file__).with_name("engine.md")
VARIANTS = ("avx512", "avx2")
SAMPLE_RATE, N_FFT, HOP = 16_000, 512, 256
FILE_SECONDS = 60
RUNS = 9

ABOUT_STEPS = f"""\
Times are minimum / median / 99th percentile in µs on one thread, with the priority that audio usually has where the
user may: no other program gets the core while this needs it, though others may share caches with it. The step in C,
the same step in ONNX Runtime with its memory bound beforehand, and the peak take turns in blocks of {BLOCK} calls;
ratio and percent are medians over pairs of such blocks. In brackets is the ratio of the two minima, of a moment when
nobody else uses the core and its caches: company slows ONNX Runtime more. The peak is that of multiply-accumulates in
GMAC/s on vectors of the same width. The hop is all that is done in C to a hop of samples. Goals: ratio, percent of
the peak.
"""

ABOUT_USE = f"""\
With the same priority. The hop in C and `Stream.process` take turns in blocks; what is told are medians, over pairs
of blocks where two are compared. Of many streams on two threads: median / 99th percentile / maximum of the time from
when a hop is due to when it is enhanced, in that of {streams.RUNS} runs in which the host of this virtual machine
took the least time from it.
"""


@dataclass(frozen=True)
class Goal:
    """What a network step should reach: times as fast as ONNX Runtime, and percent of the peak."""

    ratio: float
    percent_of_peak: float | None = None

    def __str__(self):
        return f"{self.ratio:g}" + (f", {self.percent_of_peak:g} %" if self.percent_of_peak else "")


GOALS = {
    "undin-nano": Goal(5),
    "undin-tiny": Goal(3.5),
    "undin-small": Goal(2, percent_of_peak=35),
    "undin-base": Goal(2, percent_of_peak=35),
    "nunet_lstm": Goal(1.3),
    "GroupedNetwork": Goal(10),
}
"""By model: those that come with undin, a network of undin at full width, and one of many small nodes."""


IN_INTEGERS = ("undin-tiny", "undin-small", "undin-base")
"""Models that are measured with weights and activations of 8 bits too, calibrated on `AUDIO`."""

AUDIO = Path("examples")


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="time to spend on each network (default: 10)")
    args = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as temporary, replacing(PAGE) as partial:
        folder = Path(temporary)
        for part in (head(args.seconds), networks(folder, seconds=args.seconds), around(folder)):
            for line in part:
                print(line, flush=True)  # it takes long, and each is worth having
                lines.append(line)
        partial.write_text("\n".join([*lines, ""]), encoding="utf-8")


def head(seconds: float) -> Iterator[str]:
    """Title, machine and command."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    command = f"python benchmarks/engine.py --seconds {seconds:g}"
    yield "# Engine speed"
    yield ""
    yield f"On one core of an {names[0]} with {len(names)}, by `{command}`."
    yield f"In the quarter of an hour before, {os.getloadavg()[2]:.1f} programs wanted a core on average."
    yield ""


def networks(folder: Path, *, seconds: float) -> Iterator[str]:
    """The tables of networks."""
    yield "## Networks"
    yield ""
    yield ABOUT_STEPS
    yield (
        "| model | instructions | step | GMAC/s | of the peak | in ONNX Runtime | ratio | goal | hop "
        "| real-time factor | streams per core |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    measured = []
    for name, goal in GOALS.items():
        path = model(name, folder)
        for variant in VARIANTS:
            with real_time_priority(inherited=False):  # compilers wait as usual
                measured.append(measure(path, seconds=seconds, variant=variant))
            yield row(measured[-1], str(goal))
    for name in IN_INTEGERS:
        for variant in VARIANTS:
            with real_time_priority(inherited=False):
                one = measure(model(name, folder), seconds=seconds, variant=variant, int8=AUDIO)
            measured.append(replace(one, name=f"{name}, int8"))
            yield row(measured[-1], "")
    yield ""
    yield "| model | parameters | MMAC a step | MMAC/s | state, bytes | arena, bytes |"
    yield "|---|---|---|---|---|---|"
    for one in measured[:: len(VARIANTS)]:
        macs_per_second = f"{1e-6 * one.macs_per_second:.1f}" if one.macs_per_second else ""
        yield (
            f"| {one.name} | {one.parameters:,} | {1e-6 * one.macs_per_step:.2f} | {macs_per_second} "
            f"| {one.state_bytes:,} | {one.arena_bytes:,} |"
        )
    yield ""
    yield "## How near it can come"
    yield ""
    yield limits.ABOUT
    yield from limits.table()
    yield ""


def row(one: Measurement, goal: str) -> str:
    """What one network does with the instructions of one variant."""
    cells = [
        one.name,
        one.variant,
        one.step_us,
        f"{one.gmacs_per_second:.1f}",
        f"{one.percent_of_peak:.1f} % of {one.peak_gmacs_per_second:.1f}",
        one.onnxruntime_us,
        f"**{one.onnxruntime_ratio:.2f}** ({one.onnxruntime_us.minimum / one.step_us.minimum:.2f})",
        goal,
        *((one.hop_us, f"{one.real_time_factor:.5f}", f"{one.streams_per_core:,}") if one.hop_us else ("", "", "")),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def model(name: str, folder: Path) -> Path:
    """The ONNX file of one of `GOALS`, trained where it has been."""
    path = folder / f"{name}.onnx"
    if name in undin.models():
        return find(name)
    if name == grouped_network.GroupedNetwork.__name__:
        export_grouped(path)
    else:
        export_random(name, path)
    return path


def export_random(name: str, path: Path) -> None:
    """Export one of undin's networks at its usual width, with the weights that it was made with."""
    torch.manual_seed(1)
    network = build_network(name, sample_rate=SAMPLE_RATE, n_fft=N_FFT).eval()
    about = replace(
        undin.load("undin-tiny").metadata,  # the same analysis
        name=path.stem,
        state_size=network.state_size,
        parameters=parameters(network),
        macs_per_second=macs_per_second(network, n_fft=N_FFT, sample_rate=SAMPLE_RATE, hop=HOP),
    )
    export(network, about, path)


def export_grouped(path: Path) -> None:
    """Export `GroupedNetwork`, its states as tensors of their own, with the weights that it was made with."""
    torch.manual_seed(1)
    network = grouped_network.GroupedNetwork().eval()
    states = [f"state_{place}" for place in range(len(network.states))]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated
        torch.onnx.export(
            network,
            tuple(torch.zeros(shape) for shape in (network.input_shape, *network.states)),
            path,
            input_names=["x", *states],
            output_names=["y", *(name.replace("state", "next") for name in states)],
            opset_version=17,
            dynamo=False,
        )


def around(folder: Path) -> Iterator[str]:
    """What lies around the step of undin-tiny: the whole hop, Python, files, many streams."""
    yield "## undin-tiny in use"
    yield ""
    yield ABOUT_USE
    yield "| | measured | goal |"
    yield "|---|---|---|"
    hop_us, more_us, more_in_blocks_us = stream_overhead()
    factor = 1e-6 * hop_us * SAMPLE_RATE / HOP
    yield f"| the whole hop in C | {hop_us:.1f} µs, real-time factor {factor:.5f} | under 35 µs, 0.0022 |"
    yield f"| `Stream.process` of a hop | {more_us:.1f} µs more | under 30 µs more |"
    more_a_hop = f"{more_in_blocks_us:.1f} µs more, {more_in_blocks_us / BLOCK:.1f} a hop"
    yield f"| `Stream.process` of {BLOCK} hops at once | {more_a_hop} | no more than of one hop |"
    yield f"| a WAV file to another, {FILE_SECONDS} s | {file_speed(folder):.0f} times real time | 250 |"
    late = streams.in_python(streams=100, threads=2, seconds=10)
    yield f"| 100 streams in Python | {late} | all in time, 99 % under 4 ms |"
    late = streams.in_c(streams=800, threads=2, seconds=10)
    yield f"| 800 streams in C | {late} | all in time, 99 % under 4 ms |"
    yield ""


def stream_overhead() -> tuple[float, float, float]:
    """µs of the whole hop in C, and what `Stream.process` takes more for a block of one hop, and for one of many."""
    loops = Loops([HOP_POINTERS])
    hop = Subject(read_graph(find(streams.NAME)), loops.variant, block=BLOCK).hop
    stream = undin.Stream(SAMPLE_RATE, model=undin.load(streams.NAME, engine="compiled"))
    noise = np.random.default_rng(0).normal(0, 0.1, (BLOCK, HOP)).astype(np.float32)

    def timed_us(block: np.ndarray) -> float:
        before = time.perf_counter_ns()
        stream.process(block)
        return 1e-3 * (time.perf_counter_ns() - before)

    blocks = {
        "c": lambda: loops.time_us(hop, BLOCK),
        "hops": lambda: np.array([timed_us(block) for block in noise]),
        "block": lambda: np.array([timed_us(noise.reshape(-1)) for _ in range(8)]),
    }
    with real_time_priority():
        times = take_turns(blocks, seconds=3)
    c, hops, block = (np.median(times[name], axis=1) for name in ("c", "hops", "block"))
    return float(np.median(c)), float(np.median(hops - c)), float(np.median(block - BLOCK * c))


def file_speed(folder: Path) -> float:
    """Seconds of audio in a second, the median over some runs."""
    source, output = folder / "noise.wav", folder / "enhanced.wav"
    samples = np.random.default_rng(0).normal(0, 0.1, FILE_SECONDS * SAMPLE_RATE)
    soundfile.write(source, samples, SAMPLE_RATE)
    loaded = undin.load(streams.NAME, engine="compiled")
    durations = []
    with real_time_priority():
        for _ in range(RUNS):
            before = time.perf_counter()
            enhance_file(source, output, model=loaded, settings=Settings(str(loaded.path), None))
            durations.append(time.perf_counter() - before)
    return FILE_SECONDS / float(np.median(durations))


if __name__ == "__main__":
    main()
