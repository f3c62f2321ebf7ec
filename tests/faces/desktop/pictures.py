"""Make docs/live.png: what a terminal shows of `undin live` while speech in noise is played into the microphone.

Run by hand, from the root of the repository: python tests/faces/desktop/pictures.py
"""

import fcntl
import os
import pty
import re
import struct
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from support.desktop import RATE, desktop  # noqa: E402

from undin.io.resample import resample  # noqa: E402

COLUMNS, ROWS = 88, 8
SECONDS = 9


def shown() -> list[str]:
    """The lines on a terminal after `SECONDS`."""
    samples, rate = soundfile.read(ROOT / "examples" / "noisy.wav", dtype="float32")
    samples = np.tile(resample(samples, rate, RATE), 3)
    with tempfile.TemporaryDirectory() as home, desktop("pulseaudio", Path(home)) as session:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        playing = threading.Thread(target=session.play, args=(samples,), daemon=True)
        playing.start()
        live = session.spawn(
            *(sys.executable, "-m", "undin", "live", "--rate", str(RATE), "--block", "128"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        text, end = "", time.monotonic() + SECONDS
        while time.monotonic() < end:
            text += os.read(ours, 4096).decode(errors="replace")
        live.terminate()
        live.wait(20)
        playing.join()
    first = text.splitlines()[0].strip()
    frame = re.split(r"\x1b\[\d+A", text)[-2]
    return ["$ undin live", first, *re.sub(r"\x1b\[[KJ]|\r", "", frame).splitlines()]


def main() -> None:
    """Draw them."""
    lines = shown()
    figure = plt.figure(figsize=(COLUMNS * 0.085, len(lines) * 0.21), facecolor="#1b1f24")
    figure.text(0.02, 0.95, "\n".join(lines), color="#d7dde4", family="monospace", size=10, va="top", linespacing=1.35)
    figure.savefig(ROOT / "docs" / "live.png", dpi=110, facecolor=figure.get_facecolor())
    print("\n".join(lines))


if __name__ == "__main__":
    main()
