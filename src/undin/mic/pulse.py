"""The microphone in PulseAudio: modules of the server, which are loaded as long as it is on.

source ─► module-loopback ─► module-ladspa-sink ─► module-null-sink ─► its monitor ─► module-remap-source `undin`
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from undin.mic import dbus, plugin
from undin.mic.state import Wanted, read

NAME, DESCRIPTION = "undin", "undin: microphone without noise"
RATE_HZ = 48_000
LATENCY_MS = 20
DBUS_MODULE = "module-dbus-protocol"


def has_server() -> bool:
    """Whether somebody listens where PulseAudio does; programs that ask would start one."""
    at = os.environ.get("PULSE_SERVER", "").removeprefix("unix:")
    runtime = os.environ.get("PULSE_RUNTIME_PATH") or f"{os.environ.get('XDG_RUNTIME_DIR', '/nowhere')}/pulse"
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        try:
            connection.connect(at or str(Path(runtime) / "native"))
        except OSError:
            return False
    return True


def server_name() -> str | None:
    """What the server says it is, which PipeWire may be; None if none is there."""
    if not has_server():
        return None
    try:
        lines = _call("info").splitlines()
    except OSError:
        return None
    return next((line.partition(": ")[2] for line in lines if line.startswith("Server Name: ")), None)


def modules(wanted: Wanted) -> list[tuple[str, str]]:
    """Modules and their arguments, in the order that they need each other."""
    controls = ",".join(f"{value:g}" for value in _controls(wanted))
    description = f"'device.description=\"{DESCRIPTION}\"'"
    source = wanted.input or _default_source()
    return [
        ("module-null-sink", f"sink_name=undin_behind rate={RATE_HZ} channels=1 sink_properties={description}"),
        ("module-remap-source", f"source_name={NAME} master=undin_behind.monitor source_properties={description}"),
        (
            "module-ladspa-sink",
            f"sink_name=undin_filter sink_master=undin_behind plugin={_quoted(str(plugin.find()))} "
            f"label={plugin.LABEL} control={controls} sink_properties={description}",
        ),
        (
            "module-loopback",
            f"source={_quoted(source)} sink=undin_filter source_dont_move=true sink_dont_move=true "
            f"latency_msec={LATENCY_MS}",
        ),
    ]


MARKS = ("sink_name=undin_behind", f"source_name={NAME}", "sink_name=undin_filter", "sink=undin_filter")
"""Of the arguments of each, by which it is found again."""


def hold(wanted: Wanted) -> None:
    """Have the microphone until the server ends; what goes with a device is loaded again when that is back."""
    while server_name() is None:
        time.sleep(0.5)
    events = subprocess.Popen(["pactl", "subscribe"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert events.stdout
    try:
        release()  # what another keeper left there
        _ensure(wanted)
        for line in events.stdout:
            if " on module " in line or " on source " in line:
                _ensure(read() or wanted)
    finally:
        events.terminate()
        events.wait()
        events.stdout.close()


def _ensure(wanted: Wanted) -> None:
    """Load what is missing, as far as that is possible now."""
    try:
        loaded = _loaded()
        for mark, (module, arguments) in zip(MARKS, modules(wanted), strict=True):
            if mark not in loaded:
                _call("load-module", module, arguments)
    except OSError as error:  # a source that is missing, until an event tells that it is there
        print(error, file=sys.stderr, flush=True)


def release() -> None:
    """Leave nothing behind."""
    with contextlib.suppress(OSError):
        loaded = _loaded()
        for mark in reversed(MARKS):
            for number in loaded.get(mark, ()):
                _call("unload-module", number)


def is_there() -> bool:
    """Whether the source can be chosen, and hears something."""
    with contextlib.suppress(OSError):
        return set(MARKS) <= set(_loaded())
    return False


def sources() -> list[str]:
    """What can be heard."""
    return [line.split("\t")[1] for line in _call("list", "short", "sources").splitlines() if "\t" in line]


def set_limit(wanted: Wanted) -> None:
    """Change the strength while sound runs."""
    of_others = DBUS_MODULE in _call("list", "short", "modules")
    number = "" if of_others else _call("load-module", DBUS_MODULE).strip()
    try:
        dbus.set_controls("undin_filter", _controls(wanted))
    finally:
        if number:
            _call("unload-module", number)


def _controls(wanted: Wanted) -> list[float]:
    """Those of the plug-in, in its order: limit, bypass, model."""
    return [plugin.limit_control(wanted.atten_lim_db), 0, plugin.model_number(wanted.model)]


def status() -> list[str]:
    """Lines about it."""
    return [f"module-loopback of PulseAudio adds {LATENCY_MS} ms or more, which programs are not told"]


def rate_hz() -> int:
    """Of the filter."""
    return RATE_HZ


def process() -> int | None:
    """The one that does the work, among all else: the server."""
    pid = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "pulse" / "pid"
    with contextlib.suppress(OSError, ValueError):
        return int(pid.read_text())
    return None


def _default_source() -> str:
    """The default source, or the first real one where that is the microphone itself."""
    lines = _call("info").splitlines()
    default = next((line.partition(": ")[2] for line in lines if line.startswith("Default Source: ")), "")
    others = [name for name in sources() if name != NAME and not name.startswith("undin_")]
    real = [name for name in others if not name.endswith(".monitor")]
    if default in others:
        return default
    if not others:
        raise OSError("PulseAudio has no source to hear")
    return (real or others)[0]


def _loaded() -> dict[str, list[str]]:
    """Numbers of our modules that are loaded, by their marks."""
    found: dict[str, list[str]] = {}
    for line in _call("list", "short", "modules").splitlines():
        number, _, rest = line.partition("\t")
        words = rest.replace("\t", " ").split()
        for mark in MARKS:
            if mark in words:
                found.setdefault(mark, []).append(number)
    return found


def _quoted(value: str) -> str:
    """A value for a module: in quotes, with what would end them."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _call(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["pactl", *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise OSError("the program pactl is missing: install pulseaudio-utils, or what your system calls it") from None
    except subprocess.TimeoutExpired:
        raise OSError("PulseAudio does not answer pactl") from None
    if done.returncode:
        raise OSError(f"PulseAudio refuses to {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout
