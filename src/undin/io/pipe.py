"""What comes through a pipe as a file that can be looked at before it is read: named pipes, `/dev/stdin`, `<(…)`.

A pipe cannot go back. This keeps what has been read until it is known what it is; from then on, bytes come as they
arrive. Formats that must be read from several places at once go to a temporary file first.
"""

import os
import select
import stat
import tempfile
import time
from io import BufferedReader
from typing import IO

WAIT_SECONDS = 5.0
"""How long a named pipe may be without a writer, before this is no mistake any more but an accident."""


class Pipe:
    """A binary file that can be read once, from its start to its end, and until `release` gone back in.

    Parameters
    ----------
    file : buffered binary file
        With `read1`, which returns what has arrived.
    kept : bytes
        What was read from it already.
    """

    def __init__(self, file: BufferedReader, *, kept: bytes = b""):
        self._file, self._kept, self._position, self._keeps = file, bytearray(kept), 0, True

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        if self._keeps:
            while len(self._kept) < self._position + size and (data := self._file.read1(2**16)):
                self._kept += data
            data = bytes(self._kept[self._position : self._position + size])
            self._position += len(data)
            return data
        parts = []
        while size > 0 and (data := self.read1(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def read1(self, size: int) -> bytes:
        """Return what has arrived, at least a byte and at most `size`; nothing at the end."""
        if self._keeps:
            self.release()
        if self._kept:
            data = bytes(self._kept[:size])
            del self._kept[: len(data)]
            return data
        return self._file.read1(size)

    def seek(self, offset: int) -> None:
        """Go to a place that was read already, or ahead."""
        self._position = 0
        self._position = len(self.read(offset))

    def release(self) -> None:
        """Let go of what was read: from now on there is no way back."""
        del self._kept[: self._position]
        self._keeps = False

    def close(self) -> None:
        """Close the file behind it."""
        self._file.close()

    def spool(self) -> IO[bytes]:
        """Return all of it, from its start, as a temporary file that is gone when it is closed."""
        self.seek(0)
        self.release()
        file = tempfile.NamedTemporaryFile(prefix="undin-")
        while data := self.read(2**16):
            file.write(data)
        file.seek(0)
        return file


Source = IO[bytes] | Pipe
"""What is read, and gone back in."""


def open_pipe(path: str | os.PathLike[str]) -> Pipe:
    """Open a named pipe or a device for reading.

    Raises
    ------
    OSError
        It cannot be opened, or nobody writes to it within some seconds.
    """
    if os.name != "posix":  # Windows has no file that waits for a writer
        return Pipe(open(path, "rb"), kept=b"")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else opening would wait for a writer, for ever perhaps
    try:
        kept = _first_bytes(fd, path) if stat.S_ISFIFO(os.fstat(fd).st_mode) else b""
        os.set_blocking(fd, True)
    except BaseException:
        os.close(fd)
        raise
    return Pipe(open(fd, "rb"), kept=kept)


def _first_bytes(fd: int, path: str | os.PathLike[str]) -> bytes:
    """Wait until somebody has opened the other end of a named pipe; what has come by then."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)  # and POLLHUP, when a writer has come and gone
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            data = os.read(fd, 2**16)
        except BlockingIOError:  # somebody is there, who has written nothing yet
            return b""
        if data or poll.poll(0):
            return data
        if time.monotonic() > deadline:
            raise OSError(f"{path}: a named pipe that nobody writes to")
        time.sleep(0.02)


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is there and neither a regular file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
