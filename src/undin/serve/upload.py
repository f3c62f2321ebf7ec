"""A recording over HTTP: what comes in the body goes through a thread, as `undin enhance -` does it, and comes back.

Memory stays the same whatever the length. Most clients send all of a body before they read an answer, so an answer that
nobody reads yet waits in a temporary file, which begins anew whenever it is read to its end.
"""

import asyncio
import io
import logging
import queue
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from undin.recording import Raw, Settings, enhance_standard_input
from undin.serve.house import House
from undin.serve.ledger import PLACE
from undin.serve.limits import Refusal
from undin.serve.voice import Wanted

PIECES = 16
"""Of the body that wait for the thread, 64 KiB each at most; then no more is read of it."""

LAST_SECONDS = 2.0
"""For a client that sends too much to read what there is; it may not read at all before it has sent everything."""

IN_MEMORY_BYTES = 2**20
PIECE_BYTES = 2**16

KINDS = {
    **{magic: b"audio/wav" for magic in (b"RIFF", b"RIFX", b"RF64")},
    **{b"fLaC": b"audio/flac", b"OggS": b"audio/ogg"},
}
"""What the answer is, by its first bytes."""

log = logging.getLogger("undin.serve")


async def enhance(request: Request) -> Response:
    """Answer ``POST /enhance``."""
    house: House = request.state.house
    name = house.enter(
        authorization=request.headers.get("authorization"),
        token=request.query_params.get("token"),
        origin=request.headers.get("origin"),
        host=request.headers.get("host"),
    )
    limits, stated = house.limits, request.headers.get("content-length", "0")
    wanted = Wanted(request.query_params, house)
    if stated.isdigit() and int(stated) > limits.upload_bytes:
        raise Refusal("too-large", f"an upload has {limits.upload_bytes:,} bytes at most here")
    if house.row[PLACE["uploads"]] >= limits.uploads:
        raise Refusal("busy", "this server has as many recordings at a time as it takes: try again later")
    house.row[PLACE["uploads"]] += 1
    upload = _Upload(house, wanted, given=frozenset(request.query_params))
    log.info("upload%s: %s", f" of {name}" if name else "", wanted.model)
    try:
        feeding = asyncio.create_task(upload.feed(request))
        first = await upload.next()
    except BaseException:
        upload.end()
        raise
    if isinstance(first, Refusal):
        upload.end()
        raise first
    return _Answer(upload, feeding, first, cut=request.state.connection.cut)


