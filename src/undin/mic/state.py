"""What is on, and where that is written down: a folder that the session clears; if it is kept, a file of the desktop's.

Whoever keeps the microphone holds a lock for as long, so what a process that is no more has left behind is never taken
for a microphone that is on.
"""

import contextlib
import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from undin.io.files import replacing


@dataclass(frozen=True)
class Wanted:
    """A microphone.

    Attributes
    ----------
    server : {"pipewire", "pulseaudio"}
        The sound server that has it.
    model : str or None
        By its name; None for that of the rate.
    atten_lim_db : float or None
        The most that any sound is attenuated, dB; None for no limit.
    input : str or None
        The source that it hears, by its name; None for the default one.
    """

    server: str
    model: str | None
    atten_lim_db: float | None
    input: str | None


def folder() -> Path:
    """Where a running microphone is written down; OSError outside of a session."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not runtime or not Path(runtime).is_dir():
        raise OSError(
            "XDG_RUNTIME_DIR names no folder: a microphone belongs to a session, so log in to a desktop first"
        )
    return Path(runtime) / "undin-mic"


def config_folder() -> Path:
    """Of this user's programs."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def log_path() -> Path:
    """What the keeper and the sound server have to say."""
    return folder() / "log"


def write(wanted: Wanted) -> None:
    """Write down what is to be on."""
    folder().mkdir(mode=0o700, exist_ok=True)
    with replacing(folder() / "wanted.json") as place:
        place.write_text(json.dumps(asdict(wanted)))


def read() -> Wanted | None:
    """What is to be on; None if nothing is, or what is written there cannot be read by this version."""
    try:
        return Wanted(**json.loads((folder() / "wanted.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def forget() -> None:
    """Leave nothing of it in the session."""
    for name in ("wanted.json", "log", "keeper"):
        (folder() / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder().rmdir()


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """Be the one that keeps the microphone, as long as the ``with`` lasts; OSError if another process is."""
    folder().mkdir(mode=0o700, exist_ok=True)
    with (folder() / "keeper").open("a+") as file:
        for _ in range(20):
            with contextlib.suppress(BlockingIOError):  # whoever looks who keeps it holds it for a moment
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.1)
        else:
            raise OSError("another process keeps the microphone")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def keeper() -> int | None:
    """The process that keeps the microphone; None if none does."""
    try:
        with (folder() / "keeper").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                number = file.read().strip()
                return int(number) if number else None
    except OSError:
        pass
    return None


def autostart_path() -> Path:
    """Where desktops look for what begins with a session (XDG Autostart)."""
    return config_folder() / "autostart" / "undin-mic.desktop"


def keep(wanted: Wanted) -> None:
    """Let it be on after the next log-in too."""
    words = [sys.executable, "-m", "undin", "mic", "on"]
    words += ["--model", wanted.model] if wanted.model else []
    words += [] if wanted.atten_lim_db is None else ["--atten-lim-db", f"{wanted.atten_lim_db:g}"]
    words += ["--input", wanted.input] if wanted.input else []
    autostart_path().parent.mkdir(parents=True, exist_ok=True)
    with replacing(autostart_path()) as place:
        place.write_text(
            "[Desktop Entry]\nType=Application\nName=undin: microphone without noise\nNoDisplay=true\n"
            f"Exec={' '.join(map(_quoted, words))}\n"
        )


def _quoted(word: str) -> str:
    """A word of an Exec line, by the Desktop Entry Specification: quotes, and all that means something in them."""
    if word == shlex.quote(word) and "%" not in word:
        return word
    for special in '\\"`$':
        word = word.replace(special, f"\\{special}")
    # A line is a string before it is words, so its backslashes are doubled.
    return '"' + word.replace("\\", "\\\\").replace("%", "%%") + '"'
