"""One voice of a client: what it asked for, what has come of it in what order, and what goes back.

It knows nothing of sockets: `websocket.py` brings it messages and sends what it answers. All of it runs on the event
loop; `Stream` is touched there only while no thread is at work on it.
"""

import json
import logging
import math
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from undin.io import pcm
from undin.recording import RAW_FORMATS
from undin.serve.house import House
from undin.serve.limits import Refusal
from undin.stream import Stream

TURN_SECONDS = 0.1
"""The most sound of one voice at a time: a client that is faster than real time waits for the others then. A longer
message is answered in several."""

WAITING_SECONDS = 1.0
"""Of sound, or as many packets of 10 ms, that may wait; then nothing more is read until some of it is done."""

log = logging.getLogger("undin.serve")


class Client(Protocol):
    """Who a voice talks with."""

    def send_audio(self, data: memoryview | bytes) -> None:
        """Send an answer to one message."""

    def send_message(self, message: Mapping[str, Any]) -> None:
        """Send a message as JSON."""

    def refuse(self, refusal: Refusal) -> None:
        """Say why, and end."""

    def hold(self, is_held: bool) -> None:
        """Read nothing for now, or read again."""


class Voice:
    """See above.

    Parameters
    ----------
    house : House
    client : Client
    wanted : mapping of str to str
        Parameters of the query, which the first message may change.
    name : str
        Of the client, '' where all may come in.
    """

    def __init__(self, house: House, client: Client, wanted: Mapping[str, str], *, name: str):
        self._house, self._client = house, client
        self._wanted: dict[str, Any] = dict(wanted)
        self.id, self._of = next(house.ids), f" of {name}" if name else ""
        self.stream: Stream | None = None
        self.encoding, self.packets, self.task = "", [], None
        self.heard = self._begun = time.monotonic()
        self._waiting: deque[tuple[float, bytes | dict[str, Any]]] = deque()
        self._waiting_bytes = 0
        self._since = 0.0
        self._load: float | None = None
        self._is_at_work = self._is_closed = self._is_held = False
        self._bytes_a_second = self._turn_bytes = self._frame_bytes = 0
        self._count = 0

    def __repr__(self) -> str:
        return f"voice {self.id}{self._of}"

    @property
    def is_open(self) -> bool:
        """Whether its first message has come."""
        return self._frame_bytes > 0

    def audio(self, data: bytes) -> None:
        """Take a message of samples."""
        self.heard = time.monotonic()
        if not self.is_open:
            self._open({})
        if len(data) % self._frame_bytes:
            whole = f"a message has whole samples of all channels, {self._frame_bytes} bytes each"
            raise Refusal("bad-request", f"{whole}, and this one {len(data)} bytes")
        if len(data) <= self._turn_bytes:
            self._waiting.append((self.heard, data))
        else:
            starts = range(0, len(data), self._turn_bytes)
            self._waiting += ((self.heard, data[start : start + self._turn_bytes]) for start in starts)
        self._waiting_bytes += len(data)
        if not self._is_at_work:
            self._go_on()
        if not self._is_held and self._has_much():
            self._is_held = True
            self._client.hold(True)

    def message(self, text: str) -> None:
        """Take a message of JSON: parameters before the first samples, changes of them after it, or a flush."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise Refusal("bad-request", "a text message is JSON, and samples go into binary messages") from None
        if not isinstance(values, dict):
            raise Refusal("bad-request", "a text message is an object of JSON")
        self.heard = time.monotonic()
        if not self.is_open:
            self._open(values)
            return
        unknown = set(values) - {"atten_lim_db", "bypass", "flush"}
        if unknown:
            raise Refusal(
                "bad-request", f"{_shown(sorted(unknown)[0])} cannot change while sound runs: open another stream"
            )
        self._waiting.append((self.heard, _checked(values)))
        if not self._is_at_work:
            self._go_on()

    def close(self) -> None:
        """Let it go, as soon as no thread is at work on it."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._load is not None:
            seconds = time.monotonic() - self._begun
            log.info("%r ended after %.1f s, %d packets", self, seconds, self._count)
            self._house.let_go(self._load)
        self._waiting.clear()
        if not self._is_at_work and self.stream:
            self.stream.close()

    def _open(self, values: dict[str, Any]) -> None:
        """The first message is there: let it in, and have its stream opened."""
        wanted = Wanted(self._wanted | values, self._house)
        self._load = self._house.admit(wanted.model, wanted.channels)
        self.encoding = wanted.encoding
        self._frame_bytes = pcm.SAMPLE_BYTES[RAW_FORMATS[wanted.encoding][0]] * wanted.channels
        self._bytes_a_second = self._frame_bytes * wanted.sample_rate
        self._turn_bytes = self._frame_bytes * int(wanted.sample_rate * TURN_SECONDS)
        log.info("%r: %s", self, wanted)
        self._work(task=wanted.open)

    def _has_much(self) -> bool:
        return (
            self._waiting_bytes > self._bytes_a_second * WAITING_SECONDS or len(self._waiting) > 100 * WAITING_SECONDS
        )

    def _go_on(self) -> None:
        """Give the next of what waits to a thread: settings that have changed in between count from there on."""
        stream, waiting = self.stream, self._waiting
        while waiting and isinstance(values := waiting[0][1], dict):
            waiting.popleft()
            if "atten_lim_db" in values:
                stream.atten_lim_db = values["atten_lim_db"]
            if "bypass" in values:
                stream.bypass = values["bypass"]
            if values.get("flush"):
                self._work(task=self._flush)
                return
        if not waiting:
            return
        size = 0
        self._since, packets = waiting[0][0], []
        while waiting and isinstance(data := waiting[0][1], bytes) and size + len(data) <= self._turn_bytes:
            packets.append(waiting.popleft()[1])
            size += len(data)
        self._waiting_bytes -= size
        self.packets = packets
        self._work(task=None)

    def _work(self, task: Any) -> None:
        self.task, self._is_at_work = task, True
        self._house.pool.submit(self)

    def _flush(self) -> bytes:
        subtype, order = RAW_FORMATS[self.encoding]
        return pcm.encode(self.stream.flush(), subtype=subtype, order=order)

    def done(self, result: object) -> None:
        """Hear what a thread has made of it, and send that."""
        self._is_at_work = False
        if isinstance(result, Stream):
            self.stream = result
        if self._is_closed:
            if self.stream:
                self.stream.close()
            return
        if isinstance(result, Exception):
            self._client.refuse(Refusal("internal", "this voice could not be enhanced; the server's log says why"))
            return
        if isinstance(result, Stream):
            told = {"model": result.model.metadata.name, "sample_rate": result.sample_rate, "encoding": self.encoding}
            told |= {"channels": result.channels, "latency_samples": result.latency_samples}
            self._client.send_message({"opened": told})
        elif isinstance(result, bytes):
            self._client.send_audio(result)
            self._client.send_message({"flushed": True})
        else:
            self._answer(result)
        if self._is_held and not self._has_much():
            self._is_held = False
            self._client.hold(False)
        if not self._is_closed and not self._is_at_work:
            self._go_on()

    def _answer(self, answers: memoryview) -> None:
        """Send an answer to each packet, of its length."""
        begin, send = 0, self._client.send_audio
        for packet in self.packets:
            send(answers[begin : begin + len(packet)])
            begin += len(packet)
        self._count += len(self.packets)
        self._house.answered(
            packets=len(self.packets),
            audio_seconds=begin / self._bytes_a_second,
            seconds=time.monotonic() - self._since,
        )
        self.packets = []


