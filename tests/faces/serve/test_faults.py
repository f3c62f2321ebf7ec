"""What clients do wrong, and what happens to a server: nobody else is late for it, and nothing is left of it."""

import os
import re
import signal
import socket
import struct
import threading
import time

import httpx
import numpy as np
import pytest
from support import step_models
from support.serving import ended, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import undin
from undin.client import RemoteStream, ServerError

pytestmark = pytest.mark.needs("server")
OPTIONS = ("--streams", "10", "--idle-seconds", "2", "--header-seconds", "2", "--message-bytes", "100000")
PACKET = bytes(640)


def files_open(server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def memory_kib(server) -> int:
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def raw(server, path: str = "/stream") -> socket.socket:
    """A connection after its handshake, for what no library would send."""
    host, port = server.host.split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {server.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert b"101" in head
    return connection


def frame(data: bytes, opcode: int = 2) -> bytes:
    """A message of a client, its mask 0."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
    return bytes([0x80 | opcode]) + length + bytes(4) + data


def close_code(connection: socket.socket) -> int:
    """Of the last message, the close."""
    data = b""
    while part := connection.recv(2**16):
        data += part
        if data[-2 - data[-1] :] and re.search(rb"\x88[\x02-\x7d]..", data, re.DOTALL):
            break
    return struct.unpack(">H", re.search(rb"\x88[\x02-\x7d](..)", data, re.DOTALL)[1])[0]


class Neighbour:
    """A voice in packets of 20 ms beside all that: how late its answers come."""

    def __init__(self, server):
        self._server, self._is_over, self.seconds = server, False, []
        self._thread = threading.Thread(target=self._talk)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        self._thread.join()

    def _talk(self):
        packet = np.zeros(320, np.float32)
        with RemoteStream(self._server.ws) as stream:
            due = time.monotonic()
            while not self._is_over:
                start = time.monotonic()
                stream.process(packet)
                self.seconds.append(time.monotonic() - start)
                due = max(due + 0.02, time.monotonic() - 1)
                time.sleep(max(0, due - time.monotonic()))


def test_clients_that_vanish_leave_nothing_behind(server):
    before = files_open(server)
    for how in ("close", "reset") * 10:
        connection = raw(server)
        connection.sendall(frame(PACKET) * 3)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    server.wait_until("undin_streams", 0)
    assert files_open(server) <= before + 1


def test_who_says_nothing_is_told_and_let_go(server):
    silent, spoken = raw(server), raw(server)
    spoken.sendall(frame(PACKET))
    start = time.monotonic()
    assert close_code(silent) == close_code(spoken) == 1008
    assert 1 < time.monotonic() - start < 15
    server.wait_until("undin_streams", 0)


def test_who_reads_nothing_is_let_go_and_fills_no_memory(server):
    connection = raw(server)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = memory_kib(server)
    connection.settimeout(0.5)
    sent = 0
    try:
        while sent < 100_000_000:
            sent += connection.send(frame(bytes(32_000)) * 10)
    except TimeoutError:
        pass
    assert sent < 30_000_000, "it went on reading"
    server.wait_until("undin_streams", 0)
    assert memory_kib(server) - before < 30_000
    connection.close()


def test_a_byte_at_a_time(server):
    with raw(server) as connection:
        for byte in frame(bytes(20)) + frame(b'{"flush": true}', opcode=1):
            connection.send(bytes([byte]))
            time.sleep(0.002)
        data = b""
        while b"flushed" not in data:
            data += connection.recv(2**16)
        assert b"opened" in data
        for byte in frame(PACKET)[:300]:  # a message that never ends is no sign of life
            try:
                connection.send(bytes([byte]))
            except OSError:
                break
            time.sleep(0.02)
        assert close_code(connection) == 1008


def test_a_million_tiny_messages_wait_their_turn(server):
    tiny = frame(bytes(2)) * 5_000
    with Neighbour(server) as neighbour:
        time.sleep(0.5)
        with raw(server) as connection:
            connection.settimeout(0.2)
            deadline = time.monotonic() + 4
            while time.monotonic() < deadline:
                try:
                    connection.send(tiny)
                except TimeoutError:
                    pass
                try:
                    connection.recv(2**16)
                except TimeoutError:
                    pass
    assert len(neighbour.seconds) > 100
    assert np.median(neighbour.seconds) < 0.05
    assert server.metric("undin_packets_total") < 4 * 2_000 * 3
    server.wait_until("undin_streams", 0)


def test_messages_that_are_too_large_or_no_websocket_at_all(server):
    with connect(f"{server.ws}/stream", compression=None) as big:
        big.send(bytes(100_001))
        with pytest.raises(ConnectionClosed) as closed:
            big.recv(timeout=20)
    assert closed.value.rcvd.code == 1009
    with raw(server) as connection:
        connection.sendall(b"\xff" * 100)
        assert close_code(connection) == 1002
    with connect(f"{server.ws}/stream", compression=None) as endless:
        with pytest.raises(ConnectionClosed) as closed:
            endless.send(bytes(1_000) for _ in range(10**9))
    assert closed.value.rcvd.code == 1009
    server.wait_until("undin_streams", 0)


def test_thousands_of_connections_that_are_dropped(server):
    host, port = server.host.split(":")
    before = files_open(server)
    for index in range(10_000):
        connection = socket.create_connection((host, int(port)), timeout=20)
        if index % 10 == 0:
            connection.send(b"GET /stre")
        connection.close()
    deadline = time.monotonic() + 20
    while files_open(server) > before + 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert server.get("/healthz").status_code == 200


def test_voices_beyond_the_limit_are_refused_and_the_others_go_on(server):
    voices = [RemoteStream(server.ws) for _ in range(10)]
    before = server.refused("busy")
    for _ in range(10):
        with connect(f"{server.ws}/stream") as socket:
            error, code = ended(socket)
        assert (error["code"], code) == ("busy", 1013) and "try again later" in error["message"]
        for voice in voices:
            voice.process(np.zeros(320, np.float32))
    assert server.refused("busy") == before + 10
    for voice in voices:
        voice.close()
    server.wait_until("undin_streams", 0)
    RemoteStream(server.ws).close()


def test_tokens(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("# who may come in\nalice 0123456789abcdef\n\nbob fedcba9876543210\n")
    header = {"Authorization": "Bearer fedcba9876543210"}
    with serving(tmp_path, "--token-file", str(tokens), "--streams", "2", "--host", "0.0.0.0") as server:
        server.host = server.host.replace("0.0.0.0", "127.0.0.1")
        for wrong in (None, "0123456789abcdee", "", "é" * 16, "alice"):
            with pytest.raises(ServerError, match="this server wants a token") as error:
                RemoteStream(server.ws, token=wrong and wrong.encode().decode("latin-1"))
            assert error.value.code == "unauthorized"
        for path in ("/metrics", "/enhance"):
            response = server.get(path) if path == "/metrics" else httpx.post(server.http + path, timeout=20)
            assert response.status_code == 401 and response.headers["www-authenticate"] == "Bearer"
        assert server.get("/healthz").status_code == server.get("/models").status_code == 200
        with RemoteStream(server.ws, token="0123456789abcdef") as stream:
            stream.process(np.zeros(320, np.float32))
        with connect(f"{server.ws}/stream?token=fedcba9876543210", origin="https://example.org") as socket:
            socket.send("{}")
            assert "opened" in socket.recv()
        assert server.metric('undin_refusals_total{code="unauthorized"}', headers=header) == 7
    log = server.log.read_text()
    assert "of alice" in log and "of bob" in log
    assert "0123456789abcdef" not in log and "fedcba9876543210" not in log


def test_without_a_token_others_cannot_reach_it(tmp_path):
    with pytest.raises(AssertionError, match="without a token undin listens on loopback alone"):
        with serving(tmp_path, "--host", "0.0.0.0"):
            pass


def test_a_model_file_that_vanishes_is_not_missed(tmp_path):
    path = step_models.fading(tmp_path / "fading.onnx")
    undin.load(path)
    with serving(tmp_path, "--streams", "2", model=str(path)) as server:
        path.unlink()
        with RemoteStream(server.ws) as stream:
            stream.process(np.zeros(3_200, np.float32))
        assert stream.model == "fading"


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_lets_voices_end_and_nobody_in(tmp_path, workers):
    samples = np.random.default_rng(0).normal(0, 0.1, 6_400).astype(np.float32)
    with serving(tmp_path, "--workers", str(workers), "--streams", "6", "--drain-seconds", "5") as server:
        voices = [RemoteStream(server.ws) for _ in range(4)]
        for voice in voices:
            voice.process(samples)
        assert server.metric("undin_streams") == 4  # of both workers
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        with pytest.raises(OSError):
            RemoteStream(server.ws)
        expected = undin.Stream(model=voices[0].model)
        expected.process(samples)
        wanted = np.concatenate((expected.process(samples), expected.flush()))
        for voice in voices[:3]:
            np.testing.assert_array_equal(np.concatenate((voice.process(samples), voice.flush())), wanted)
            voice.close()
        with pytest.raises(ServerError, match="this server ends") as error:  # the last one stays too long
            for _ in range(200):
                voices[3].process(samples)
                time.sleep(0.05)
        assert error.value.code == "draining"
        assert server.process.wait(20) == 0
