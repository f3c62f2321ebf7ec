"""Threads that enhance the blocks of many voices at a time, while the event loop goes on.

What costs is not the network, which takes 30 microseconds a packet, but the way from thread to thread and the calls of
Python around it. So blocks are gathered for three milliseconds, many go into one call of C, which lets go of Python's
lock once, and all answers come back at once. A voice is with one thread at most, and its blocks keep their order.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from undin.io import pcm
from undin.recording import RAW_FORMATS
from undin.stream import Stream, process_many

GATHER_SECONDS = 0.003
MOST_AT_ONCE = 64
"""Voices in one call: at some 30 microseconds each they are soon done, and another thread may take the next."""

log = logging.getLogger("undin.serve")


class Work(Protocol):
    """What a voice gives to a thread."""

    stream: Stream | None
    encoding: str
    packets: list[bytes]
    task: Callable[[], object] | None
    """Done alone, in place of packets."""

    def done(self, result: object) -> None:
        """Hear on the event loop what came of it: for packets a view of all their answers; or an exception."""


class Pool:
    """Threads, and the way to them and back.

    Parameters
    ----------
    loop : AbstractEventLoop
        Where `submit` is called, and answers are heard.
    threads : int
    on_processed : callable
        Told on the loop after each round how many seconds of processor time it took.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, threads: int, on_processed: Callable[[float], None]):
        self._loop, self._on_processed = loop, on_processed
        self._waiting: deque[Work] = deque()
        self._answers: deque[tuple[Sequence[Work], Sequence[object], float]] = deque()
        self._wake = threading.Semaphore(0)
        self._idle = self._threads = threads
        self._is_gathering = self._is_told = self._is_closed = False
        for index in range(threads):
            threading.Thread(target=self._run, name=f"undin-{index}", daemon=True).start()

    def submit(self, work: Work) -> None:
        """Hand over what a voice has; it must not be handed over again before it is done."""
        self._waiting.append(work)
        if not self._is_gathering:
            self._is_gathering = True
            self._loop.call_later(GATHER_SECONDS, self._start)

    def close(self) -> None:
        """Let the threads end when nothing waits any more."""
        self._is_closed = True
        self._wake.release(self._threads)

    def _start(self) -> None:
        self._is_gathering = False
        wanted = min(self._idle, -(-len(self._waiting) // (MOST_AT_ONCE // 4)))
        self._idle -= wanted
        if wanted:
            self._wake.release(wanted)

    def _run(self) -> None:
        """What a thread does."""
        while True:
            self._wake.acquire()
            while works := self._take():
                start = time.thread_time()
                results = _results(works)
                self._answers.append((works, results, time.thread_time() - start))
                if not self._is_told:
                    self._is_told = True
                    try:
                        self._loop.call_soon_threadsafe(self._give)
                    except RuntimeError:  # the loop is closed, and nobody listens
                        return
            if self._is_closed:
                return
            self._loop.call_soon_threadsafe(self._rest)

    def _rest(self) -> None:
        """A thread waits again; what came after its last look finds it here."""
        self._idle += 1
        if self._waiting and not self._is_gathering:
            self._start()

    def _take(self) -> list[Work]:
        works: list[Work] = []
        try:
            while len(works) < MOST_AT_ONCE:
                works.append(self._waiting.popleft())
        except IndexError:
            pass
        return works

    def _give(self) -> None:
        self._is_told = False
        while self._answers:
            works, results, seconds = self._answers.popleft()
            self._on_processed(seconds)
            for work, result in zip(works, results, strict=True):
                work.done(result)


def _results(works: Sequence[Work]) -> list[object]:
    """What comes of each: a view of the answers, what its task returned, or the exception that ended it."""
    results: dict[int, object] = {}
    groups: dict[str, list[Work]] = {}
    for work in works:
        if work.task:
            results[id(work)] = _outcome(work.task)
        else:
            groups.setdefault(work.encoding, []).append(work)
    for encoding, group in groups.items():
        answers = _outcome(lambda encoding=encoding, group=group: enhance(group, encoding))
        each = [answers] * len(group) if isinstance(answers, Exception) else answers
        results.update((id(work), answer) for work, answer in zip(group, each, strict=True))
    return [results[id(work)] for work in works]


def _outcome(task: Callable[[], object]) -> object:
    try:
        return task()
    except Exception as error:
        log.exception("a thread of the server failed")
        return error


def enhance(works: Sequence[Work], encoding: str) -> list[memoryview]:
    """Enhance the packets of several voices that come in one encoding: of each, all answers one behind the other."""
    subtype, order = RAW_FORMATS[encoding]
    data = b"".join([packet for work in works for packet in work.packets])
    samples = pcm.decode(data, subtype=subtype, order=order)
    sizes = [sum(map(len, work.packets)) for work in works]
    sample_bytes = pcm.SAMPLE_BYTES[subtype]
    lengths = [size // (sample_bytes * work.stream.channels) for work, size in zip(works, sizes, strict=True)]
    process_many([work.stream for work in works], samples, lengths)
    view, answers, begin = memoryview(pcm.encode(samples, subtype=subtype, order=order)), [], 0
    for size in sizes:
        answers.append(view[begin : begin + size])
        begin += size
    return answers
