"""The priority that audio usually has, for what is timed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def real_time_priority(*, inherited: bool = True) -> Iterator[None]:
    """Let this thread wait for no other program, as is usual for audio, if the user may: root always may.

    Parameters
    ----------
    inherited : bool
        Whether what the thread starts meanwhile gets the same.
    """
    if not hasattr(os, "sched_setscheduler"):  # macOS and Windows have other ways, which Python does not know
        yield
        return
    policy = os.SCHED_FIFO if inherited else os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    with suppress(PermissionError):
        os.sched_setscheduler(0, policy, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
