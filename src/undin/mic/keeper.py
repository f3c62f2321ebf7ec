"""The process that keeps the microphone while a session lasts: a sound server that crashed gets it again."""

import signal
import sys
import time
from types import FrameType

from undin.mic import pipewire, pulse, state

SERVERS = {"pipewire": pipewire, "pulseaudio": pulse}
PAUSE_S = 1.0
"""Before the next try."""


def main() -> None:
    """Keep what is written down, until a signal comes."""
    signal.signal(signal.SIGTERM, _end)
    with state.keeping():
        wanted = state.read()
        if wanted is None:
            raise SystemExit("nothing is to be kept")
        server = SERVERS[wanted.server]
        try:
            while wanted is not None:
                server.hold(wanted)
                time.sleep(PAUSE_S)
                wanted = state.read()
        finally:
            server.release()


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    sys.exit(0)


if __name__ == "__main__":
    main()