class Wanted:
    """What a client asked for, checked.

    Parameters
    ----------
    values : mapping
        Of strings out of a query, or of JSON.
    house : House

    Raises
    ------
    Refusal
        A parameter is unknown or out of its range: the message names it.
    """

    def __init__(self, values: Mapping[str, Any], house: House):
        limits = house.limits
        known = {"model", "sample_rate", "channels", "encoding", "atten_lim_db", "bypass"}
        if unknown := sorted(set(values) - known - {"token"}):
            raise Refusal(
                "bad-request", f"unknown parameter {_shown(unknown[0])}: there are {', '.join(sorted(known))}"
            )
        rates = limits.min_sample_rate, limits.max_sample_rate
        self.sample_rate = _whole(values, "sample_rate", 16_000, *rates)
        self.model = values.get("model", house.default_at(self.sample_rate))
        if not isinstance(self.model, str) or self.model not in house.models:
            raise Refusal(
                "bad-request", f"unknown model {_shown(self.model)}: this server has {', '.join(house.models)}"
            )
        self._loaded = house.models[self.model]
        self.channels = _whole(values, "channels", 1, 1, limits.channels)
        self.encoding = values.get("encoding", "s16le")
        if self.encoding not in RAW_FORMATS:
            names = ", ".join(RAW_FORMATS)
            raise Refusal("bad-request", f"unknown encoding {_shown(self.encoding)}: there are {names}")
        changes = _checked({name: values[name] for name in ("atten_lim_db", "bypass") if name in values})
        self.atten_lim_db, self._bypass = changes.get("atten_lim_db"), changes.get("bypass", False)

    def __str__(self) -> str:
        return f"{self.model}, {self.sample_rate} Hz, channels: {self.channels}, {self.encoding}"

    def open(self) -> Stream:
        """A stream of this kind."""
        stream = Stream(self.sample_rate, channels=self.channels, model=self._loaded, atten_lim_db=self.atten_lim_db)
        stream.bypass = self._bypass
        return stream


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Settings that may change while sound runs, as `Stream` takes them."""
    checked = dict(values)
    if "atten_lim_db" in values:
        limit = values["atten_lim_db"]
        if limit is not None and limit != "none":
            limit = _number(limit)
            if not limit >= 0:
                raise Refusal("bad-request", "atten_lim_db is a number of dB from 0 on, or null for no limit")
        checked["atten_lim_db"] = None if limit == "none" else limit
    for name in ("bypass", "flush"):
        if name in values:
            try:
                checked[name] = BOOLEANS[str(values[name]).lower()]
            except KeyError:
                raise Refusal("bad-request", f"{name} is true or false") from None
    return checked


BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _whole(values: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    number = _number(values.get(name, default))
    if not least <= number <= most or number % 1:
        raise Refusal("bad-request", f"{name} is a whole number from {least} to {most} here")
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _shown(value: Any) -> str:
    """What a client sent, in so many characters as a sentence may have."""
    return repr(value if isinstance(value, str) else type(value).__name__)[:80]
