"""Libraries of users' own models: each compiled once, then found again in the user's cache folder."""

import hashlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from undin.compiler.targets import TARGETS
from undin.files import replacing
from undin.metadata import c_prefix

_COMPILING = threading.Lock()
"""Held while a thread of this process compiles; processes do not wait for each other, and the last to finish stays."""


def cached_library(model: Path) -> Path:
    """The library of a model for this machine, compiled now if it is not in the cache.

    Parameters
    ----------
    model : Path
        ONNX file.

    Raises
    ------
    OSError, ValueError
        As `translate` and `build`, or the cache folder cannot be written.
    """
    target = TARGETS["native"]
    place = cache_folder() / _key(model) / target.library.format(c_prefix(model.stem))
    with _COMPILING:
        if not place.is_file():
            from undin.compiler.build import build  # slow to import, with onnx behind them
            from undin.compiler.translate import translate

            with tempfile.TemporaryDirectory(prefix="undin") as folder:
                library = build(translate(model), Path(folder), target=target)
                place.parent.mkdir(parents=True, exist_ok=True)
                with replacing(place) as partial:
                    shutil.copyfile(library, partial)
    return place


def cache_folder() -> Path:
    """Where this user's programs may keep what they can make again."""
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) / "undin" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "undin"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "undin"


def _key(model: Path) -> str:
    """What a library depends on: the model, undin and its version, and the machine."""
    digest = hashlib.sha256(model.read_bytes())
    digest.update(f"{importlib.metadata.version('undin')} {TARGETS['native']}".encode())
    compiler = Path(__file__).parent
    for path in sorted([*compiler.rglob("*.py"), *compiler.rglob("*.[ch]")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]
