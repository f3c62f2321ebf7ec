"""Sound cards by PortAudio: which there are, and two of them with a `Path` between.

PortAudio and the libraries below it write to standard error what is no news; it is kept away from terminals here.
"""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from undin.engines.native import stream_library
from undin.live.path import MAX_CHANNELS, Path
from undin.model.loading import default_model, load_once

SILENT_S = 3.0
"""Without a call for so long, a card is gone;"""

START_S = 15.0
"""but some servers of sound take their time before the first."""

PRIORITY = 5
"""Of threads of sound among those in real time, as PulseAudio has it."""


class Gone(OSError):
    """A card that played is there no more."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep away what libraries in C write to standard error."""
    if os.name != "posix":
        yield
        return
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def portaudio() -> Any:
    """The module sounddevice; OSError with the cure where its library is missing."""
    with quiet():
        try:
            import sounddevice
        except OSError:
            raise OSError(
                "PortAudio is missing, by which undin finds sound cards: apt install libportaudio2, or what your "
                "system calls it"
            ) from None
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(stream_library().undin_live_ignore)
    return sounddevice


def look_again() -> None:
    """Let PortAudio find cards anew: it sees those alone that were there when it began."""
    sounddevice = portaudio()
    with quiet():
        sounddevice._terminate()
        sounddevice._initialize()


def table() -> str:
    """A line a card, for people."""
    sounddevice = portaudio()
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    defaults = sounddevice.default.device
    rows = [("", "input", "output", "rate", "name", "by")]
    for number, card in enumerate(sounddevice.query_devices()):
        marks = "".join(mark for mark, default in zip("io", defaults, strict=True) if number == default)
        ins, outs = card["max_input_channels"], card["max_output_channels"]
        rate = f"{card['default_samplerate']:.0f} Hz"
        rows.append(
            (f"{number} {marks}".strip(), str(ins or "-"), str(outs or "-"), rate, card["name"], hosts[card["hostapi"]])
        )
    if len(rows) == 1:
        raise OSError("there is no sound card that PortAudio sees")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(
        [*lines, "", "i and o mark the default input and output; --input and --output take a number or a name."]
    )


def find(wanted: str | None, kind: str) -> dict[str, Any]:
    """A card by its number, its name or a part of that, or the default one.

    Parameters
    ----------
    wanted : str, optional
    kind : {"input", "output"}

    Returns
    -------
    dict
        As sounddevice tells of it.

    Raises
    ------
    ValueError
        None has this name, or several have.
    OSError
        There is no default one.
    """
    sounddevice = portaudio()
    key = f"max_{kind}_channels"
    cards = [card for card in sounddevice.query_devices() if card[key] > 0]
    if wanted is None:
        default = sounddevice.default.device[kind == "output"]
        if found := [card for card in cards if card["index"] == default]:
            return found[0]
        raise OSError(f"this machine has no default {kind}: name one of undin live --list by --{kind}")
    exact = [card for card in cards if wanted in (str(card["index"]), card["name"])]
    found = exact or [card for card in cards if wanted.lower() in card["name"].lower()]
    if not found:
        raise ValueError(f"no {kind} is called {wanted!r}: undin live --list shows those there are")
    if len(found) > 1 and len({card["name"] for card in found}) > 1:
        names = ", ".join(repr(card["name"]) for card in found)
        raise ValueError(f"several {kind}s are called {wanted!r}: {names}")
    return found[0]  # one card by several ways: PortAudio's order is that of preference


