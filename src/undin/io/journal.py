"""What is done, in a journal that outlives whoever writes it: a few files that appear whole, at any place.

Entries are added; now and then those since the last time become one more segment, a file of JSON lines. Nothing
is ever appended to, which object storage cannot do and a process that is killed leaves half done. Segments are joined
when nothing more is to come.
"""

import json
import os
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from undin.io import places

SAVE_SECONDS = 2.0
SAVE_SHARE = 0.01
"""Of the time of the run, at the least, between segments: so much is done again after a kill, and they stay few."""

Entry = dict[str, Any]


class Journal:
    """The entries of one piece of work.

    Parameters
    ----------
    folder : str
        Where segments lie.
    key : function
        What names the thing that an entry is about; a later entry takes the place of an earlier one of the same.
    is_done : function
        Whether an entry tells of something that need not be done again.

    Attributes
    ----------
    done : set
        Keys of what is done.
    """

    def __init__(
        self, folder: str, *, key: Callable[[Entry], Hashable], is_done: Callable[[Entry], bool] = lambda entry: True
    ):
        self._folder, self._key, self._is_done = folder, key, is_done
        self._new: list[Entry] = []
        self._start = self._saved = time.monotonic()
        self.done: set[Hashable] = set()
        self._note(self._read(self._segments()))

    def add(self, entries: Iterable[Entry]) -> None:
        """Take entries; they are stored soon, and with `save` at once."""
        entries = list(entries)
        self._new += entries
        self._note(entries)
        now = time.monotonic()
        if now - self._saved >= max(SAVE_SECONDS, SAVE_SHARE * (now - self._start)):
            self.save()

    def save(self) -> None:
        """Store all entries that were added."""
        if self._new:
            self._write(self._new)
        self._new, self._saved = [], time.monotonic()

    def entries(self, *, order: Callable[[Entry], Any]) -> list[Entry]:
        """Return all entries, in an order, and join them to one segment."""
        self.save()
        segments = self._segments()
        newest = {self._key(entry): entry for entry in self._read(segments)}
        entries = sorted(newest.values(), key=order)
        if len(segments) > 1:
            self._write(entries)
            for segment in segments:
                places.remove(segment)
        return entries

    def _write(self, entries: list[Entry]) -> None:
        # in the order of time, those of two runs at once apart
        name = f"rows-{time.time_ns():020d}-{os.getpid()}.jsonl"
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        places.write_bytes(places.join(self._folder, name), text.encode("ascii"))

    def _segments(self) -> list[str]:
        return places.matching(self._folder, "rows-*.jsonl")

    def _note(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            (self.done.add if self._is_done(entry) else self.done.discard)(self._key(entry))

    @staticmethod
    def _read(segments: list[str]) -> Iterator[Entry]:
        for segment in segments:
            for line in places.read_bytes(segment).decode("ascii").splitlines():
                yield json.loads(line)
