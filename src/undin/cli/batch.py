"""The loop over files of `undin enhance`: one after the other or several at a time, and each failure a sentence.

Nothing that happens to one file ends the run; what ends it (Ctrl-C, SIGTERM, SIGHUP) leaves no half-written file.
"""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

from undin.cli import END_SIGNALS, sentence
from undin.cli.outputs import Job
from undin.io.pipe import is_pipe
from undin.model.loading import load_once
from undin.recording import RecordingReport, Settings, enhance_file
from undin.workers import Workers, is_orphaned

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

LOOK_SECONDS = 0.2
"""How often the seconds that other processes have done are looked at."""

NO_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
"""Errors of the operating system that another place for the outputs would cure."""


@dataclass(frozen=True)
class Failure:
    """A file that could not be enhanced, and a sentence why."""

    job: Job
    reason: str


def outcomes(
    jobs: list[Job], settings: Settings, *, processes: int, on_seconds: Callable[[float], None]
) -> Iterator[RecordingReport | Failure]:
    """Enhance all files, `processes` at a time; yield for each its report, or why it failed.

    `on_seconds` is told how many more seconds of audio are done, also from within long files.
    """
    # Other processes have not the open files of this one, which are what `<(…)` names.
    if processes == 1 or len(jobs) < 2 or any(is_pipe(job.source) for job in jobs):
        for job in jobs:
            yield attempt(job, settings, on_seconds)
        return
    context = get_context("spawn")  # as that of the workers
    stop, seconds = context.Event(), context.Value("d", 0.0)
    workers = Workers(min(processes, len(jobs)), initializer=_obey, initargs=(stop, seconds))
    # The workers inherit that they ignore signals: those are for this process, which lets them stop between blocks.
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in END_SIGNALS}
    try:
        futures = {workers.submit(_attempt_in_worker, job, settings): job for job in jobs}
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    try:
        pending, told_seconds = set(futures), 0.0
        while pending:
            done, pending = wait(pending, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            if (so_far := seconds.value) > told_seconds:
                on_seconds(so_far - told_seconds)
                told_seconds = so_far
            for future in done:
                try:
                    yield future.result()
                except BrokenProcessPool:
                    reason = "its process was ended from outside, perhaps for want of memory"
                    yield Failure(futures[future], f"{futures[future].source}: {reason}")
    finally:
        stop.set()
        workers.shutdown(cancel_futures=True)


def attempt(job: Job, settings: Settings, on_seconds: Callable[[float], None]) -> RecordingReport | Failure:
    """Enhance one file and draw its picture; a `Failure` where something was wrong with it or with its place."""
    try:
        model = load_once(settings.model) if settings.model else None
        report = enhance_file(job.source, job.output, model=model, settings=settings, on_seconds=on_seconds)
        if settings.keep_times:
            status = job.source.stat()
            os.utime(job.output, ns=(status.st_atime_ns, status.st_mtime_ns))
        if job.picture:
            from undin.plot import save_before_after

            save_before_after(job.source, job.output, picture=job.picture)
            report = replace(report, title=f"{report.title}, {job.picture}")
        return report
    except (ValueError, OSError) as error:
        text = sentence(error)
        if getattr(error, "errno", None) in NO_PLACE and error.filename != os.fspath(job.source):
            text += "; name another place with -o"
        return Failure(job, text if str(job.source) in text or str(job.output) in text else f"{job.source}: {text}")


def _obey(stop: "Event", seconds: "Synchronized[float]") -> None:
    """Prepare a worker: keep the event that tells it to stop, and where it tells how far it is."""
    global _stop, _seconds
    _stop, _seconds = stop, seconds
    for number in END_SIGNALS:  # on Windows nothing is inherited
        signal.signal(number, signal.SIG_IGN)


def _attempt_in_worker(job: Job, settings: Settings) -> RecordingReport | Failure:
    def tell(seconds: float) -> None:
        if _stop.is_set() or is_orphaned():
            raise InterruptedError("interrupted")
        with _seconds.get_lock():
            _seconds.value += seconds

    return attempt(job, settings, tell)
