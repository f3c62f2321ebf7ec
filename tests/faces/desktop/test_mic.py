"""`undin mic` on real sound servers: what programs record from the source undin, and what is left when it is off."""

import ast
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from support.desktop import RATE, likeness

from undin import Stream
from undin.mic import plugin

ROOT = Path(__file__).resolve().parents[3]
MODEL = "undin-nano"


pytestmark = pytest.mark.usefixtures("ladspa")


def files(session) -> set[str]:
    """All of the user's, but logs and what servers of sound write for themselves."""
    ours = (path for path in session.home.rglob("*") if "undin" in path.name and path.suffix != ".flac")
    return {str(path.relative_to(session.home)) for path in ours}


def said(session, *arguments: str) -> str:
    done = session.undin("mic", *arguments)
    assert done.returncode == 0 and done.stderr == "", done.stderr + session.logs()
    return done.stdout


@pytest.fixture
def on(session):
    said(session, "on", "--model", MODEL)
    yield session
    said(session, "off")
    assert not files(session) and "undin" not in session.sources() | session.sinks()


def enhanced(samples: np.ndarray, model: str = MODEL) -> np.ndarray:
    return Stream(RATE, model=model).process(samples)


def test_programs_hear_the_microphone_enhanced(on, noisy):
    recorded = on.heard("undin", noisy, enhanced(noisy))
    assert np.median(likeness(recorded, noisy)) < 0.97


def test_the_limit_changes_while_programs_record(on, noisy):
    assert "at most 0 dB" in said(on, "limit", "0")
    on.heard("undin", noisy, noisy)
    assert "attenuates at most 0 dB" in said(on, "status")
    with on.recorded("undin") as recorded:
        time.sleep(1)
        said(on, "limit", "none")
        on.play(noisy)
        time.sleep(0.5)
    assert np.max(likeness(recorded[0], enhanced(noisy))) > 0.99


def test_status_tells_model_latency_and_load(on):
    with on.recorded("undin"):
        time.sleep(1)
        lines = said(on, "status").splitlines()
    assert f"the microphone undin is on, in {on.kind}" in lines[0]
    assert lines[2] == f"model: {MODEL}, attenuates all it can"
    assert lines[3].startswith("latency: 37.5 ms of the model at 48000 Hz; ")
    assert 0 < float(lines[4].removeprefix("load: ").partition(" %")[0]) < 100


def test_on_twice_is_on_as_told_last_and_off_twice_is_off(on):
    said(on, "on", "--model", "undin-tiny", "--atten-lim-db", "12")
    assert "model: undin-tiny, attenuates at most 12 dB" in said(on, "status")
    assert sum(name == "undin" for name in on.sources()) == 1
    assert said(on, "off") == "the microphone undin is off\n"
    assert said(on, "off") == "the microphone undin was not on\n"
    assert said(on, "status") == "the microphone undin is off: undin mic on\n"
    off = on.undin("mic", "limit", "12")
    assert off.returncode == 1 and off.stderr == "undin: error: the microphone undin is off: undin mic on\n"


def test_a_server_that_crashed_gets_it_again(on, noisy):
    on.stop(kill=True)
    assert "waiting for the sound server" in said(on, "status")
    on.start()
    on.wait_until(lambda: "undin" in on.sources())
    on.wait_until(lambda: "is on" in said(on, "status"))
    on.heard("undin", noisy, enhanced(noisy))


def test_a_keeper_that_was_killed_leaves_nothing_for_long(on):
    os.kill(int((on.runtime / "undin-mic" / "keeper").read_text()), signal.SIGKILL)
    assert said(on, "status") == "the microphone undin is off: undin mic on\n"
    said(on, "off")
    on.wait_until(lambda: "undin" not in on.sources())
    assert not files(on)


def test_kept_it_is_written_for_the_next_log_in(on):
    said(on, "on", "--keep", "--atten-lim-db", "18")
    entry = (on.home / ".config" / "autostart" / "undin-mic.desktop").read_text()
    (line,) = [line for line in entry.splitlines() if line.startswith("Exec=")]
    assert line.endswith("-m undin mic on --atten-lim-db 18")
    said(on, "limit", "6")
    assert "--atten-lim-db 6\n" in (on.home / ".config" / "autostart" / "undin-mic.desktop").read_text()
    assert "comes back with every log-in" in said(on, "status")


def test_it_hears_what_it_is_told(on, noisy):
    said(on, "on", "--model", MODEL, "--input", "out.monitor")
    on.heard("undin", noisy, enhanced(noisy), sink="out")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("on", "--model", "nobody"), "the plug-in has no model 'nobody'"),
        (("on", "--input", "a microphone of nobody's"), 'has no source "a microphone of nobody\'s": it has '),
        (("on", "--atten-lim-db", "-1"), "0 dB or more"),
        (("limit", "much"), "give dB"),
        (("limit", "nan"), "0 dB or more"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(session, arguments, words):
    done = session.undin("mic", *arguments)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1
    assert not files(session)


def test_where_no_server_is_it_says_so(session, tmp_path):
    alone = session.environment | {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    environment, session.environment = session.environment, alone
    try:
        done = session.undin("mic", "on")
    finally:
        session.environment = environment
    assert done.returncode == 1 and "no sound server answers here" in done.stderr
    assert not list(tmp_path.iterdir())


def test_models_have_the_numbers_of_the_plug_in():
    tree = ast.parse((ROOT / "apps" / "plugins" / "build.py").read_text())
    (models,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "MODELS")
    assert ast.literal_eval(models) == plugin.MODELS
