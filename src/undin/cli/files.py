"""The loop over files of `undin enhance`: one after the other or several at a time, and each failure a sentence.

Nothing that happens to one file ends the run; what ends it (Ctrl-C, SIGTERM, SIGHUP) leaves no half-written file.
"""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from undin.cli.outputs import Job
from undin.cluster import Alone, Processes
from undin.io.errors import sentence
from undin.io.pipe import is_pipe
from undin.model.loading import load_once
from undin.recording import RecordingReport, Settings, enhance_file

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
    in_turn = processes == 1 or len(jobs) < 2 or any(is_pipe(job.source) for job in jobs)
    engine = Alone() if in_turn else Processes(processes)
    missing = {job.output: job for job in jobs}
    for outcome in (block[0] for block in engine(partial(_attempt, settings), [[job] for job in jobs], on_seconds)):
        del missing[outcome[0]]
        yield outcome[1]
    for job in missing.values():
        yield Failure(job, f"{job.source}: its process was ended from outside, perhaps for want of memory")


def _attempt(
    settings: Settings, job: Job, on_seconds: Callable[[float], None]
) -> tuple[Path, RecordingReport | Failure]:
    return job.output, attempt(job, settings, on_seconds)


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
