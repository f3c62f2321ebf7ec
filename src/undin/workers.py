"""Processes beside this one, which end when it does, however that ends."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Lock, Thread
from typing import Any

_at_work = Lock()


class Workers(ProcessPoolExecutor):
    """A pool of fresh processes: a fork would copy the locks of other libraries' threads, but not the threads.

    The processes of a `ProcessPoolExecutor` wait for work for ever where the one that started them was killed. These
    end then, behind the call that they are at, which may ask `is_orphaned` to end sooner.

    Parameters
    ----------
    processes : int
    initializer : function, optional
        Called in each process before anything else, with `initargs`.
    initargs : tuple
    """

    def __init__(self, processes: int, *, initializer: Callable | None = None, initargs: tuple = ()):
        super().__init__(processes, get_context("spawn"), initializer=_start, initargs=(initializer, initargs))

    def submit(self, call: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """Let a process call a function, as `ProcessPoolExecutor.submit` does."""
        return super().submit(_work, call, *args, **kwargs)


def is_orphaned() -> bool:
    """Whether the process that started this worker is no more."""
    parent = parent_process()
    return parent is not None and not parent.is_alive()


def _start(initializer: Callable | None, initargs: tuple) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    if initializer:
        initializer(*initargs)


def _end_with_parent() -> None:
    parent_process().join()
    with _at_work:
        os._exit(1)


def _work(call: Callable, /, *args: Any, **kwargs: Any) -> Any:
    with _at_work:
        return call(*args, **kwargs)