class Cards:
    """An input and an output that run, with a stream between them, until the end of the ``with``.

    Parameters
    ----------
    model : str, optional
        Name or path; by default that of the rate.
    input, output : str, optional
        As `find` takes them.
    rate : int, optional
        Of the input and the stream, Hz; that which the input has by default.
    block : int
        Frames of a call; 0 lets the driver choose.
    latency : {"low", "high"} or float
        What the drivers are asked for, seconds if a number.
    channels : int
        Of the input and the stream.

    Raises
    ------
    ValueError, OSError
        As `find` and `Path` do, and if a card refuses.
    """

    def __init__(
        self,
        model: str | None,
        *,
        input: str | None,
        output: str | None,
        rate: int | None,
        block: int,
        latency: str | float,
        channels: int,
    ):
        self._sounddevice = portaudio()
        source, sink = find(input, "input"), find(output, "output")
        self.input_name, self.output_name = source["name"], sink["name"]
        if channels > min(MAX_CHANNELS, source["max_input_channels"]):
            raise ValueError(f"{self.input_name} has no {channels} channels")
        self.rate = rate or int(source["default_samplerate"])
        self.output_channels = max(min(2, sink["max_output_channels"]), 1)
        self.output_rate = self._output_rate(sink)
        loaded = load_once(model or default_model(self.rate))
        self.model_name = loaded.metadata.name
        self.path = Path(
            loaded,
            channels=channels,
            input_rate=self.rate,
            output_rate=self.output_rate,
            output_channels=self.output_channels,
        )
        options = {"blocksize": block, "latency": latency}
        self._streams: list[Any] = []
        before = _threads()
        try:
            for kind, card, at, count, callback in (
                ("input", source, self.rate, channels, self.path.input_callback),
                ("output", sink, self.output_rate, self.output_channels, self.path.output_callback),
            ):
                self._streams.append(self._open(kind, card, at, count, callback, options))
        except Exception:
            self.close()
            raise
        _hurry(_threads() - before)
        self._seen, self._since = self.path.blocks, [time.monotonic() + START_S] * 2

    def _output_rate(self, sink: dict[str, Any]) -> int:
        """That of the input, if the output can, so that one clock is one clock; else its own."""
        try:
            with quiet():
                self._sounddevice.check_output_settings(
                    sink["index"], channels=self.output_channels, dtype="float32", samplerate=self.rate
                )
        except self._sounddevice.PortAudioError:
            return int(sink["default_samplerate"])
        return self.rate

    def _open(
        self, kind: str, card: dict[str, Any], rate: int, channels: int, callback: int, options: dict[str, Any]
    ) -> Any:
        ffi = self._sounddevice._ffi
        try:
            with quiet():
                stream = self._sounddevice._StreamBase(
                    kind,
                    device=card["index"],
                    samplerate=rate,
                    channels=channels,
                    dtype="float32",
                    callback=ffi.cast("PaStreamCallback*", callback),
                    userdata=ffi.cast("void*", self.path.address),
                    **options,
                )
                stream.start()
        except self._sounddevice.PortAudioError as error:
            reason = str(error.args[0]).removeprefix("Error opening Stream: ").split(" [")[0]
            raise OSError(f"{card['name']} cannot be the {kind} at {rate} Hz: {reason}") from None
        return stream

    def __enter__(self) -> "Cards":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let both go."""
        with quiet():
            for stream in self._streams:
                stream.abort(ignore_errors=True)
                stream.close(ignore_errors=True)
        self._streams = []

    @property
    def latency_s(self) -> tuple[float, float]:
        """Of the input and the output, as their drivers tell it, seconds."""
        source, sink = self._streams
        return source.latency, sink.latency

    @property
    def load(self) -> float:
        """Part of the time that the callbacks take, as PortAudio measures it."""
        return sum(stream.cpu_load for stream in self._streams)

    def check(self) -> None:
        """Raise `Gone` if a card is."""
        now, blocks = time.monotonic(), self.path.blocks
        for side, name in enumerate((self.input_name, self.output_name)):
            if blocks[side] != self._seen[side]:
                self._since[side] = now
            elif not self._streams[side].active or now - self._since[side] > SILENT_S:
                raise Gone(f"the {('input', 'output')[side]} {name} is gone")
        self._seen = blocks


def _threads() -> set[int]:
    """Of this process, as Linux numbers them; none elsewhere."""
    return {int(name) for name in os.listdir("/proc/self/task")} if sys.platform == "linux" else set()


def _hurry(threads: set[int]) -> None:
    """Let threads of sound be first, where this user may; other systems than Linux do that by themselves."""
    for thread in threads:
        with contextlib.suppress(OSError):  # no right to, or gone already
            os.sched_setscheduler(thread, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
