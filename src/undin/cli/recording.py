"""One recording through a `Stream`, file to file or pipe to pipe, and a report of how that went.

Offline is the live path in a loop: the first `latency_samples` of the stream's output are left out and its flush is
added, so what comes out has the length of the input and lines up with it. The command around it is `enhance.py`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from undin import Stream
from undin.cli.outputs import Job
from undin.engines.engine import MAX_SAMPLE
from undin.io import audio
from undin.model.loading import Model

PIPE_READ_BYTES = 65536
RAW_TYPES = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


@dataclass(frozen=True)
class Report:
    """What one recording was like and what its enhancement took.

    Attributes
    ----------
    title : str
        Where it came from and went to.
    sample_rate, latency_samples : int
        Of its stream: Hz, and samples at that rate.
    audio_seconds, processing_seconds : float
        Its length, and the time that its stream took; reading and writing are not counted.
    level_dbfs, peak_dbfs : float
        Root mean square and peak of the input over all channels, dB relative to a sample of 1; -inf for silence.
    warnings : tuple of str
        What was odd about the input.
    """

    title: str
    sample_rate: int
    latency_samples: int
    audio_seconds: float
    processing_seconds: float
    level_dbfs: float
    peak_dbfs: float
    warnings: tuple[str, ...]


class Tally:
    """Counts what goes through a `Stream`: length, level, odd samples, time. What the stream takes as silence is 0."""

    def __init__(self):
        self.length_samples = 0
        self.unusable = 0
        self.processing_seconds = 0.0
        self._values = 0
        self._energy = 0.0
        self._peak = 0.0

    def add(self, block: np.ndarray) -> None:
        """Count a block of input (n, channels)."""
        self.length_samples += len(block)
        self._values += block.size
        peak = np.abs(block).max(initial=0)
        if not peak < MAX_SAMPLE:
            usable = np.abs(block) < MAX_SAMPLE
            self.unusable += block.size - int(np.count_nonzero(usable))
            block = np.where(usable, block, 0)
            peak = np.abs(block).max(initial=0)
        self._energy += float(np.vdot(block, block))
        self._peak = max(self._peak, float(peak))

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time that the block of the `with` takes."""
        start = time.perf_counter()
        yield
        self.processing_seconds += time.perf_counter() - start

    @property
    def level_dbfs(self) -> float:
        """Root mean square, dB relative to a sample of 1."""
        return _decibels(np.sqrt(self._energy / max(1, self._values)))

    @property
    def peak_dbfs(self) -> float:
        """Largest magnitude, dB relative to a sample of 1."""
        return _decibels(self._peak)


def enhance_file(
    job: Job, *, model: Model, atten_lim_db: float | None, on_seconds: Callable[[float], None] = lambda seconds: None
) -> Report:
    """Enhance one file in constant memory.

    Parameters
    ----------
    job : Job
        What to read and where to write; the folder of the output is made where it is missing.
    model, atten_lim_db
        As in `Stream`.
    on_seconds : callable
        Told after each block how many more seconds of audio are done.

    Raises
    ------
    OSError, ValueError
        The input cannot be read or the output cannot be written; nothing is left at the output's place.
    """
    info = audio.read_info(job.source)
    output_info = audio.output_info(job.output, source=job.source, source_info=info)
    stream = Stream(info.sample_rate, channels=info.channels, model=model, atten_lim_db=atten_lim_db)
    tally = Tally()
    job.output.parent.mkdir(parents=True, exist_ok=True)
    with audio.open_writer(job.output, output_info) as write:
        for block in enhance_blocks(audio.read_blocks(job.source), stream=stream, tally=tally):
            write(block)
            on_seconds(len(block) / info.sample_rate)
    warnings = []
    if not tally.length_samples:
        warnings.append("has no samples, so its output is empty too")
    elif info.length_samples is not None and tally.length_samples < info.length_samples:
        promised, found = info.length_samples / info.sample_rate, tally.length_samples / info.sample_rate
        warnings.append(f"ends after {found:.1f} s, but its header promises {promised:.1f} s")
    return _report(f"{job.source} -> {job.output}", stream, tally, warnings)


def enhance_pipe(source: BinaryIO, sink: BinaryIO, *, stream: Stream, sample_format: str) -> Report:
    """Enhance raw interleaved samples as they arrive, until `source` ends; output equals input in length and lines up.

    Parameters
    ----------
    source, sink : binary files
        `source` is a buffered reader: what has arrived is enhanced and written at once.
    stream : Stream
        Fresh, of the rate and channels of the samples.
    sample_format : str
        One of `RAW_TYPES`.
    """
    tally = Tally()
    warnings: list[str] = []
    blocks = _raw_blocks(source, channels=stream.channels, dtype=RAW_TYPES[sample_format], warnings=warnings)
    for block in enhance_blocks(blocks, stream=stream, tally=tally):
        raw = audio.quantize(block, bits=16) if sample_format == "s16le" else block
        sink.write(raw.astype(RAW_TYPES[sample_format]).tobytes())
        sink.flush()
    return _report("standard input -> standard output", stream, tally, warnings)


def enhance_blocks(blocks: Iterable[np.ndarray], *, stream: Stream, tally: Tally) -> Iterator[np.ndarray]:
    """Yield the enhanced signal, lined up with the input and of its length, in blocks of other sizes.

    Parameters
    ----------
    blocks : iterable of ndarray (n, channels), float32
    stream : Stream
        Fresh, of as many channels.
    tally : Tally
        Counts what goes through.
    """
    to_skip = stream.latency_samples
    for block in blocks:
        tally.add(block)
        with tally.timed():
            enhanced = stream.process(block)
        skipped = min(to_skip, len(enhanced))
        to_skip -= skipped
        yield enhanced[skipped:]
    with tally.timed():
        rest = stream.flush().reshape(-1, stream.channels)
    yield rest[to_skip:]


def _raw_blocks(source: BinaryIO, *, channels: int, dtype: np.dtype, warnings: list[str]) -> Iterator[np.ndarray]:
    sample_bytes = channels * dtype.itemsize
    rest = b""
    while data := source.read1(PIPE_READ_BYTES):
        data = rest + data
        whole = len(data) // sample_bytes * sample_bytes
        rest = data[whole:]
        block = np.frombuffer(data[:whole], dtype).reshape(-1, channels).astype(np.float32)
        yield block / np.float32(32768) if dtype.kind == "i" else block
    if rest:
        warnings.append(f"ended within a sample, its last {len(rest)} bytes are left out")


def _report(title: str, stream: Stream, tally: Tally, warnings: list[str]) -> Report:
    if tally.unusable:
        warnings.append(f"{tally.unusable} samples were not finite or far too large, and were taken as silence")
    return Report(
        title=title,
        sample_rate=stream.sample_rate,
        latency_samples=stream.latency_samples,
        audio_seconds=tally.length_samples / stream.sample_rate,
        processing_seconds=tally.processing_seconds,
        level_dbfs=tally.level_dbfs,
        peak_dbfs=tally.peak_dbfs,
        warnings=tuple(warnings),
    )


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude else -np.inf
