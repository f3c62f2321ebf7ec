"""Run `undin` as if on another system: `python tests/support/pretend.py win32 enhance noisy.wav -o clean.wav`.

What Python lacks there is taken away, and what the system refuses is refused, once Python's own modules have settled on
the system that this is. Real are only tests on a real one; these find what would break at once.
"""

import builtins
import ctypes
import errno
import importlib
import os
import pathlib
import pkgutil
import sys
import types
from typing import Any

LACKING: dict[str, tuple[str, ...]] = {
    "darwin": tuple(f"os.{name}" for name in ("sched_getaffinity", "sched_setscheduler", "sched_param", "SCHED_FIFO")),
}
LACKING["win32"] = (
    *LACKING["darwin"],
    *("os.fork", "os.uname", "os.getuid", "os.O_NONBLOCK", "os.mkfifo", "os.killpg", "os.setsid", "os.nice"),
    *("select.poll", "signal.SIGHUP", "signal.SIGKILL", "signal.SIGUSR1", "signal.pthread_sigmask", "signal.alarm"),
)
"""What Python has not on a system."""

NO_MODULES = {"darwin": set(), "win32": {"fcntl", "termios", "tty", "resource", "pwd", "grp", "pty"}}


def pretend(system: str) -> None:
    """Make this process believe that it runs on another system."""
    import fcntl

    for module in pkgutil.walk_packages(importlib.import_module("undin.io").__path__, "undin.io."):
        importlib.import_module(module.name)
    for name in ("concurrent.futures.process", "multiprocessing.popen_spawn_posix", "soundfile", "undin.stream"):
        importlib.import_module(name)
    sys.modules["undin.engines.native"].stream_functions()  # compiled for the system that this is
    for name in LACKING[system]:
        module, attribute = name.split(".")
        sys.modules.get(module) and vars(sys.modules[module]).pop(attribute, None)
    real_import, real_fsync, real_library = builtins.__import__, os.fsync, ctypes.CDLL.__init__

    def import_what_is_there(name: str, *rest: Any, **more: Any) -> Any:
        if name in NO_MODULES[system]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *rest, **more)

    def fsync_what_may_be_written(fd: int) -> None:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        real_fsync(fd)

    def load(self: ctypes.CDLL, *told: Any, **more: Any) -> None:
        os.name = "posix"  # ctypes asks it, to load as this system does
        try:
            real_library(self, *told, **more)
        finally:
            os.name = "nt"

    def kill(process: int, number: int) -> None:
        raise AssertionError(f"os.kill({process}, {number}) would end a process on Windows")

    sys.modules["soundfile"]._sys = types.SimpleNamespace(**vars(sys))  # libsndfile is that of this system
    builtins.__import__ = import_what_is_there
    for name in NO_MODULES[system]:
        sys.modules.pop(name, None)
    sys.platform = system
    if system == "win32":
        os.name, os.fsync, os.kill = "nt", fsync_what_may_be_written, kill
        ctypes.CDLL.__init__ = load  # type: ignore[method-assign]
        os.environ["LOCALAPPDATA"] = os.environ["HOME"]
        pathlib.WindowsPath = pathlib.PosixPath  # type: ignore[misc] # paths are still those of this disk
        os.system = lambda command: 0


if __name__ == "__main__":
    pretend(sys.argv[1])
    from undin.cli import main

    raise SystemExit(main(sys.argv[2:]))
