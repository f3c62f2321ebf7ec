"""What `undin enhance` says of its files: a summary for people, or a line of JSON a file for programs.

Results go to standard output, or to standard error where that is sound; warnings and errors always to standard error.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import numpy as np

from undin.cli import print_error, printable
from undin.cli.files import Failure
from undin.cli.outputs import Job
from undin.recording import RecordingReport

NAMES_IN_A_WARNING = 5


class Voice:
    """Tells what becomes of files, and in the end the exit status.

    Parameters
    ----------
    args : Namespace
        With `quiet`, `verbose`, `json`, `strict` and `jobs`.
    out : text file
        Where results go.
    """

    def __init__(self, args: argparse.Namespace, *, out: TextIO | None = None):
        self._args, self._out = args, out or sys.stdout
        self._reports: list[RecordingReport] = []
        self._failures: list[Failure] = []
        self._skipped = 0
        self._warned = False
        self._start = time.perf_counter()

    def left_out(self, files: list[tuple[Path, str]]) -> None:
        """Name files that are passed over, by the reason."""
        names = defaultdict(list)
        for path, reason in files:
            names[reason].append(str(path))
            self._print_json(input=str(path), status="left out", reason=reason)
        for reason, paths in names.items():
            shown = paths if self._args.verbose else paths[:NAMES_IN_A_WARNING]
            more = f" and {len(paths) - len(shown)} more (--verbose names them)" if len(shown) < len(paths) else ""
            self._warn(f"{len(paths)} left out, {reason}: {', '.join(shown)}{more}")

    def skipped(self, jobs: Collection[Job]) -> None:
        """Count files that had been done before."""
        self._skipped = len(jobs)
        for job in jobs:
            self._print_json(input=str(job.source), output=str(job.output), status="skipped")

    def file(self, outcome: RecordingReport | Failure) -> str:
        """Keep what became of a file; return a line about it."""
        if isinstance(outcome, Failure):
            self._failures.append(outcome)
            self._print_json(
                input=str(outcome.job.source), output=str(outcome.job.output), status="failed", error=outcome.reason
            )
            return f"failed: {outcome.reason}"
        self._reports.append(outcome)
        facts = asdict(outcome)
        for name in ("level_dbfs", "peak_dbfs", "enhanced_dbfs", "removed_dbfs"):
            facts[name] = facts[name] if np.isfinite(facts[name]) else None  # silence has none
        source, _, output = facts.pop("title").partition(" -> ")
        self._print_json(input=source, output=output, status="done", **facts)
        level = f", {outcome.level_dbfs:.1f} dBFS RMS, peak {outcome.peak_dbfs:.1f} dBFS" if self._args.verbose else ""
        return outcome.title + level

    def end(self, *, inputs: int) -> int:
        """Say what there is to say in the end, and return the exit status."""
        for report in self._reports:
            for warning in report.warnings:
                self._warn(f"{report.title}: {warning}")
        if not self._args.quiet and not self._args.json:
            if self._reports:
                print(printable(self._summary()), file=self._out, flush=True)
            if self._skipped:
                print(
                    f"{self._skipped} outputs were there already and were left as they are", file=self._out, flush=True
                )
        for failure in self._failures:
            print_error(failure.reason)
        if self._failures and inputs > 1:
            print_error(f"{len(self._failures)} of {inputs} inputs failed, the others are done")
        return 1 if self._failures or (self._args.strict and self._warned) else 0

    def _warn(self, text: str) -> None:
        self._warned = True
        print(printable(f"undin: warning: {text}"), file=sys.stderr, flush=True)

    def _print_json(self, **facts: object) -> None:
        if self._args.json:
            print(json.dumps(facts), file=self._out, flush=True)

    def _summary(self) -> str:
        """Input level, latency and real-time factor of a run over one recording or more, as a few lines."""
        reports = self._reports
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
        lines = [
            reports[0].title if len(reports) == 1 else f"{len(reports)} files",
            f"  input level       {level} dBFS RMS, peak {peak_dbfs:.1f} dBFS",
            f"  latency           {latency}",
            f"  real-time factor  {factor} ({audio_seconds:.1f} s of audio in {processing_seconds:.2f} s)",
        ]
        if len(reports) > 1:
            at_a_time = f", {self._args.jobs} files at a time" if self._args.jobs > 1 else ""
            lines.append(f"  wall time         {time.perf_counter() - self._start:.2f} s{at_a_time}")
        return "\n".join(lines)
