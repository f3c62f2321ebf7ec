"""The user's cache folder: what takes long to make and can be made again, each thing in a folder of its own.

A folder is named by all that its content depends on, so what is found is never old, and its time of change is that of
its last use. What is kept here is the business of ``compiler/toolchain/cache.py`` (libraries) and ``data/decoded.py``
(audio).
"""

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

UNUSED_DAYS = 90
"""What was not used for so long is removed, next time that something is added."""

MAX_BYTES = 16 * 2**30
"""Where there is more, what was not used for longest is removed too, until this much is left."""

KEPT_DAYS = 1
"""But what was used within this time stays: all that one training needs may be more."""


def cache_folder() -> Path:
    """Where this user's programs may keep what they can make again; OSError for a user who has no home."""
    told = os.environ.get({"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME"))
    try:
        home = Path(told) if told else Path.home()
    except RuntimeError:
        raise OSError(
            "this user has no home folder, so there is no place for a cache: let XDG_CACHE_HOME name a folder"
        ) from None
    if sys.platform == "win32":
        return (home if told else home / "AppData" / "Local") / "undin" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "undin"
    return (home if told else home / ".cache") / "undin"


def mark_used(folder: Path) -> None:
    """Note that a folder of the cache was used now."""
    with suppress(OSError):  # a cache that may only be read serves as well
        os.utime(folder)


def remove_unused() -> None:
    """Remove what was not used for long, and what is too much. Another process may be doing the same."""
    found = []
    for folder in cache_folder().iterdir():
        with suppress(OSError):
            found.append((folder.stat().st_mtime, folder, sum(file.stat().st_size for file in folder.iterdir())))
    total_bytes = 0
    for used_s, folder, size_bytes in sorted(found, reverse=True):
        total_bytes += size_bytes
        unused_days = (time.time() - used_s) / 86400
        if unused_days > UNUSED_DAYS or (unused_days > KEPT_DAYS and total_bytes > MAX_BYTES):
            shutil.rmtree(folder, ignore_errors=True)
