"""Files that appear complete or not at all."""

import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from undin.io.processes import runs


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a place to write to, which takes the place of `path` when the block of the `with` ends without an error.

    Parameters
    ----------
    path : path
        Where the file goes. One that is there already stays as it is until then, or for good after an error.

    Yields
    ------
    Path
        A name beside `path`, with the same suffix. A file made under it is gone in the end, whatever happens; what
        processes that were killed have left beside `path` is gone at once.

    Raises
    ------
    OSError
        The folder is missing, may not be written, or `path` is there and is no file.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent} to write to")
    if path.exists() and not path.is_file():  # renaming onto a device such as /dev/null would destroy it
        raise OSError(f"{path}: not a regular file, so it cannot be replaced")
    partial = partial_of(path)
    _remove_left(path.parent.absolute())
    try:
        yield partial
        # On the disk before it takes the place of what was good; Windows asks for the right to write.
        with open(partial, "rb" if os.name == "posix" else "r+b") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def partial_of(path: str | os.PathLike[str]) -> Path:
    """The name beside `path` under which this process writes it."""
    path = Path(path)
    return path.with_name(f".partial.{_machine()}-{os.getpid()}.{path.name}")


@cache
def _remove_left(folder: Path) -> None:
    """Remove what processes that are no more have left in a folder; once, since that takes a look at all its files."""
    for left in folder.glob(f".partial.{_machine()}-*.*"):
        number = left.name.split(".")[2].partition("-")[2]
        if number.isdecimal() and not runs(int(number)):
            left.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """A short word for this machine: in a folder that many share, a number of a process says nothing without it."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"
