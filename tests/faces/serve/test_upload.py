"""A recording over HTTP: what `undin enhance -` makes of it, while it comes, in constant memory, within limits."""

import io
import json
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
import soundfile
from support.serving import MODEL

pytestmark = pytest.mark.needs("server")
OPTIONS = (
    *("--streams", "20", "--upload-bytes", "60000000", "--decoded-bytes", "100000000"),
    *("--idle-seconds", "3", "--header-seconds", "3"),
)


def recording(seconds: float, container: str, rate: int = 16_000, subtype: str | None = None) -> bytes:
    samples = np.random.default_rng(0).normal(0, 0.1, (round(rate * seconds), 1))
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def enhanced_here(data: bytes, *options: str) -> bytes:
    command = [sys.executable, "-m", "undin", "enhance", "-", "--model", MODEL, "-q", *options]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize(
    ("container", "subtype", "kind"),
    [
        ("WAV", "PCM_16", "audio/wav"),
        ("WAV", "ULAW", "audio/wav"),
        ("FLAC", None, "audio/flac"),
        ("OGG", "OPUS", "audio/ogg"),
        ("AU", "FLOAT", "application/octet-stream"),
    ],
)
def test_a_file_comes_back_as_from_the_command(server, container, subtype, kind):
    data = recording(2.5, container, subtype=subtype)
    response = httpx.post(f"{server.http}/enhance?atten_lim_db=12", content=data, timeout=60)
    assert response.status_code == 200 and response.headers["content-type"] == kind
    expected = enhanced_here(data, "--atten-lim-db", "12")
    if subtype != "OPUS":  # whose serial number is drawn
        assert response.content == expected
    else:
        assert abs(len(response.content) - len(expected)) < 1_000


def test_raw_samples_come_back_while_they_are_sent(server):
    data, answers = recording(1, "RAW", 8_000, "ALAW"), []
    host, port = server.host.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"POST /enhance?sample_rate=8000&encoding=alaw HTTP/1.1\r\nHost: {server.host}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for begin in range(0, 8_000, 1_000):
            connection.sendall(b"3e8\r\n" + data[begin : begin + 1_000] + b"\r\n")
            if begin >= 2_000:
                answers.append(connection.recv(2**16))  # long before the end
        connection.sendall(b"0\r\n\r\n")
        while b"\r\n0\r\n\r\n" not in b"".join(answers)[-9:]:
            answers.append(connection.recv(2**16))
    head, _, body = b"".join(answers).partition(b"\r\n\r\n")
    assert b"200 OK" in head
    found = b""
    while not body.startswith(b"0\r\n"):
        size, _, body = body.partition(b"\r\n")
        found, body = found + body[: int(size, 16)], body[int(size, 16) + 2 :]
    assert found == enhanced_here(data, "--rate", "8000", "--sample-format", "alaw")


def test_long_recordings_take_no_more_memory_also_of_clients_that_send_all_before_they_read(server):
    def peak() -> int:
        with open(f"/proc/{server.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))  # kB

    short = recording(20, "WAV", subtype="FLOAT")
    httpx.post(f"{server.http}/enhance", content=short, timeout=60)
    before = peak()
    long = recording(600, "WAV", subtype="FLOAT")  # 38 MB
    response = httpx.post(f"{server.http}/enhance", content=long, timeout=200)
    assert soundfile.info(io.BytesIO(response.content)).frames == 9_600_000
    assert peak() - before < 12_000


@pytest.mark.parametrize(
    ("query", "data", "status", "code", "told"),
    [
        ("", b"RIFF\x00\x00\x00\x00WAVEfmt ", 400, "bad-request", "the body: "),
        ("", b"fLaC" + bytes(100), 400, "bad-request", "the body: "),
        ("?model=other", b"", 400, "bad-request", "unknown model 'other'"),
        ("?sample_rate=1", b"", 400, "bad-request", "sample_rate is a whole number"),
        ("", bytes(60_000_001), 413, "too-large", "an upload has 60,000,000 bytes at most here"),
    ],
)
def test_what_cannot_be_enhanced_is_told_before_an_answer_begins(server, query, data, status, code, told):
    response = httpx.post(f"{server.http}/enhance{query}", content=data, timeout=60)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code) and error["message"].startswith(told)
    assert "/tmp" not in response.text
    server.wait_until("undin_uploads", 0)


def test_gigabytes_that_were_not_announced_are_cut_off(server):
    def pieces():
        for _ in range(2_000):
            yield bytes(2**20)

    start = time.monotonic()
    with pytest.raises((httpx.WriteError, httpx.RemoteProtocolError)):  # the answer has begun: it ends before its end
        httpx.post(f"{server.http}/enhance", content=pieces(), timeout=60)
    assert time.monotonic() - start < 30
    server.wait_until("undin_uploads", 0)


def test_what_decodes_to_more_than_it_may_is_cut_off(server):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 16_000, 8, format="FLAC") as sound:
        for _ in range(40):
            sound.write(np.zeros((100_000, 8)))  # 128 MB of floats in some kilobytes
    assert len(file.getvalue()) < 100_000
    response = httpx.post(f"{server.http}/enhance", content=file.getvalue(), timeout=100)
    assert response.status_code == 413 and "decoded" in response.json()["error"]["message"]


@pytest.mark.parametrize("body", [recording(10, "WAV")[:150_000], recording(10, "FLAC")[:100_000]])
def test_half_a_file_and_a_client_that_vanishes(server, body):
    host, port = server.host.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"POST /enhance HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * len(body)}\r\n\r\n".encode() + body
        )
        server.wait_until("undin_uploads", 1)
    server.wait_until("undin_uploads", 0)


def test_who_stalls_is_told_and_a_second_upload_is_refused_meanwhile(server):
    host, port = server.host.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /enhance HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nRIFF")
        server.wait_until("undin_uploads", 1)
        response = httpx.post(f"{server.http}/enhance", content=b"", timeout=60)
        assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        answer = connection.recv(4_096)
        while answer.count(b"}") < 2:
            answer += connection.recv(4_096)
    assert b"408" in answer and json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "idle"
    server.wait_until("undin_uploads", 0)


def test_headers_that_come_a_byte_at_a_time_do_not_hold_a_connection(server):
    host, port = server.host.split(":")
    start = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        threading.Thread(target=_drip, args=(connection,), daemon=True).start()
        assert connection.recv(100) == b""
    assert 2 < time.monotonic() - start < 12


def _drip(connection: socket.socket) -> None:
    try:
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 1_000:
            connection.send(bytes([byte]))
            time.sleep(0.1)
    except OSError:
        pass
