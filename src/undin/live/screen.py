"""What a terminal shows of `undin live`, and the keys that it takes; elsewhere lines about what happens."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator

from undin.live.path import Told

LIMITS_DB = (0, 3, 6, 9, 12, 15, 18, 24, 30, 40, None)
"""The strengths that arrows go through, dB; None takes away all that it can."""

KEYS = {
    b" ": "bypass",
    b"r": "record",
    b"q": "end",
    b"\x1b[A": "up",
    b"\x1b[C": "up",
    b"\x1b[B": "down",
    b"\x1b[D": "down",
}
WINDOWS_KEYS = {b"\xe0H": b"\x1b[A", b"\xe0M": b"\x1b[C", b"\xe0P": b"\x1b[B", b"\xe0K": b"\x1b[D"}
LEAST_DBFS = -70
EIGHTHS = " ▏▎▍▌▋▊▉"


def stronger(atten_lim_db: float | None, by: int) -> float | None:
    """The limit that is `by` steps of `LIMITS_DB` further on; there is an end on both sides."""
    limits = [float("inf") if limit is None else limit for limit in LIMITS_DB]
    now = float("inf") if atten_lim_db is None else atten_lim_db
    beyond = [limit for limit in (limits if by > 0 else reversed(limits)) if (limit - now) * by > 0]
    chosen = beyond[0] if beyond else now
    return None if chosen == float("inf") else chosen


def bar(dbfs: float, width: int) -> str:
    """A level from `LEAST_DBFS` to 0 as a bar of so many places."""
    eighths = round(max(0.0, min(1.0, 1 - dbfs / LEAST_DBFS)) * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (EIGHTHS[rest] if rest else "")).ljust(width, "·")


def picture(
    told: Told,
    *,
    latencies_s: tuple[float, float, float],
    load: float,
    atten_lim_db: float | None,
    bypass: bool,
    recorded_s: float | None,
    columns: int,
) -> list[str]:
    """The lines of the meter.

    Parameters
    ----------
    told : Told
    latencies_s : tuple of float
        Of the input's driver, the stream and the output's driver, seconds.
    load : float
        Part of the time that is worked, 0 to 1.
    atten_lim_db, bypass
        As they are set.
    recorded_s : float, optional
        How long the recording is, if one runs.
    columns : int
        Of the terminal.
    """
    width = max(10, min(50, columns - 40))
    before, undin, after = latencies_s
    total_ms = 1e3 * (before + undin + told.queue_s + after)
    limit = "all it can" if atten_lim_db is None else f"at most {atten_lim_db:g} dB"
    taken = "bypassed" if bypass else f"{max(told.reduction_db, 0):3.0f} dB taken away"
    recording = "" if recorded_s is None else f"   ● recording {int(recorded_s)} s"
    lines = [
        f"in  {bar(told.input_dbfs, width)} {told.input_dbfs:4.0f} dB",
        f"out {bar(told.output_dbfs, width)} {told.output_dbfs:4.0f} dB  {taken}",
        f"latency {total_ms:.0f} ms: input {1e3 * before:.0f}, undin {1e3 * undin:.0f}, "
        f"queue {1e3 * told.queue_s:.0f}, output {1e3 * after:.0f}",
        f"load {100 * load:.1f} %, {xruns(told)}, {clocks(told)}",
        f"space: bypass   arrows: {limit}   r: record   q: end{recording}",
    ]
    return [line[: columns - 1] for line in lines]


def xruns(told: Told) -> str:
    """How often sound was lost, in words."""
    if not (told.input_xruns or told.output_xruns or told.gaps):
        return "no xrun"
    return f"xruns: input {told.input_xruns}, output {told.output_xruns}, gaps {told.gaps}"


def clocks(told: Told) -> str:
    """Whether both cards go by one clock, in words."""
    return f"clocks {told.drift_ppm:+.0f} ppm apart" if told.drift_ppm else "clocks as one"


class Screen:
    """Standard error, and the keys of a terminal as long as the ``with`` lasts.

    Where standard error is no terminal, nothing moves; where standard input is none, there are no keys.
    """

    def __init__(self) -> None:
        self._moving, self._lines, self._has_keys = sys.stderr.isatty(), 0, False
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Screen":
        self._has_keys = sys.stdin is not None and sys.stdin.isatty() and not _is_in_background()
        if self._has_keys and os.name == "posix":
            self._open.enter_context(_key_by_key())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def columns(self) -> int | None:
        """Of the terminal; None where nothing moves."""
        return shutil.get_terminal_size().columns if self._moving else None

    def draw(self, lines: list[str]) -> None:
        """Show lines in place of those before."""
        up = f"\x1b[{self._lines}A" if self._lines else ""
        print(f"\r{up}" + "".join(f"\x1b[K{line}\n" for line in lines) + "\x1b[J", end="", file=sys.stderr, flush=True)
        self._lines = len(lines)

    def say(self, text: str) -> None:
        """A line that stays, above what moves."""
        if self._lines:
            print(f"\r\x1b[{self._lines}A\x1b[J", end="", file=sys.stderr)
        self._lines = 0
        print(text, file=sys.stderr, flush=True)

    def keys(self, seconds: float) -> list[str]:
        """What keys ask for within this time, of the values of `KEYS`; it returns at once when something comes."""
        if not self._has_keys:
            time.sleep(seconds)
            return []
        return [KEYS[key] for key in _pressed(seconds) if key in KEYS]


def _is_in_background() -> bool:
    """Whether a shell would stop us for touching its terminal."""
    try:
        return os.name == "posix" and os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    except OSError:  # the terminal is nobody's, or another session's
        return False


@contextlib.contextmanager
def _key_by_key() -> Iterator[None]:
    """Let a terminal give each key at once, and not show it."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(seconds: float) -> list[bytes]:
    if os.name != "posix":
        import msvcrt

        end, keys = time.monotonic() + seconds, []
        while not keys and time.monotonic() < end:
            while msvcrt.kbhit():
                key = msvcrt.getch()
                key += msvcrt.getch() if key == b"\xe0" else b""
                keys.append(WINDOWS_KEYS.get(key, key))
            time.sleep(0.02)
        return keys
    import select

    if not select.select([sys.stdin], [], [], seconds)[0]:
        return []
    data, keys = os.read(sys.stdin.fileno(), 256), []
    if not data:  # the terminal has gone
        return [b"q"]
    while data:
        length = next((len(key) for key in KEYS if data.startswith(key)), 1)
        keys.append(data[:length])
        data = data[length:]
    return keys
