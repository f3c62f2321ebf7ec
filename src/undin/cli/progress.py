"""How far a run over audio files has come, on standard error: a moving line on a terminal, a line a file elsewhere."""

import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path

from undin.cli import printable
from undin.io import audio
from undin.io.pipe import is_pipe

REDRAW_SECONDS = 0.2
ERASE_LINE = "\r\x1b[K"


class Progress:
    """Counts files and seconds of audio.

    Parameters
    ----------
    paths : list of Path
        The files. Where a line moves, their headers tell how long they are; what turns out longer moves the end.
    quiet : bool
        Whether nothing is to be said.
    """

    def __init__(self, paths: list[Path], *, quiet: bool = False):
        self._quiet = quiet
        self._moving = sys.stderr.isatty() and not quiet
        self._files = len(paths)
        self._audio_seconds = sum(map(_promised_seconds, paths)) if self._moving else 0.0
        self._done_files, self._done_seconds = 0, 0.0
        self._start = self._drawn = time.perf_counter()

    def advance(self, audio_seconds: float) -> None:
        """Count `audio_seconds` more as done."""
        self._done_seconds += audio_seconds
        now = time.perf_counter()
        if self._moving and now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            width = shutil.get_terminal_size().columns - 1
            print(f"{ERASE_LINE}{self._line(now)[:width]}", end="", file=sys.stderr, flush=True)

    def finish_file(self, text: str) -> None:
        """Count a file as done and, if it is one of several and no line moves, say `text` about it."""
        self._done_files += 1
        if not self._moving and not self._quiet and self._files > 1:
            print(printable(f"[{self._done_files}/{self._files}] {text}"), file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the moving line away, before something else is printed."""
        if self._moving:
            print(ERASE_LINE, end="", file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        total_seconds = max(self._audio_seconds, self._done_seconds)
        speed = self._done_seconds / (now - self._start)
        left = (total_seconds - self._done_seconds) / speed if speed else 0.0
        share = self._done_seconds / total_seconds if total_seconds else 0.0
        return (
            f"{share:4.0%}  file {min(self._done_files + 1, self._files)} of {self._files}  "
            f"{_clock(self._done_seconds)} of {_clock(total_seconds)}  {speed:.0f} x real time  {_clock(left)} left"
        )


def _promised_seconds(path: Path) -> float:
    """Length by the header, 0 where unknown: errors are for the file's turn."""
    if is_pipe(path):
        return 0.0
    try:
        info = audio.read_info(path)
    except (ValueError, OSError):
        return 0.0
    return (info.length_samples or 0) / info.sample_rate


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
