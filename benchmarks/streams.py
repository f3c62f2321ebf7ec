"""Many streams of undin-tiny in real time on a few threads, in Python and in C: how late each hop is enhanced.

A hop of every stream is due every 16 ms. The streams are as far apart in time as they can be, as callers are. A thread
looks every millisecond for what is due: to wake up for each hop would cost as much as to enhance it.
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import undin
from undin.bench.priority import real_time_priority
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.targets import TARGETS
from undin.model.loading import find

NAME = "undin-tiny"
NOISE_HOPS = 256
RUNS = 5
"""Told is the one in which the host took least: now and then a virtual machine stands still, up to a quarter second."""


@dataclass(frozen=True)
class Lateness:
    """From when a hop is due to when it is enhanced, ms; and how many hops were not done when the next was due.

    `stolen_ms` is what the host of a virtual machine took from its processors meanwhile.
    """

    median: float
    p99: float
    maximum: float
    missed: int
    hops: int
    stolen_ms: float = 0.0

    def __str__(self):
        times = f"{self.median:.2f} / {self.p99:.2f} / {self.maximum:.2f} ms"
        return f"{times}, {self.missed} of {self.hops:,} hops missed, {self.stolen_ms:.0f} ms taken by the host"


def in_python(*, streams: int, threads: int, seconds: float) -> Lateness:
    """Serve so many `undin.Stream` in one process."""
    return _calmest(lambda: _in_python(streams, threads, seconds))


def _in_python(streams: int, threads: int, seconds: float) -> Lateness:
    model = undin.load(NAME, engine="compiled")
    sample_rate, hop_samples = model.metadata.sample_rate, model.metadata.hop
    hop_seconds = hop_samples / sample_rate
    noise = np.random.default_rng(0).normal(0, 0.1, (NOISE_HOPS, hop_samples)).astype(np.float32)
    late_ms = np.zeros((streams, int(seconds / hop_seconds)))
    served = [undin.Stream(sample_rate, model=model) for _ in range(streams)]
    for stream in served:
        stream.process(noise[0])  # all memory is there when it counts
    start = time.monotonic() + 0.1

    def serve(first: int) -> None:
        for hop in range(late_ms.shape[1]):
            for index in range(first, streams, threads):
                due = start + hop_seconds * (hop + index / streams)
                while time.monotonic() < due:
                    time.sleep(0.001)
                served[index].process(noise[(hop + index) % NOISE_HOPS])
                late_ms[index, hop] = 1e3 * (time.monotonic() - due)

    running = [threading.Thread(target=serve, args=(first,)) for first in range(threads)]
    with real_time_priority():
        for thread in running:
            thread.start()
    for thread in running:
        thread.join()
    missed = int(np.count_nonzero(late_ms > 1e3 * hop_seconds))
    return Lateness(*np.percentile(late_ms, (50, 99, 100)), missed, late_ms.size)


def in_c(*, streams: int, threads: int, seconds: float) -> Lateness:
    """Run ``streams.c``."""
    target = TARGETS["native"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        library = build(translate(find(NAME)), folder)
        program = folder / "streams"
        compiler = find_compiler(target)
        flags = [*compiler.flags(target, target.variants[0]), "-std=gnu11", "-O2", f"-I{folder}"]
        source = Path(__file__).with_name("streams.c")
        libraries = [library, f"-Wl,-rpath,{folder}", "-lpthread"]
        subprocess.run([*compiler.command, *flags, source, *libraries, "-o", program], check=True)
        command = [program, str(streams), str(threads), str(seconds)]
        with real_time_priority():
            return _calmest(lambda: _read(subprocess.check_output(command, text=True)))


def _read(output: str) -> Lateness:
    *times, missed, hops = output.split()
    return Lateness(*map(float, times), int(missed), int(hops))


def _calmest(run: Callable[[], Lateness]) -> Lateness:
    runs = []
    for _ in range(RUNS):
        before = _stolen_ms()
        late = run()
        runs.append(replace(late, stolen_ms=_stolen_ms() - before))
    return min(runs, key=lambda late: late.stolen_ms)


def _stolen_ms() -> float:
    """Time that all processors were ready to run and their host ran something else, since the machine started."""
    ticks = int(Path("/proc/stat").read_text().split(maxsplit=9)[8])
    return 1e3 * ticks / os.sysconf("SC_CLK_TCK")
