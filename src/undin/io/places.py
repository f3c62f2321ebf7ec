"""Files wherever they lie: paths of this machine, and URLs of all that fsspec knows (``s3://``, ``gs://``, ``sftp://``).

A place is a string. What works on paths is lent one for as long as it takes: a remote file comes to a temporary folder
and is gone afterwards, what is written there goes to its place when it is complete. Local places are used as they are.
"""

import glob
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from undin.io import media
from undin.io.files import replacing
from undin.io.folder import search
from undin.io.formats import AUDIO_SUFFIXES
from undin.io.processes import runs

WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"}
"""Protocols whose files appear when they are complete; with others they are written beside their place and renamed."""

SPOOL = "undin-spool"


def is_remote(place: str) -> bool:
    """Whether a place is a URL of another machine."""
    return "://" in place and not place.startswith("file://")


def absolute(place: str) -> str:
    """A place that means the same in every process: whole paths, no ``file://`` and no slash at the end."""
    return place.rstrip("/") if is_remote(place) else os.path.abspath(place.removeprefix("file://"))


def join(place: str, *names: str) -> str:
    """The place of a name below another."""
    return posixpath.join(place, *names) if is_remote(place) else os.path.join(place, *names)


def below_root(place: str) -> str:
    """A name for a place below any folder: its path without protocol, root, drive and steps upwards."""
    path = place.partition("://")[2].partition("?")[0] if is_remote(place) else os.path.abspath(place)
    path = posixpath.normpath("/" + os.path.splitdrive(path)[1].replace(os.sep, "/"))
    return path.lstrip("/")


def find_audio(place: str) -> tuple[list[tuple[str, int]], list[tuple[str, str]]]:
    """Return what a folder holds at any depth, as names below it.

    Returns
    -------
    audio : list of (str, int)
        Name and bytes of each audio file by its suffix, sorted; hidden files and folders are passed over.
    left_out : list of (str, str)
        Other files with sound, and why they are left out; of a remote folder those that need PyAV.

    Raises
    ------
    OSError
        There is no such folder.
    """
    reason = None if media.is_there() else 'libsndfile cannot open such files: pip install "undin[media]"'
    if not is_remote(place):
        if not os.path.isdir(place):
            raise FileNotFoundError(f"{place}: there is no such folder")
        found = search(place, media_left_out=reason)
        left_out = [(os.path.relpath(path, place), why) for path, why in found.left_out]
        return [(os.path.relpath(path, place), path.stat().st_size) for path in found.audio], left_out
    files, root = _file_system(place)
    with _as_os_error(place):
        listed = {posixpath.relpath(path, root): info for path, info in files.find(root, detail=True).items()}
    hidden = {name for name in listed if any(part.startswith(".") for part in name.split("/"))}
    sizes = {name: info.get("size") or 0 for name, info in listed.items() if name not in hidden}
    if not sizes and not files.exists(root):
        raise FileNotFoundError(f"{place}: there is nothing at this place")
    suffixes = {name: posixpath.splitext(name)[1].lower() for name in sorted(sizes)}
    usual = AUDIO_SUFFIXES | (media.SUFFIXES if reason is None else set())
    audio = [(name, sizes[name]) for name, suffix in suffixes.items() if suffix in usual]
    return audio, [(name, reason) for name, suffix in suffixes.items() if suffix in media.SUFFIXES and reason]


@contextmanager
def fetched(place: str) -> Iterator[Path]:
    """Lend a file to be read as a path; `OSError` where it cannot be had."""
    if not is_remote(place):
        yield Path(place)
        return
    files, path = _file_system(place)
    with _spooled(path) as local:
        with _as_os_error(place):
            files.get_file(path, os.fspath(local))
        yield local


@contextmanager
def put(place: str) -> Iterator[Path]:
    """Lend a path to write a file to, which is at its place when the block ends without an error, and not before.

    At a local place it is that path itself: whoever writes there replaces it as `undin.io.files.replacing` does.
    """
    if not is_remote(place):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        yield Path(place)
        return
    files, path = _file_system(place)
    with _spooled(path) as local:
        yield local
        with _as_os_error(place):
            if place.partition("://")[0].rpartition("::")[2] in WHOLE:
                files.put_file(os.fspath(local), path)
                return
            files.makedirs(posixpath.dirname(path), exist_ok=True)
            beside = posixpath.join(posixpath.dirname(path), f".partial.{os.getpid()}.{posixpath.basename(path)}")
            files.put_file(os.fspath(local), beside)
            files.mv(beside, path)


def write_bytes(place: str, data: bytes) -> None:
    """Write a small file in one piece."""
    with put(place) as path:
        if is_remote(place):
            path.write_bytes(data)
        else:
            with replacing(path) as partial:
                partial.write_bytes(data)


def read_bytes(place: str) -> bytes:
    """Return what a small file holds."""
    with fetched(place) as path:
        return path.read_bytes()


def exists(place: str) -> bool:
    """Whether a file is there."""
    if not is_remote(place):
        return os.path.exists(place)
    files, path = _file_system(place)
    with _as_os_error(place):
        return bool(files.exists(path))


def remove(place: str) -> None:
    """Remove a file if it is there."""
    if not is_remote(place):
        Path(place).unlink(missing_ok=True)
    elif exists(place):
        files, path = _file_system(place)
        files.rm_file(path)


def matching(folder: str, pattern: str) -> list[str]:
    """The places of the files right in a folder whose names match, sorted; none where there is no such folder."""
    if not is_remote(folder):
        return sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))
    files, path = _file_system(folder)
    files.invalidate_cache()
    with _as_os_error(folder):
        return sorted(join(folder, posixpath.basename(name)) for name in files.glob(posixpath.join(path, pattern)))


def _file_system(place: str) -> tuple[Any, str]:
    """What reads and writes at a URL, and the path that it knows there."""
    import fsspec

    with _as_os_error(place):
        return fsspec.core.url_to_fs(place)


@contextmanager
def _as_os_error(place: str) -> Iterator[None]:
    """Name the place in whatever goes wrong there: each kind of storage has errors of its own."""
    try:
        yield
    except ModuleNotFoundError:
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{place}: there is no such file") from error
    except Exception as error:
        raise OSError(f"{place}: {str(error) or type(error).__name__}".replace("\n", " ")) from error


@contextmanager
def _spooled(path: str) -> Iterator[Path]:
    """A path in a folder of this process alone, with the name of the file, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=_spool()) as folder:
        yield Path(folder, posixpath.basename(path.rstrip("/")) or "file")


@cache
def _spool() -> Path:
    """This process's folder of remote files; those of processes that were killed are removed."""
    root = Path(tempfile.gettempdir(), f"{SPOOL}-{os.getuid() if hasattr(os, 'getuid') else 'user'}")
    root.mkdir(mode=0o700, exist_ok=True)
    for left in root.iterdir():
        if left.name.isdecimal() and not runs(int(left.name)):
            shutil.rmtree(left, ignore_errors=True)
    own = root / str(os.getpid())
    own.mkdir(exist_ok=True)
    return own