class _Answer(Response):
    """The answer, piece by piece. Starlette's own for streams would read the body to see whether the client is gone."""

    def __init__(
        self, upload: "_Upload", feeding: "asyncio.Task[None]", first: bytes | None, *, cut: Callable[[], None]
    ):
        self._upload, self._feeding, self._first, self._cut = upload, feeding, first, cut

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it; where it cannot be sent to its end, the connection is cut, so that nobody takes it for whole."""
        try:
            async with self._upload.alive():
                refusal = await self._send(send)
        except TimeoutError:
            refusal = Refusal("idle", "the client reads nothing")
        finally:
            self._feeding.cancel()
            self._upload.end()
        if refusal:
            self._upload.house.count(f"refused {refusal.code}")
            log.info("upload cut: %s", refusal.message)
            self._cut()
            await asyncio.sleep(0.01)  # until the server knows

    async def _send(self, send: Any) -> Refusal | None:
        """Send all, or return why not."""
        piece: bytes | Refusal | None = self._first
        kind = KINDS.get((self._first or b"")[:4], b"application/octet-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        while piece is not None:
            if isinstance(piece, Refusal):
                return piece
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            self._upload.moved()
            piece = await self._upload.next()
        await send({"type": "http.response.body"})
        self._upload.house.count("recordings")
        return None


class _Upload:
    """A body on its way through a thread, and the answer on its way back."""

    def __init__(self, house: House, wanted: Wanted, *, given: frozenset[str]):
        self.house, self._wanted, self._given = house, wanted, given
        self._loop, self._body = asyncio.get_running_loop(), _Body()
        self._fifo, self._news = _Fifo(), asyncio.Event()
        self._is_gone = self._is_ended = False
        self._result: Refusal | None = None
        self._decoded_bytes = 0
        self._alive = asyncio.timeout(None)
        self._thread = threading.Thread(target=self._run, name="undin-upload", daemon=True)
        self._thread.start()

    def alive(self) -> asyncio.Timeout:
        """Ends an answer when nothing has moved for a while: not the body, not the answer, not the work on it."""
        self._alive = asyncio.timeout(self.house.limits.idle_seconds)
        return self._alive

    def moved(self, *, seconds: float | None = None) -> None:
        """Something has moved: so long from now on the answer may wait for more; `idle_seconds` if not given."""
        with suppress(RuntimeError):  # there is no answer yet, or none any more
            self._alive.reschedule(self._loop.time() + (seconds or self.house.limits.idle_seconds))

    async def feed(self, request: Request) -> None:
        """Bring the body to the thread, no faster than it takes it."""
        limits, size = self.house.limits, 0
        chunks = request.stream().__aiter__()
        try:
            while (chunk := await asyncio.wait_for(anext(chunks, None), limits.idle_seconds)) is not None:
                size += len(chunk)
                self.moved()
                if size > limits.upload_bytes:
                    raise Refusal("too-large", f"an upload has {limits.upload_bytes:,} bytes at most here")
                for begin in range(0, len(chunk), PIECE_BYTES):
                    await self._body.put(chunk[begin : begin + PIECE_BYTES])
            await self._body.put(b"")
        except TimeoutError:
            self._body.fail(Refusal("idle", f"nothing came for {limits.idle_seconds:g} seconds"))
        except ClientDisconnect:
            self._body.fail(Refusal("bad-request", "the body ended before its end"))
        except Refusal as refusal:
            self._body.fail(refusal)
            self.moved(seconds=LAST_SECONDS)

    async def next(self) -> bytes | Refusal | None:
        """A piece of the answer; None at its end, or why there is none."""
        while True:
            self._news.clear()
            if piece := self._fifo.take():
                return piece
            if self._is_ended:
                return self._fifo.take() or self._result
            await self._news.wait()

    def end(self) -> None:
        """Nobody waits for an answer any more."""
        if not self._is_gone:
            self._is_gone = True
            self._body.fail(Refusal("bad-request", "the client is gone"))
            self._fifo.close()

    def _run(self) -> None:
        """What the thread does."""
        wanted, sink = self._wanted, _Sink(self._write)
        raw = Raw(wanted.sample_rate if "sample_rate" in self._given else None, wanted.channels, wanted.encoding)
        # A file tells its rate only when it is read.
        is_by_rate = self.house.settings.is_by_rate and "model" not in self._given
        model = None if is_by_rate else self.house.models[wanted.model]
        settings = Settings(None if is_by_rate else wanted.model, wanted.atten_lim_db)
        try:
            enhance_standard_input(self._body, sink, raw=raw, model=model, settings=settings, on_block=self._count)
        except Refusal as refusal:
            self._result = refusal
        except (ValueError, OSError) as error:
            # The temporary file of what must be whole before it can be read is nobody's business.
            told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._result = Refusal("bad-request", told.replace("standard input: ", "the body: "))
        except Exception:
            log.exception("an upload failed")
            self._result = Refusal("internal", "this recording could not be enhanced; the server's log says why")
        self._tell(self._finish)

    def _finish(self) -> None:
        self._is_ended = True
        self.house.row[PLACE["uploads"]] -= 1
        self._news.set()
        if self._is_gone:
            self._fifo.close()

    def _write(self, data: bytes) -> None:
        if self._is_gone:
            raise Refusal("bad-request", "the client is gone")
        self._fifo.put(data)
        self._tell(self._news.set)

    def _count(self, block: Any) -> None:
        self._decoded_bytes += block.nbytes
        if self._decoded_bytes > self.house.limits.decoded_bytes:
            most = self.house.limits.decoded_bytes
            raise Refusal("too-large", f"a recording has {most:,} bytes of decoded samples at most here")
        self._tell(self.moved)

    def _tell(self, callback: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the server has ended
            raise Refusal("draining", "this server has ended") from None


class _Body(io.RawIOBase):
    """What comes, as the file that a thread reads."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes] = queue.Queue()
        self._room = asyncio.Semaphore(PIECES)
        self._loop = asyncio.get_running_loop()
        self._rest, self._is_over = b"", False
        self._refusal: Refusal | None = None

    async def put(self, data: bytes) -> None:
        """Hand over some bytes, nothing at the end, as soon as there is room."""
        await self._room.acquire()
        self._pieces.put(data)

    def fail(self, refusal: Refusal) -> None:
        """Let the thread end."""
        self._refusal = self._refusal or refusal
        self._pieces.put(b"")

    def read1(self, size: int = -1) -> bytes:
        """What has come, at least a byte; nothing at the end."""
        if not self._rest and not self._is_over:
            self._rest = self._pieces.get()
            self._is_over = not self._rest
            if self._refusal:
                raise self._refusal
            self._loop.call_soon_threadsafe(self._room.release)
        data, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return data


class _Sink(io.RawIOBase):
    """Where a thread writes to."""

    def __init__(self, write: Any):
        self._write = write

    def write(self, data: Any) -> int:
        """Send it."""
        if len(data):
            self._write(bytes(data))
        return len(data)


class _Fifo:
    """Bytes on their way from thread to loop: the first in memory, what waits beyond that in a temporary file."""

    def __init__(self) -> None:
        self._lock, self._pieces, self._bytes = threading.Lock(), deque[bytes](), 0
        self._file: BinaryIO | None = None
        self._read = self._written = 0

    def put(self, data: bytes) -> None:
        """Add some at the end."""
        with self._lock:
            if self._written == self._read and self._bytes + len(data) <= IN_MEMORY_BYTES:
                self._pieces.append(data)
                self._bytes += len(data)
                return
            self._file = self._file or tempfile.TemporaryFile(prefix="undin-")
            self._file.seek(self._written)
            self._file.write(data)
            self._written += len(data)

    def take(self) -> bytes:
        """The first of them; nothing if there are none."""
        with self._lock:
            if self._pieces:
                data = self._pieces.popleft()
                self._bytes -= len(data)
            elif self._file and self._read < self._written:
                self._file.seek(self._read)
                data = self._file.read(PIECE_BYTES)
                self._read += len(data)
                if self._read == self._written:
                    self._read = self._written = 0
                    self._file.truncate(0)
            else:
                data = b""
            return data

    def close(self) -> None:
        """Let go of all of it."""
        with self._lock:
            self._pieces.clear()
            if self._file:
                self._file.close()
                self._file = None
            self._read = self._written = self._bytes = 0


def refused(request: Request, refusal: Exception) -> Response:
    """Answer a request that is refused."""
    assert isinstance(refusal, Refusal)
    request.state.house.count(f"refused {refusal.code}")
    log.info("%s: %s", request.url.path, refusal.message)
    headers = {"Retry-After": "10"} if refusal.status == 503 else {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(refusal.body, refusal.status, headers)
