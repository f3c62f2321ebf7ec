"""The window as a host embeds it: jalv on a JACK without a sound card, under Xvfb, looked at and clicked."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.plugins import environment

TESTS = Path(__file__).resolve().parents[2]
BACKGROUND, ACCENT, WARNING = (24, 27, 31), (92, 172, 238), (240, 180, 80)
WIDTH, HEIGHT = 440, 300
BYPASS = (138, 148)
"""A place in the window: the middle of a switch."""


@pytest.mark.needs("dpf", "lv2", "jalv")
def test_the_window_shows_and_turns_a_switch(built, tmp_path):
    command = ["xvfb-run", "-a", "-s", "-screen 0 800x600x24", sys.executable, __file__, str(tmp_path)]
    known = environment(built, tmp_path) | {"XDG_RUNTIME_DIR": str(tmp_path), "JACK_NO_AUDIO_RESERVATION": "1"}
    known["PYTHONPATH"] = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, capture_output=True, text=True, env=known, timeout=180)
    assert done.returncode == 0, done.stderr


def screen(folder: Path) -> np.ndarray:
    """What is on the screen, (rows, columns, 3)."""
    file = folder / "screen.xwd"
    subprocess.run(["xwd", "-root", "-silent", "-out", file], check=True)
    content = file.read_bytes()
    header = np.frombuffer(content[:100], ">u4")
    size, width, height, bits, stride, colours = (int(header[i]) for i in (0, 4, 5, 11, 12, 19))
    start = size + 12 * colours
    rows = np.frombuffer(content[start : start + stride * height], np.uint8).reshape(height, stride)
    return rows[:, : bits // 8 * width].reshape(height, width, bits // 8)[:, :, 2::-1]


def has(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a colour is."""
    return (np.abs(picture.astype(int) - colour) <= 6).all(axis=2)


def wait_for(condition, what: str):
    """What a condition gives, as soon as it is something."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (found := condition()) is not None:
            return found
        time.sleep(0.5)
    raise SystemExit(f"no {what}")


def window(folder: Path) -> tuple[int, int] | None:
    """Row and column where the plug-in's window begins; None until it is drawn."""
    drawn = has(screen(folder), BACKGROUND)
    rows, columns = np.flatnonzero(drawn.sum(axis=1) > WIDTH / 2), np.flatnonzero(drawn.sum(axis=0) > HEIGHT / 4)
    if len(rows) < HEIGHT / 2 or len(columns) < WIDTH / 2:
        return None
    return int(rows[0]), int(columns[0])


def main(folder: Path) -> None:
    """Start the host, and click; run under Xvfb."""
    programs = [subprocess.Popen(["jackd", "-r", "-d", "dummy", "-p", "1024"], stdout=subprocess.DEVNULL)]
    try:
        time.sleep(2)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        programs.append(subprocess.Popen(["jalv.gtk3", "urn:undin:stereo"], env=os.environ, **quiet))
        row, column = wait_for(lambda: window(folder), "window")
        time.sleep(1)
        before = screen(folder)[row:, column:]
        assert not has(before[:60], WARNING).any(), "it looks as if it were bypassed"
        assert has(before[100:130], ACCENT).sum() > 1000, "no bar for the limit"
        place = [str(column + BYPASS[0]), str(row + BYPASS[1])]
        subprocess.run(["xdotool", "mousemove", *place, "click", "1"], check=True)

        def bypassed() -> bool | None:
            picture = screen(folder)[row:, column:]
            on = has(picture[BYPASS[1] - 3 : BYPASS[1] + 3, BYPASS[0] - 3 : BYPASS[0] + 3], ACCENT).all()
            return True if on and has(picture[:60], WARNING).any() else None

        wait_for(bypassed, "change of the switch")
    finally:
        for program in reversed(programs):
            program.terminate()
            program.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
