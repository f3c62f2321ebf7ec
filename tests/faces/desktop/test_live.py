"""`undin live` on real sound servers: what is played into the microphone comes out of the loudspeaker, enhanced."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from support.desktop import RATE, likeness

from undin import Stream

pytestmark = [pytest.mark.needs("portaudio"), pytest.mark.usefixtures("compiled")]
MODEL = "undin-nano"
ARGUMENTS = ("live", "--rate", str(RATE), "--block", "128", "--latency", "high", "--model", MODEL)
SECONDS_TO_LEARN = 3


@pytest.fixture(scope="module")
def compiled():
    """In a checkout what plays is compiled first, for which no test shall wait."""
    Stream(RATE, model=MODEL).close()


class Played:
    """A running `undin live`, by whatever it says."""

    def __init__(self, session, *arguments: str, terminal: int | None = None):
        self.session = session
        self.log = session.home / "live.log"
        output = terminal if terminal is not None else self.log.open("w")
        self.process = session.spawn(
            *(sys.executable, "-m", "undin", *ARGUMENTS, *arguments),
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stderr=output,
            stdout=output,
            cwd=session.home,
        )

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        self.session.wait_until(lambda: text in self.said() or self.process.poll() is not None)
        assert text in self.said(), self.said()


@contextmanager
def playing(session, *arguments: str):
    one = Played(session, *arguments)
    try:
        one.wait_for("→")
        time.sleep(SECONDS_TO_LEARN)
        yield one
    finally:
        one.process.send_signal(signal.SIGINT)
        one.process.wait(20)


def test_what_comes_out_is_what_a_stream_makes_of_it(session, noisy):
    wanted = Stream(RATE, model=MODEL).process(noisy)
    with playing(session) as one:
        recorded = session.heard("out.monitor", noisy, wanted)
    assert one.process.returncode == 0
    assert np.median(likeness(recorded, noisy)) < 0.97


def test_both_sides_are_recorded_lined_up(session, noisy, tmp_path):
    path = tmp_path / "both sides.flac"
    with playing(session, "--record", str(path), "--atten-lim-db", "0"):
        session.play(noisy)
        time.sleep(0.5)
        assert not path.exists()
    both, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE and both.shape[1] == 2 and np.abs(both).max() > 0.1
    np.testing.assert_array_equal(both[:, 0], both[:, 1])
    assert np.median(likeness(both[:, 0], noisy)) > 0.999


def test_a_server_of_sound_that_crashed_is_waited_for(session, noisy):
    with playing(session) as one:
        session.stop(kill=True)
        one.wait_for("is gone: undin waits for it")
        session.start()
        one.wait_for("again default")
        time.sleep(SECONDS_TO_LEARN)
        with session.recorded("out.monitor") as recorded:
            session.play(noisy)
            time.sleep(0.5)
    assert one.process.returncode == 0
    wanted = Stream(RATE, model=MODEL).process(noisy)
    assert np.max(likeness(recorded[0], wanted)) > 0.99  # servers that have just begun stumble


def test_keys_change_what_is_heard(session):
    ours, theirs = pty.openpty()
    one = Played(session, terminal=theirs)
    os.close(theirs)
    shown = ""

    def wait_for(text: str) -> None:
        nonlocal shown
        deadline = time.monotonic() + 30
        while text not in shown:
            assert time.monotonic() < deadline, shown[-2000:]
            shown += os.read(ours, 4096).decode(errors="replace")
        shown = shown.partition(text)[2]

    try:
        wait_for("latency ")
        wait_for("all it can")
        os.write(ours, b" ")
        wait_for("bypassed")
        os.write(ours, b"\x1b[B\x1b[B")
        wait_for("at most 30 dB")
        os.write(ours, b"r")
        wait_for("● recording 1 s")
        os.write(ours, b"rq")
        wait_for("recorded ")
        assert one.process.wait(20) == 0
    finally:
        one.process.kill()
        os.close(ours)
    (path,) = session.home.glob("undin-live-*.flac")
    assert soundfile.info(path).duration > 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--input", "nowhere"), "no input is called 'nowhere'"),
        (("--output", "nowhere"), "no output is called 'nowhere'"),
        (("--record", "/nowhere/x.flac"), "there is no folder /nowhere"),
        (("--record", "x.wav"), "call it x.flac"),
        (("--rate", "100"), "4000 to 384000 Hz"),
        (("--model", "nobody"), "unknown model"),
    ],
)
def test_what_cannot_be_is_one_sentence(session, arguments, words):
    done = session.undin("live", *arguments)
    assert done.returncode == 1 and done.stdout == ""
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("undin: error: ")]
    assert words in said


def test_cards_are_listed(session):
    listed = session.undin("live", "--list")
    assert listed.returncode == 0 and listed.stderr == ""
    assert re.search(r"^\d+ io\s+\d+\s+\d+\s+\d+ Hz\s+default\s+ALSA$", listed.stdout, re.MULTILINE)
