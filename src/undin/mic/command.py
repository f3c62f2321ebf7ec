"""On, off, limit and status: what `undin mic` does. The microphone itself is kept by `keeper.py`."""

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from undin.mic import pipewire, plugin, pulse, state
from undin.mic.keeper import SERVERS
from undin.mic.state import Wanted
from undin.stream import Stream

START_S = 20.0
END_S = 15.0
LOAD_S = 1.0
"""Over which the load is measured."""


def find_server() -> str:
    """Which sound server serves this session; OSError if none does."""
    if name := pulse.server_name():
        return "pipewire" if "PipeWire" in name else "pulseaudio"
    if connection := pipewire.connect():
        connection.close()
        return "pipewire"
    raise OSError("no sound server answers here: undin mic needs PipeWire or PulseAudio running in this session")


def on(*, model: str | None, atten_lim_db: float | None, input: str | None, keep: bool) -> str:
    """Have the microphone on, as told, whatever was before.

    Parameters
    ----------
    model : str, optional
        Of those that the plug-in has; by default that of the rate.
    atten_lim_db : float, optional
        The most that any sound is attenuated, dB.
    input : str, optional
        The name of a source; the session's default one if not given.
    keep : bool
        After the next log-in too.

    Returns
    -------
    str
        What there is to say.

    Raises
    ------
    ValueError, OSError
        Something does not exist, or the sound server refuses; then nothing is left behind.
    """
    for check, value in ((plugin.model_number, model), (plugin.limit_control, atten_lim_db)):
        check(value)
    plugin.find()
    state.folder()
    wanted = Wanted(find_server(), model, atten_lim_db, input)
    server = SERVERS[wanted.server]
    if input is not None and input not in (known := [name for name in server.sources() if name != server.NAME]):
        raise ValueError(f"{wanted.server} has no source {input!r}: it has {', '.join(known) or 'none'}")
    was_kept = state.autostart_path().exists()
    off()
    state.write(wanted)
    with state.log_path().open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "undin.mic.keeper"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    deadline = time.monotonic() + START_S
    while not server.is_there():
        if keeper.poll() is not None or time.monotonic() > deadline:
            said = state.log_path().read_text().strip().splitlines()
            off()
            raise OSError(f"{wanted.server} does not make the microphone: {said[-1] if said else 'it says nothing'}")
        time.sleep(0.1)
    if keep or was_kept:
        state.keep(wanted)
    lasts = "it comes back with every log-in" if keep or was_kept else "it lasts until you log out, or --keep it"
    return f"the microphone undin is on: choose it in any program; {lasts}"


def off() -> str:
    """Have it off, with nothing left behind, whoever left it there."""
    was_on = state.keeper() is not None
    _end_keeper()
    left = state.read()
    for name, server in SERVERS.items():  # what a keeper that was killed has left
        if was_on or left is None or left.server == name:
            with contextlib.suppress(OSError):
                if server is not pulse or pulse.has_server():
                    server.release()
    was_kept = state.autostart_path().exists()
    state.autostart_path().unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        state.autostart_path().parent.rmdir()
    state.forget()
    return "the microphone undin is off" if was_on or was_kept or left else "the microphone undin was not on"


def _end_keeper() -> None:
    keeper = state.keeper()
    if keeper is None:
        return
    deadline = time.monotonic() + END_S
    with contextlib.suppress(ProcessLookupError):
        os.kill(keeper, signal.SIGTERM)
        while state.keeper() == keeper:
            if time.monotonic() > deadline:
                os.kill(keeper, signal.SIGKILL)
            time.sleep(0.05)


def limit(atten_lim_db: float | None) -> str:
    """Change its strength while sound runs; ValueError or OSError if it is not on."""
    plugin.limit_control(atten_lim_db)
    wanted = replace(_wanted(), atten_lim_db=atten_lim_db)
    server = SERVERS[wanted.server]
    if server.is_there():
        server.set_limit(wanted)
    state.write(wanted)
    if state.autostart_path().exists():
        state.keep(wanted)
    return f"the microphone undin attenuates {_limit(wanted)}"


def status() -> str:
    """What is on: model, limit, latency, load."""
    try:
        wanted = _wanted()
    except OSError as error:
        return str(error)
    server = SERVERS[wanted.server]
    rate = server.rate_hz()
    with Stream(rate, model=wanted.model) as stream:
        latency_s, model = stream.latency_samples / rate, stream.model.metadata.name
    kept = "comes back with every log-in" if state.autostart_path().exists() else "lasts until you log out"
    now = "on" if server.is_there() else "waiting for the sound server"
    load_line = "load: unknown"
    if (process := server.process()) and not math.isnan(load := _load(process)):
        whose = "by all that PulseAudio does" if server is pulse else "by the microphone"
        load_line = f"load: {100 * load:.1f} % of a processor {whose}"
    return "\n".join(
        [
            f"the microphone undin is {now}, in {wanted.server}; it {kept}",
            f"hears: {wanted.input or 'the default source'}",
            f"model: {model}, attenuates {_limit(wanted)}",
            f"latency: {1e3 * latency_s:.1f} ms of the model at {rate} Hz; {'; '.join(server.status())}",
            load_line,
        ]
    )


def _wanted() -> Wanted:
    wanted = state.read()
    if state.keeper() is None or wanted is None:
        raise OSError("the microphone undin is off: undin mic on")
    return wanted


def _limit(wanted: Wanted) -> str:
    return "all it can" if wanted.atten_lim_db is None else f"at most {wanted.atten_lim_db:g} dB"


def _load(process: int) -> float:
    """Part of a processor that a process takes, over `LOAD_S`; NaN where the system does not tell."""
    before = _seconds(process)
    time.sleep(LOAD_S)
    return (_seconds(process) - before) / LOAD_S


def _seconds(process: int) -> float:
    """That its threads have worked; in the time of ticks, a microphone does nothing."""
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        return math.nan
