"""The cache folder: what is removed from it, and when."""

import os
import time

import pytest

from undin.io import cache

pytestmark = pytest.mark.quick


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Put entries of some bytes, last used so many days ago, into an empty cache, clear it, and tell what is left."""
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))

    def keep(entries: dict[str, tuple[int, float]]) -> set[str]:
        for name, (size_bytes, unused_days) in entries.items():
            folder = cache.cache_folder() / name
            folder.mkdir(parents=True)
            (folder / "thing").write_bytes(bytes(size_bytes))
            os.utime(folder, (time.time() - unused_days * 86400,) * 2)
        cache.remove_unused()
        return {folder.name for folder in cache.cache_folder().iterdir()}

    return keep


def test_what_was_not_used_for_long_goes(keep):
    assert keep({"used": (9, 0.0), "old": (9, cache.UNUSED_DAYS - 1), "older": (9, cache.UNUSED_DAYS + 1)}) == {
        "used",
        "old",
    }


def test_where_there_is_too_much_the_least_used_goes_but_nothing_of_today(keep, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 100)
    entries = {"now": (60, 0.0), "today": (60, 0.5), "last week": (10, 7.0)}
    assert keep(entries) == {"now", "today"}


def test_a_use_keeps(keep, monkeypatch):
    monkeypatch.setattr(cache, "MAX_BYTES", 100)
    assert keep({"a": (60, 3.0), "b": (60, 2.0)}) == {"b"}
    assert keep({"c": (60, 4.0)}) == {"b"}
    cache.mark_used(cache.cache_folder() / "b")
    assert keep({"d": (60, 0.9)}) == {"b", "d"}
