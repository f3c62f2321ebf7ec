"""`undin serve` as a process of its own, on loopback, and what a client hears of it."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

MODEL = "undin-nano"
START_SECONDS = 120
"""In a checkout the model is compiled first, on a machine that does other things too."""


@dataclass
class Server:
    """A running `undin serve`."""

    process: subprocess.Popen
    scheme: str
    host: str
    log: Path

    @property
    def http(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}"

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.http + path, timeout=20, **options)

    def metric(self, name: str, **options) -> float:
        lines = self.get("/metrics", **options).text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    def refused(self, code: str) -> float:
        return self.metric(f'undin_refusals_total{{code="{code}"}}')

    def wait_until(self, name: str, value: float, *, seconds: float = 20) -> None:
        """Wait until a metric has a value."""
        deadline = time.monotonic() + seconds
        while (found := self.metric(name)) != value:
            assert time.monotonic() < deadline, f"{name} is {found}, not {value}"
            time.sleep(0.05)

    def end(self, *, seconds: float = 30) -> int:
        """Ask it to end, and return its status."""
        self.process.terminate()
        return self.process.wait(seconds)


@contextmanager
def serving(folder: Path, *options: str, model: str = MODEL):
    """Start a server with some options."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "undin", "serve", "--model", model, "--port", "0", *options]
    with open(log, "wb") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("undin serves at http"), log.read_text()
        scheme, host = line.removeprefix("undin serves at ").strip().rstrip("/").split("://")
        server = Server(process, scheme, host, log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                server.get("/healthz")
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    text = log.read_text()
    assert "Traceback" not in text, text


def ended(socket: ClientConnection) -> tuple[dict, int]:
    """The error that a server tells, and its close code."""
    error = None
    try:
        while True:
            if isinstance(message := socket.recv(timeout=20), str) and "error" in (told := json.loads(message)):
                error = told["error"]
    except ConnectionClosed as closed:
        return error, closed.rcvd.code if closed.rcvd else 1006
