"""How many voices this machine keeps in time: some are sent through the server itself, before others come."""

import asyncio
import itertools
import logging
import os
import socket
import time
from types import SimpleNamespace

import numpy as np
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from undin.io import pcm
from undin.serve.house import PACKET_SECONDS, House
from undin.serve.websocket import PATH, VoiceProtocol

VOICES, PACKETS = 16, 50
RATE = 16_000
SHARE = 0.55
"""Of the processors that voices may take: the rest is for what comes at once, and for whatever else runs there."""

log = logging.getLogger("undin.serve")


async def measure(house: House) -> float:
    """Measure how many voices of the default model, at 16 kHz in packets of 20 ms, all workers keep in time.

    Counted are the processors, and the event loop of each worker, which is one thread. The cost of the other ends of
    the connections is counted with them, so it is rather too few.
    """
    loop = asyncio.get_running_loop()
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    noise = np.random.default_rng(0).normal(0, 0.1, round(RATE * PACKET_SECONDS)).astype(np.float32)
    packet = pcm.encode(noise, subtype="PCM_16")
    state, pairs = SimpleNamespace(connections=set()), [socket.socketpair() for _ in range(VOICES)]
    log.disabled = True
    ends, counted, token = [], house.row.copy(), next(iter(house.settings.tokens), "")
    for ours, theirs in pairs:
        await loop.connect_accepted_socket(lambda: VoiceProtocol(None, state, {"house": house}), ours)
        _, end = await loop.create_connection(lambda: _End(packet, token), sock=theirs)
        ends.append(end)
    await asyncio.gather(*(end.round() for end in ends))  # streams are opened
    busy, own = time.process_time(), time.thread_time()
    for _ in range(PACKETS):
        await asyncio.gather(*(end.round() for end in ends))
    seconds = VOICES * PACKETS * PACKET_SECONDS
    busy, own = (time.process_time() - busy) / seconds, (time.thread_time() - own) / seconds
    for end in ends:
        end.transport.close()
    while state.connections:
        await asyncio.sleep(0.001)
    house.row[:], house.ids, log.disabled = counted, itertools.count(1), False
    voices = float(max(1, np.floor(SHARE * min(processors / busy, house.settings.workers / own))))
    log.info(
        "%.1f ms a second for each voice, %.1f of the event loop: %d are kept in time", 1e3 * busy, 1e3 * own, voices
    )
    return voices


class _End(asyncio.Protocol):
    """The client's end: sends a packet, and waits for as many bytes."""

    def __init__(self, packet: bytes, token: str):
        self._packet = packet
        self._client = ClientProtocol(parse_uri(f"ws://localhost{PATH}?sample_rate={RATE}&token={token}"))
        self._missing, self._answered = 0, asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._client.send_request(self._client.connect())
        self._send()

    def data_received(self, data: bytes) -> None:
        self._client.receive_data(data)
        for event in self._client.events_received():
            if getattr(event, "opcode", None) == 2:
                self._missing -= len(event.data)
                if self._missing <= 0:
                    self._answered.set()
            elif not hasattr(event, "opcode"):
                self._answered.set()  # the handshake

    def _send(self) -> None:
        self.transport.write(b"".join(self._client.data_to_send()))

    async def round(self) -> None:
        """Send a packet, and wait for its answer."""
        await self._answered.wait()
        self._answered.clear()
        self._missing = len(self._packet)
        self._client.send_binary(self._packet)
        self._send()
        await self._answered.wait()
