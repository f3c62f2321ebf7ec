"""Decoded audio in the user's cache: thousands of files are decoded once, then mapped into memory at every start.

Processes that map the same audio share its memory. What is decoded, and how, is the business of ``corpus.py``.
"""

import hashlib
import os
import pickle
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from undin.io.cache import cache_folder, mark_used, remove_unused
from undin.io.files import replacing

PACKAGE = Path(__file__).parents[1]
SOURCES = [
    *sorted((PACKAGE / "io").glob("*.py")),
    *(PACKAGE / "data" / name for name in ("corpus.py", "level.py", "pairs.py", "recording.py")),
]
"""The code that decides what becomes of a file."""


@dataclass(frozen=True)
class Decoded:
    """Files laid end to end.

    Attributes
    ----------
    samples : Tensor, shape (..., N), int16
    starts, lengths : Tensor, shape (files,), int64, samples
        Where each file begins and how long it is.
    names : list of str
        The path of each file.
    skipped : list of str
        Why other files are left out, a sentence each.
    """

    samples: Tensor
    starts: Tensor
    lengths: Tensor
    names: list[str]
    skipped: list[str]


def key_of(paths: Iterable[Path], *settings: object) -> str:
    """What decoded audio depends on: the files by name, size and time of change, the settings, and the code."""
    digest = hashlib.sha256(repr(settings).encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    for path in paths:
        status = path.stat()
        digest.update(os.fsencode(path) + f"\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:32]


def recall(key: str) -> Decoded | None:
    """Map what was stored under a key into memory; None where nothing is."""
    place = _place(key)
    try:
        decoded = Decoded(**torch.load(place, mmap=True, weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError):  # missing, or spoilt: it can be made again
        return None
    mark_used(place.parent)
    return decoded


def store(decoded: Decoded, key: str) -> None:
    """Keep decoded audio for the next time; where that fails, say so on stderr and go on."""
    place = _place(key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as partial:
            torch.save({field.name: getattr(decoded, field.name) for field in fields(decoded)}, partial)
        remove_unused()
    except (OSError, RuntimeError) as error:  # torch has a RuntimeError for a full disk
        print(f"undin: the decoded audio is not kept for the next time: {error}", file=sys.stderr)


def _place(key: str) -> Path:
    return cache_folder() / key / "decoded.pt"
