"""Processes beside this one: they end with it, also where it was killed."""

import subprocess
import sys

CODE = """
import os, signal, time
from undin.workers import Workers

if __name__ == "__main__":
    workers = Workers(2, initializer=print, initargs=("ready",))
    for call in [workers.submit(time.sleep, 0.01) for _ in range(4)]:
        call.result()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(CODE)
    # It returns when the last process has closed its end of the pipe.
    run = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == -9
    assert set(run.stdout.split()) == {"ready"}
