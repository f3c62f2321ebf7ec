"""What a folder holds: the files that are enhanced, and what looks like sound and is left out, with the reason."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from undin.io import media
from undin.io.audio import recognise
from undin.io.formats import AUDIO_SUFFIXES, HEADERLESS_SUFFIXES


@dataclass
class Found:
    """What a folder holds.

    Attributes
    ----------
    audio : list of Path
        Audio files, sorted.
    left_out : list of pairs of Path and str
        Other files that hold sound, and why they are left out.
    """

    audio: list[Path] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)


def find_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the audio files below `folder`, by suffix, sorted; hidden files and folders are left out.

    Links to files and folders are followed, each folder once.
    """
    return sorted(path for path in _walk(Path(folder)) if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())


def search(folder: str | os.PathLike[str], *, media_left_out: str | None) -> Found:
    """Return the audio files below `folder` as `find_files` does, and what else there is that holds sound.

    Parameters
    ----------
    folder : path
    media_left_out : str or None
        Why files are left out that only PyAV opens; None where they are not.
    """
    found = Found()
    closed: list[OSError] = []
    for path in sorted(_walk(Path(folder), on_error=closed.append)):
        suffix = path.suffix.lower()
        if not path.is_file():
            if suffix in AUDIO_SUFFIXES | media.SUFFIXES:
                found.left_out.append((path, "no file" if path.exists() else "a link that leads nowhere"))
            continue
        if suffix in AUDIO_SUFFIXES or (suffix in media.SUFFIXES and media_left_out is None):
            found.audio.append(path)
        elif suffix in media.SUFFIXES:
            found.left_out.append((path, media_left_out))
        elif suffix in HEADERLESS_SUFFIXES:
            found.left_out.append((path, "samples without a header of their own: pipe them through `undin enhance -`"))
        elif _sounds(path):
            found.left_out.append((path, "sound with a name that says otherwise: name it by itself, or rename it"))
    found.left_out += [(Path(error.filename), f"a folder that cannot be read ({error.strerror})") for error in closed]
    return found


def _walk(folder: Path, *, on_error: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """All files below a folder that are not hidden; a folder that links lead to twice is walked once."""
    seen = set()
    for place, folders, names in os.walk(folder, onerror=on_error, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                yield Path(place, name)


def _sounds(path: Path) -> bool:
    """Whether a file begins as audio does."""
    try:
        with open(path, "rb") as file:
            return recognise(file) is not None
    except OSError:
        return False
