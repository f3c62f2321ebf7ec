"""`undin enhance`: files, folders and pipes, each to an output of the same kind and length.

This file is the command: its options, the loop over files, what it prints. Which file goes where is `outputs.py`; what
happens to one recording is `recording.py`, the file to read next.
"""

import argparse
import functools
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from undin.cli import print_error, sentence
from undin.model.loading import DEFAULT, Model

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from undin.cli.outputs import Job
    from undin.cli.recording import Report

HELP = "take the noise out of audio files, folders of them, or raw samples in a pipe"

PIPE = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="audio files, folders (searched at any depth), glob patterns, or - for raw samples from standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the file for one input, the folder for several (default: beside each input, named IN_enhanced)",
    )
    parser.add_argument("--model", default=DEFAULT, help="name of a model or path of one (default: %(default)s)")
    parser.add_argument(
        "--atten-lim-db", type=float, metavar="D", help="attenuate no sound by more than D dB (default: no limit)"
    )
    parser.add_argument("--jobs", type=_positive, default=1, metavar="J", help="files at a time (default: 1)")
    parser.add_argument("--plot", action="store_true", help="draw the spectrograms before and after beside each output")
    raw = parser.add_argument_group("raw samples from standard input to standard output (IN is -)")
    raw.add_argument("--rate", type=_positive, metavar="HZ", help="sample rate (default: 16000)")
    raw.add_argument("--channels", type=_positive, metavar="N", help="interleaved channels (default: 1)")
    raw.add_argument("--sample-format", choices=("s16le", "f32le"), help="type of the samples (default: s16le)")


def run(args: argparse.Namespace) -> int:
    """Enhance what `args` name; 0 when all of it succeeded, 1 when some inputs failed."""
    if PIPE in args.inputs:
        return _run_pipe(args)
    if args.rate or args.channels or args.sample_format:
        raise ValueError("--rate, --channels and --sample-format are for raw samples: give - as the only input")
    if args.plot:
        import undin.plot  # noqa: F401  a missing matplotlib shows before the work, not after it
    from undin.cli.outputs import plan
    from undin.cli.progress import Progress
    from undin.cli.recording import Report
    from undin.engines.engine import attenuation

    # What is wrong for all files alike ends the run before the first one.
    _model(args.model)
    attenuation(args.atten_lim_db)
    jobs = plan(args.inputs, output=args.output, picture=args.plot)
    progress = Progress(files=len(jobs), audio_seconds=sum(_promised_seconds(job.source) for job in jobs))
    reports: list[Report] = []
    failures: list[str] = []
    for outcome in _outcomes(jobs, args, on_seconds=progress.advance):
        if isinstance(outcome, Report):
            reports.append(outcome)
            progress.finish_file(outcome.title)
        else:
            failures.append(outcome)
            progress.finish_file(f"failed: {outcome}")
    progress.clear()
    _print_warnings(reports)
    if reports:
        print(summary(reports), flush=True)
    for failure in failures:
        print_error(failure)
    if failures and len(jobs) > 1:
        print_error(f"{len(failures)} of {len(jobs)} inputs failed, the others are done")
    return 1 if failures else 0


def summary(reports: "list[Report]") -> str:
    """Return input level, latency and real-time factor of a run over one recording or more, as a few lines."""
    audio_seconds = sum(report.audio_seconds for report in reports)
    processing_seconds = sum(report.processing_seconds for report in reports)
    levels = [report.level_dbfs for report in reports]
    peak_dbfs = max(report.peak_dbfs for report in reports)
    level = f"{levels[0]:.1f}" if len(reports) == 1 else f"{min(levels):.1f} to {max(levels):.1f}"
    latencies = sorted({(report.sample_rate, report.latency_samples) for report in reports})
    latency = ", ".join(
        f"{1000 * samples / rate:.1f} ms ({samples} samples at {rate} Hz)" for rate, samples in latencies
    )
    factor = f"{processing_seconds / audio_seconds:.3f}" if audio_seconds else "-"
    return "\n".join(
        [
            reports[0].title if len(reports) == 1 else f"{len(reports)} files",
            f"  input level       {level} dBFS RMS, peak {peak_dbfs:.1f} dBFS",
            f"  latency           {latency}",
            f"  real-time factor  {factor} ({audio_seconds:.1f} s of audio in {processing_seconds:.2f} s)",
        ]
    )


