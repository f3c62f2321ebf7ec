"""How a voice comes and goes: the protocol that uvicorn hands a connection to when it asks for a WebSocket.

It is a protocol of its own, on what the library websockets has for that (``websockets.server``, without any I/O), and
no handler of ASGI, where each message costs a queue, two futures and four calls of epoll: of 20-ms packets that is half
of what a voice may cost. A refusal is told in a message and a close code once the handshake is done, because a
browser shows nothing of an answer to the handshake itself.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from undin.serve.house import House
from undin.serve.limits import Refusal
from undin.serve.voice import Voice

PATH = "/stream"
READ_BYTES, MOST_AT_ONCE = 4096, 200
"""Taken at a time, and messages after which others have a turn: the smallest have 6 bytes."""

MESSAGES_A_SECOND = 2000
"""More are read later: 40 times what a voice in packets of 20 ms sends."""

CLOSE_SECONDS = 5.0
MOST_TO_SEND_BYTES = 2**18
"""That wait in the socket of a client that reads nothing: then nothing of it is read, and `idle_seconds` end it."""

log = logging.getLogger("undin.serve")


class VoiceProtocol(asyncio.Protocol):
    """A connection; what uvicorn wants of it is told in its ``protocols.websockets``."""

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None):
        self._house: House = app_state["house"]
        self._connections = server_state.connections
        self._loop = asyncio.get_running_loop()
        self._websocket = ServerProtocol(max_size=self._house.limits.message_bytes, logger=_quiet)
        self._voice: Voice | None = None
        self._parts: list[bytes] = []
        self._is_text = False
        self._rest = b""
        self._budget, self._at = float(MESSAGES_A_SECOND), self._loop.time()
        self._holds: set[str] = set()
        self._is_ending = False
        self._timer: asyncio.TimerHandle | None = None

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        transport.set_write_buffer_limits(high=MOST_TO_SEND_BYTES)
        self._connections.add(self)
        self._timer = self._loop.call_later(self._house.limits.header_seconds, self._look)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone, however that came."""
        self._connections.discard(self)
        if self._timer:
            self._timer.cancel()
        if self._voice:
            self._voice.close()

    def eof_received(self) -> None:
        """Nothing more comes; the transport closes."""

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._hold("writing", True)

    def resume_writing(self) -> None:
        """It has read."""
        self._hold("writing", False)

    def data_received(self, data: bytes) -> None:
        """Read messages."""
        self._rest = self._rest + data if self._rest else data
        if "rest" not in self._holds:
            self._read_on()

    def shutdown(self) -> None:
        """The server is to end: a voice may go on for a while."""
        self._house.is_draining = True
        if self._voice and self._voice.is_open:
            self._loop.call_later(max(0.0, self._house.limits.drain_seconds - 1), self._drained)
        else:
            self._drained()

    # What follows from it.

    def _read_on(self) -> None:
        """Read what has come; of very many messages some, and others have their turn in between."""
        loop, count = self._loop, 0
        while self._rest and count < MOST_AT_ONCE and not self._transport.is_closing():
            data, self._rest = self._rest[:READ_BYTES], self._rest[READ_BYTES:]
            count += self._read(data)
        now = loop.time()
        self._budget = min(MESSAGES_A_SECOND, self._budget + (now - self._at) * MESSAGES_A_SECOND) - count
        self._at = now
        is_late = bool(self._rest) or self._budget < 0
        self._hold("rest", is_late)
        if is_late and not self._transport.is_closing():
            loop.call_later(max(0.0, -self._budget / MESSAGES_A_SECOND), self._read_on)

    def _read(self, data: bytes) -> int:
        """Read some bytes, and return how many messages they ended."""
        websocket = self._websocket
        websocket.receive_data(data)
        events = websocket.events_received()
        try:
            for event in events:
                if type(event) is Frame:
                    self._frame(event)
                else:
                    self._begin(event)
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            log.exception("%r failed", self._voice)
            self.refuse(Refusal("internal", "the server failed; its log says why"))
        self._send()
        if websocket.parser_exc is not None and not self._is_ending:
            self._house.count("refused bad-request")
            self._end()
        return len(events)

    def _frame(self, frame: Frame) -> None:
        if self._websocket.state is not State.OPEN and frame.opcode is not Opcode.CLOSE:
            return  # it was refused, and has not read that yet
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._voice.audio(bytes(frame.data))
        elif frame.opcode in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            self._parts.append(bytes(frame.data))
            if frame.fin:
                data, self._parts = b"".join(self._parts), []
                if self._is_text:
                    self._voice.message(_text(data))
                else:
                    self._voice.audio(data)
        elif frame.opcode is Opcode.CLOSE:
            self._send()
            self._transport.close()

    def _begin(self, request: Request) -> None:
        """The handshake: answer it, then see whether there is room."""
        address = urlsplit(request.path)
        response = self._websocket.accept(request)
        if response.status_code == 101 and address.path != PATH:
            response = self._websocket.reject(404, f"WebSockets are at {PATH}\n")
        self._websocket.send_response(response)
        if response.status_code != 101:
            self._send()
            self._transport.close()
            return
        # Of two headers of one name neither is believed.
        headers = {name: request.headers.get_all(name) for name in ("Authorization", "Origin", "Host")}
        authorization, origin, host = (values[0] if len(values) == 1 else None for values in headers.values())
        query = dict(parse_qsl(address.query, keep_blank_values=True, max_num_fields=16))
        house = self._house
        name = house.enter(authorization=authorization, token=query.get("token"), origin=origin, host=host)
        if refusal := house.full():
            raise refusal
        self._voice = Voice(house, self, query, name=name)

    def _look(self) -> None:
        """Look from time to time whether the voice is still heard."""
        voice, limits = self._voice, self._house.limits
        allowed = limits.idle_seconds if voice and voice.is_open else limits.header_seconds
        left = allowed - (self._loop.time() - voice.heard) if voice else 0.0
        if left > 0:
            self._timer = self._loop.call_later(left + 0.01, self._look)
            return
        self._timer = None
        self.refuse(Refusal("idle", f"nothing was heard for {allowed:g} seconds"))

    def _drained(self) -> None:
        if not self._transport.is_closing():
            self.refuse(Refusal("draining", "this server ends: connect again"))

    def _hold(self, reason: str, is_held: bool) -> None:
        """Read nothing as long as there is a reason."""
        held = bool(self._holds)
        (self._holds.add if is_held else self._holds.discard)(reason)
        if bool(self._holds) != held and not self._transport.is_closing():
            (self._transport.resume_reading if held else self._transport.pause_reading)()

    def _send(self) -> None:
        if (data := self._websocket.data_to_send()) and not self._transport.is_closing():
            self._transport.write(data[0] if len(data) == 1 else b"".join(data))
            if not data[-1] and self._transport.can_write_eof():  # it will hear nothing more
                self._transport.write_eof()

    def _end(self) -> None:
        """Wait for the client to close too, for a while: to close on what it still sends would lose what was told."""
        self._is_ending, self._rest = True, b""
        if self._voice:
            self._voice.close()
        for reason in tuple(self._holds):
            self._hold(reason, False)
        self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    # What the voice says.

    def send_audio(self, data: memoryview | bytes) -> None:
        """Send an answer."""
        if self._websocket.state is State.OPEN:
            self._websocket.send_binary(data)
            self._send()

    def send_message(self, message: Mapping[str, Any]) -> None:
        """Send a message of JSON."""
        if self._websocket.state is State.OPEN:
            self._websocket.send_text(json.dumps(message).encode())
            self._send()

    def hold(self, is_held: bool) -> None:
        """Read nothing until the voice has caught up."""
        self._hold("voice", is_held)

    def refuse(self, refusal: Refusal) -> None:
        """Say why, and close."""
        if self._is_ending:
            return
        self._house.count(f"refused {refusal.code}")
        log.info("%s: %s", self._voice or "a client", refusal.message)
        self.send_message(refusal.body)
        if self._websocket.state is State.OPEN:
            self._websocket.send_close(refusal.close_code, refusal.code)
            self._send()
        self._end()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refusal("bad-request", "a text message is UTF-8") from None


_quiet = logging.getLogger("undin.serve.websockets")
_quiet.setLevel(logging.CRITICAL)
