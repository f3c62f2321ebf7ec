"""One recording through a `Stream`, file to file or pipe to pipe, and a report of how that went.

Offline is the live path in a loop: the first `latency_samples` of the stream's output are left out and its flush is
added, so what comes out has the length of the input and lines up with it. The command around it is `cli/enhance.py`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from undin import Stream
from undin.engines.engine import MAX_SAMPLE
from undin.io import audio, pcm, tags
from undin.io.pipe import Pipe
from undin.model.loading import Model

RAW_FORMATS = {
    "s16le": ("PCM_16", "<"),
    "f32le": ("FLOAT", "<"),
    "u8": ("PCM_U8", "<"),
    "s16be": ("PCM_16", ">"),
    "s24le": ("PCM_24", "<"),
    "s32le": ("PCM_32", "<"),
    "f64le": ("DOUBLE", "<"),
    "alaw": ("ALAW", "<"),
    "mulaw": ("ULAW", "<"),
}
"""Raw samples by the names that ffmpeg gives them: encoding and order of bytes."""

RAW_RATE_HZ = 16_000
RAW_BLOCK_BYTES = 65536
LOUD = 4.0
"""Samples beyond so many times full scale were not meant by it: a model hears nothing like them in training."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all files: as in `Stream`, what the samples have in place of 1, the quality of lossy outputs
    (as in `AudioInfo`), and whether outputs get their inputs' times."""

    model: str | None
    atten_lim_db: float | None
    full_scale: float = 1.0
    quality: float | None = None
    keep_times: bool = False


@dataclass(frozen=True)
class RecordingReport:
    """What one recording was like and what its enhancement took.

    Attributes
    ----------
    title : str
        Where it came from and went to.
    sample_rate, channels, latency_samples : int
        Of its stream: Hz, how many, and samples at that rate.
    audio_seconds, processing_seconds : float
        Its length, and the time that its stream took; reading and writing are not counted.
    level_dbfs, peak_dbfs : float
        Root mean square and peak of the input over all channels, dB relative to a sample of 1; -inf for silence.
    enhanced_dbfs, removed_dbfs : float
        Root mean square of the output, and of what was taken away: the input minus the output.
    warnings : tuple of str
        What was odd about the input.
    """

    title: str
    sample_rate: int
    channels: int
    latency_samples: int
    audio_seconds: float
    processing_seconds: float
    level_dbfs: float
    peak_dbfs: float
    enhanced_dbfs: float
    removed_dbfs: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    """What samples without a header are like: rate in Hz, None where nobody told, channels, one of `RAW_FORMATS`."""

    sample_rate: int | None = None
    channels: int = 1
    sample_format: str = "s16le"


class Levels:
    """Root mean squares of a signal, of what it became, and of the difference; dB, -inf for silence."""

    def __init__(self):
        self.length_samples = 0
        self._values = 0
        self._energies = np.zeros(3)

    def add(self, block: np.ndarray, enhanced: np.ndarray) -> None:
        """Count a block of input and the block of output (n, channels) that it became."""
        removed = block - enhanced
        self.length_samples += len(block)
        self._values += block.size
        self._energies += [np.vdot(block, block), np.vdot(enhanced, enhanced), np.vdot(removed, removed)]

    @property
    def input_dbfs(self) -> float:
        return self._dbfs(0)

    @property
    def enhanced_dbfs(self) -> float:
        return self._dbfs(1)

    @property
    def removed_dbfs(self) -> float:
        return self._dbfs(2)

    def _dbfs(self, which: int) -> float:
        return _decibels(np.sqrt(self._energies[which] / max(1, self._values)))


class Tally:
    """Counts what goes through a `Stream`: length, levels, odd samples, time. What the stream takes as silence is 0."""

    def __init__(self):
        self.levels = Levels()
        self.unusable = 0
        self.processing_seconds = 0.0
        self.peak = 0.0

    @property
    def length_samples(self) -> int:
        """Of the input, as far as it came out."""
        return self.levels.length_samples

    def usable(self, block: np.ndarray) -> np.ndarray:
        """Count the peak and the odd samples of a block of input (n, channels); return it as the stream hears it."""
        peak = np.abs(block).max(initial=0)
        if not peak < MAX_SAMPLE:
            usable = np.abs(block) < MAX_SAMPLE
            self.unusable += block.size - int(np.count_nonzero(usable))
            block = np.where(usable, block, 0)
            peak = np.abs(block).max(initial=0)
        self.peak = max(self.peak, float(peak))
        return block

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time that the block of the `with` takes."""
        start = time.perf_counter()
        yield
        self.processing_seconds += time.perf_counter() - start

    @property
    def peak_dbfs(self) -> float:
        """Largest magnitude, dB relative to a sample of 1."""
        return _decibels(self.peak)


def enhance_file(
    source: Path,
    output: Path,
    *,
    model: Model | None,
    settings: Settings,
    on_seconds: Callable[[float], None] = lambda seconds: None,
    on_pair: Callable[[np.ndarray, np.ndarray, int], None] | None = None,
) -> RecordingReport:
    """Enhance one file in constant memory.

    Parameters
    ----------
    source, output : Path
        What to read and where to write; the folder of the output is made where it is missing.
    model : Model or None
        None takes that for the rate of the file.
    settings : Settings
        Of all files of the run.
    on_seconds : callable
        Told after each block how many more seconds of audio are done.
    on_pair : callable, optional
        Given each block of input, of output relative to full scale (n, channels), and their rate in Hz.

    Raises
    ------
    OSError, ValueError
        The input cannot be read or the output cannot be written; nothing is left at the output's place.
    """
    with audio.open_reader(source) as reader:
        output_info = audio.output_info(output, source=source, source_info=reader.info)
        output_info = replace(output_info, quality=settings.quality)
        stream = open_stream(reader, model, settings)
        tally = Tally()
        output.parent.mkdir(parents=True, exist_ok=True)
        blocks, beside = reader.blocks(audio.BLOCK_SAMPLES), reader.beside()
        with audio.open_writer(output, output_info, beside=beside) as write:
            scale = np.float32(settings.full_scale)
            for block, enhanced in enhance_pairs(blocks, stream=stream, tally=tally, full_scale=settings.full_scale):
                write(enhanced if scale == 1 else enhanced * scale)
                if on_pair:
                    on_pair(block, enhanced, stream.sample_rate)
                on_seconds(len(enhanced) / stream.sample_rate)
    notes = [*reader.notes, *_changes(reader.info, output_info, beside)]
    return _report(f"{source} -> {output}", stream, tally, notes, full_scale=settings.full_scale)


def enhance_standard_input(
    source: BinaryIO,
    sink: BinaryIO,
    *,
    raw: Raw,
    model: Model | None,
    settings: Settings,
    on_block: Callable[[np.ndarray], None] = lambda block: None,
) -> RecordingReport:
    """Enhance what comes through a pipe: a file with a header as that file, anything else as raw samples.

    Plain WAV and raw samples come out as they arrive; what else there is must end first.

    Parameters
    ----------
    source, sink : binary files
        `source` is a buffered reader.
    raw : Raw
        What raw samples are like.
    model, settings
        As in `enhance_file`.
    on_block : callable
        Told each block before it is written; what it raises ends the work.
    """
    tally = Tally()
    pipe = Pipe(source)
    with ExitStack() as stack:
        if audio.recognise(pipe):
            pipe.seek(0)
            reader = audio.open_pipe_reader(pipe, name="standard input", stack=stack)
            stream = open_stream(reader, model, settings)
            blocks, beside = reader.blocks(audio.BLOCK_SAMPLES), reader.beside()
            enhanced = enhance_blocks(blocks, stream=stream, tally=tally, full_scale=settings.full_scale)
            output_info = audio.output_info("", source="", source_info=reader.info)
            output_info = replace(output_info, quality=settings.quality)
            with audio.open_sink(sink, output_info, beside=beside) as write:
                for block in enhanced:
                    on_block(block)
                    write(block)
            notes = [*reader.notes, *_changes(reader.info, output_info, beside)]
            kind = f"{output_info.format}, {stream.sample_rate} Hz"
            if raw.sample_rate not in (None, reader.info.sample_rate):
                notes.append(f"has a header, which says {reader.info.sample_rate} Hz: --rate was left out of account")
        else:
            pipe.seek(0)
            notes = [] if raw.sample_rate else [f"raw samples, taken as {RAW_RATE_HZ} Hz: --rate names another rate"]
            rate, limit = raw.sample_rate or RAW_RATE_HZ, settings.atten_lim_db
            stream = Stream(rate, channels=raw.channels, model=model, atten_lim_db=limit)
            kind = f"raw {raw.sample_format}, {stream.sample_rate} Hz"
            subtype, order = RAW_FORMATS[raw.sample_format]
            blocks = raw_blocks(pipe, raw, notes=notes)
            for block in enhance_blocks(blocks, stream=stream, tally=tally, full_scale=settings.full_scale):
                on_block(block)
                sink.write(pcm.encode(block, subtype=subtype, order=order))
                sink.flush()
    title = f"standard input -> standard output ({kind})"
    return _report(title, stream, tally, notes, full_scale=settings.full_scale)


def enhance_blocks(
    blocks: Iterable[np.ndarray], *, stream: Stream, tally: Tally, full_scale: float = 1.0
) -> Iterator[np.ndarray]:
    """Yield the enhanced signal, lined up with the input and of its length, in blocks of other sizes.

    Parameters
    ----------
    blocks : iterable of ndarray (n, channels), float32
    stream : Stream
        Fresh, of as many channels.
    tally : Tally
        Counts what goes through.
    full_scale : float
        What the samples have in place of 1.
    """
    scale = np.float32(full_scale)
    for _, enhanced in enhance_pairs(blocks, stream=stream, tally=tally, full_scale=full_scale):
        yield enhanced if full_scale == 1 else enhanced * scale


def enhance_pairs(
    blocks: Iterable[np.ndarray], *, stream: Stream, tally: Tally, full_scale: float = 1.0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the input and the enhanced signal of the same samples, as `enhance_blocks` does, relative to full scale."""
    to_skip = stream.latency_samples
    scale = np.float32(full_scale)
    waiting: list[np.ndarray] = []  # input whose output has not come yet: the latency, and a block at most

    def paired(enhanced: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        heard = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
        waiting[:] = [heard[len(enhanced) :]]
        tally.levels.add(heard[: len(enhanced)], enhanced)
        return heard[: len(enhanced)], enhanced

    for block in blocks:
        block = block if full_scale == 1 else block / scale
        waiting.append(tally.usable(block))
        with tally.timed():
            enhanced = stream.process(block)
        skipped = min(to_skip, len(enhanced))
        to_skip -= skipped
        yield paired(enhanced[skipped:])
    with tally.timed():
        rest = stream.flush().reshape(-1, stream.channels)
    if waiting:
        yield paired(rest[to_skip:])


def raw_blocks(pipe: Pipe, raw: Raw, *, notes: list[str]) -> Iterator[np.ndarray]:
    """Yield raw samples as they arrive, (n, channels) float32; a clause goes to `notes` where they end within one."""
    subtype, order = RAW_FORMATS[raw.sample_format]
    sample_bytes = raw.channels * pcm.SAMPLE_BYTES[subtype]
    rest = b""
    while data := pipe.read1(RAW_BLOCK_BYTES):
        data = rest + data
        whole = len(data) // sample_bytes * sample_bytes
        rest = data[whole:]
        yield pcm.decode(data[:whole], subtype=subtype, order=order).reshape(-1, raw.channels)
    if rest:
        notes.append(f"ended within a sample, its last {len(rest)} bytes are left out")


def open_stream(reader: audio.Reader, model: Model | None, settings: Settings) -> Stream:
    """Open a fresh stream for what a reader reads."""
    info = reader.info
    return Stream(info.sample_rate, channels=info.channels, model=model, atten_lim_db=settings.atten_lim_db)


def _changes(info: audio.AudioInfo, output_info: audio.AudioInfo, beside: tags.Beside) -> list[str]:
    """What of the input could not be kept in its output."""
    changes = []
    if output_info.format == info.format and output_info.subtype != info.subtype:
        changes.append(f"{info.subtype} cannot be written exactly, so its output is {output_info.subtype}")
    if lost := tags.lost(beside, container=output_info.format):
        changes.append(f"{output_info.format} does not take over what stands beside its sound: {lost}")
    return changes


def _report(title: str, stream: Stream, tally: Tally, notes: list[str], *, full_scale: float) -> RecordingReport:
    if not tally.length_samples:
        notes.append("has no samples, so its output is empty too")
    if tally.unusable:
        notes.append(f"{tally.unusable} samples were not finite or far too large, and were taken as silence")
    if tally.peak > LOUD:
        told = f"{full_scale * 2 ** np.ceil(np.log2(tally.peak)):g}"
        notes.append(
            f"its samples reach {tally.peak:.3g} times full scale, where no model works well: "
            f"--full-scale {told} takes {told} as full scale"
        )
    return RecordingReport(
        title=title,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        latency_samples=stream.latency_samples,
        audio_seconds=tally.length_samples / stream.sample_rate,
        processing_seconds=tally.processing_seconds,
        level_dbfs=tally.levels.input_dbfs,
        peak_dbfs=tally.peak_dbfs,
        enhanced_dbfs=tally.levels.enhanced_dbfs,
        removed_dbfs=tally.levels.removed_dbfs,
        warnings=tuple(notes),
    )


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude else -np.inf