def _run_pipe(args: argparse.Namespace) -> int:
    if args.inputs != [PIPE] or args.output or args.plot:
        raise ValueError(
            "- reads samples from standard input and writes to standard output: give no other input, -o or --plot"
        )
    from undin import Stream
    from undin.cli.recording import enhance_pipe

    stream = Stream(args.rate or 16_000, channels=args.channels or 1, model=args.model, atten_lim_db=args.atten_lim_db)
    report = enhance_pipe(
        sys.stdin.buffer, sys.stdout.buffer, stream=stream, sample_format=args.sample_format or "s16le"
    )
    _print_warnings([report])
    print(summary([report]), file=sys.stderr)
    return 0


def _outcomes(
    jobs: "list[Job]", args: argparse.Namespace, *, on_seconds: Callable[[float], None]
) -> "Iterator[Report | str]":
    """Enhance all files, `args.jobs` at a time; yield for each its report, or a sentence on why it failed."""
    if args.jobs == 1 or len(jobs) == 1:
        for job in jobs:
            yield _attempt(job, args.model, args.atten_lim_db, on_seconds)
        return
    from undin.cli.recording import Report

    context = get_context("spawn")  # ONNX Runtime's threads would not survive a fork
    stop = context.Event()
    workers = ProcessPoolExecutor(min(args.jobs, len(jobs)), context, initializer=_obey, initargs=(stop,))
    # The workers inherit that they ignore interrupts: those are for this process, which lets them stop between blocks.
    on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        futures = {workers.submit(_attempt_in_worker, job, args.model, args.atten_lim_db): job for job in jobs}
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        for future in as_completed(futures):
            try:
                outcome = future.result()
            except BrokenProcessPool:
                outcome = f"{futures[future].source}: its process was ended from outside, perhaps for want of memory"
            if isinstance(outcome, Report):
                on_seconds(outcome.audio_seconds)
            yield outcome
    finally:
        stop.set()
        workers.shutdown(cancel_futures=True)


def _attempt(job: "Job", model: str, atten_lim_db: float | None, on_seconds: Callable[[float], None]) -> "Report | str":
    from undin.cli.recording import enhance_file

    try:
        report = enhance_file(job, model=_model(model), atten_lim_db=atten_lim_db, on_seconds=on_seconds)
        if job.picture:
            from undin.plot import save_before_after

            save_before_after(job.source, job.output, picture=job.picture)
        return report
    except (ValueError, OSError) as error:
        text = sentence(error)
        return text if str(job.source) in text or str(job.output) in text else f"{job.source}: {text}"


@functools.cache
def _model(name: str) -> "Model":
    from undin import load

    return load(name)


def _obey(stop: "Event") -> None:
    """Prepare a worker: keep the event that tells it to stop."""
    global _stop
    _stop = stop


def _attempt_in_worker(job: "Job", model: str, atten_lim_db: float | None) -> "Report | str":
    def check(_seconds: float) -> None:
        if _stop.is_set():
            raise InterruptedError("interrupted")

    return _attempt(job, model, atten_lim_db, check)


def _promised_seconds(path: Path) -> float:
    """Length by the header, for the progress alone: 0 where unknown, errors are for the file's turn."""
    from undin.io import audio

    try:
        info = audio.read_info(path)
    except (ValueError, OSError):
        return 0.0
    return (info.length_samples or 0) / info.sample_rate


def _print_warnings(reports: "list[Report]") -> None:
    for report in reports:
        for warning in report.warnings:
            print(f"undin: warning: {report.title}: {warning}", file=sys.stderr)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value
