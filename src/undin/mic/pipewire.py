"""The microphone in PipeWire: its filter chain in a process of its own, from a file in the user's folder."""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from undin.mic import plugin
from undin.mic.state import Wanted, config_folder, log_path

NAME, DESCRIPTION = "undin", "undin: microphone without noise"
CAPTURE = "undin.capture"
PR_SET_PDEATHSIG = 1


def socket_path() -> Path:
    """Where PipeWire listens."""
    folder = os.environ.get("PIPEWIRE_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"
    return Path(folder) / (os.environ.get("PIPEWIRE_REMOTE") or "pipewire-0")


def connect() -> socket.socket | None:
    """A connection, which ends when the server does; None if there is no server."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(socket_path()))
    except OSError:
        connection.close()
        return None
    return connection


def config_path() -> Path:
    """Of the microphone alone: no other program reads it."""
    return config_folder() / "pipewire" / "undin-mic.conf"


def config(wanted: Wanted) -> str:
    """The file, in PipeWire's form of JSON."""
    capture: dict[str, Any] = {"node.name": CAPTURE, "node.description": DESCRIPTION, "node.passive": True}
    if wanted.input:
        capture["target.object"] = wanted.input.removesuffix(".monitor")
        capture["stream.capture.sink"] = wanted.input.endswith(".monitor")
    controls = {
        plugin.LIMIT: plugin.limit_control(wanted.atten_lim_db),
        plugin.MODEL: plugin.model_number(wanted.model),
    }
    node = {
        "type": "ladspa",
        "name": NAME,
        "plugin": str(plugin.find()),
        "label": plugin.LABEL,
        "control": controls,
    }
    chain = {
        "node.description": DESCRIPTION,
        "media.name": DESCRIPTION,
        "filter.graph": {"nodes": [node]},
        "audio.channels": 1,
        "audio.position": ["MONO"],
        "capture.props": capture,
        "playback.props": {"node.name": NAME, "node.description": DESCRIPTION, "media.class": "Audio/Source"},
    }
    modules = [
        {"name": "libpipewire-module-rt", "args": {"nice.level": -11}, "flags": ["ifexists", "nofail"]},
        {"name": "libpipewire-module-protocol-native"},
        {"name": "libpipewire-module-client-node"},
        {"name": "libpipewire-module-adapter"},
        {"name": "libpipewire-module-filter-chain", "args": chain},
    ]
    libraries = {"audio.convert.*": "audioconvert/libspa-audioconvert", "support.*": "support/libspa-support"}
    parts = {"context.properties": {}, "context.spa-libs": libraries, "context.modules": modules}
    written = "\n".join(f"{key} = {json.dumps(value, indent=2)}" for key, value in parts.items())
    return f"# Written by `undin mic on`, and removed by `undin mic off`.\n{written}\n"


def hold(wanted: Wanted) -> None:
    """Have the microphone until the server ends, or the process that has it."""
    while (connection := connect()) is None:
        time.sleep(0.5)
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(config(wanted))
    with connection, log_path().open("a") as log:
        process = subprocess.Popen(
            ["pipewire", "-c", config_path().name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_parent,
        )
        ended = os.pidfd_open(process.pid)
        try:
            select.select([connection, ended], [], [])  # it stays behind when the server goes
        finally:
            os.close(ended)
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def release() -> None:
    """Leave nothing behind."""
    config_path().unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        config_path().parent.rmdir()  # which it is, if nobody else keeps anything there


def is_there() -> bool:
    """Whether the source can be chosen."""
    return _node(NAME) is not None


def sources() -> list[str]:
    """What can be heard: names of sources, and of sinks as their monitors."""
    of = {"Audio/Source": "", "Audio/Source/Virtual": "", "Audio/Duplex": "", "Audio/Sink": ".monitor"}
    nodes = [node["info"].get("props", {}) for node in _nodes()]
    return [props["node.name"] + of[props["media.class"]] for props in nodes if props.get("media.class") in of]


def set_limit(wanted: Wanted) -> None:
    """Change the strength while sound runs."""
    control = f'{{ params = [ "{NAME}:{plugin.LIMIT}" {plugin.limit_control(wanted.atten_lim_db)} ] }}'
    if node := _node(CAPTURE):
        _call("pw-cli", "set-param", str(node["id"]), "Props", control)


def status() -> list[str]:
    """Lines about it: limit as the server has it, the rate of the graph and its block."""
    rate, quantum = _clock()
    return [
        f"a block of PipeWire is {quantum} samples at {rate} Hz, {1e3 * quantum / rate:.1f} ms; "
        f"it tells programs nothing of a plug-in's latency"
    ]


def rate_hz() -> int:
    """Of the graph."""
    return _clock()[0]


def process() -> int | None:
    """The one that does the work."""
    node = _node(NAME)
    number = node["info"]["props"].get("application.process.id") if node else None
    if number is None and node:
        client = next((one for one in _dump() if one["id"] == node["info"]["props"].get("client.id")), None)
        number = client and client["info"]["props"].get("application.process.id")
    return int(number) if number else None


def _clock() -> tuple[int, int]:
    settings = {}
    for one in _dump():
        if one.get("props", {}).get("metadata.name") == "settings":
            settings = {entry["key"]: entry["value"] for entry in one.get("metadata", [])}
    rate = int(settings.get("clock.force-rate") or 0) or int(settings.get("clock.rate") or 48_000)
    return rate, int(settings.get("clock.force-quantum") or 0) or int(settings.get("clock.quantum") or 1024)


def _node(name: str) -> dict[str, Any] | None:
    return next((node for node in _nodes() if node["info"].get("props", {}).get("node.name") == name), None)


def _nodes() -> list[dict[str, Any]]:
    return [one for one in _dump() if one.get("type", "").endswith(":Node") and one.get("info")]


def _dump() -> list[dict[str, Any]]:
    try:
        return json.loads(_call("pw-dump"))
    except ValueError:  # it was changed meanwhile, or says nothing
        return []


def _call(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise OSError(
            f"the program {command[0]} is missing: install pipewire-bin, or what your system calls it"
        ) from None
    except subprocess.TimeoutExpired:
        raise OSError(f"PipeWire does not answer {command[0]}") from None
    return done.stdout
