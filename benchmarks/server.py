"""What `undin serve` costs, and how late its answers are: rows of a table, one for each kind of load.

    python benchmarks/server.py                     # a minute each, to look at
    python benchmarks/server.py --seconds 600       # as docs/server.md tells it; nothing else may run meanwhile

Generator (``server.c``) and server share the machine, on loopback; each one's cost is told. Processor time is that of
the server's processes, as the kernel counts it, divided by voices and seconds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PACKET_MS = 20
BEFORE_END_S = 10
"""By so much SIGTERM comes before the voices end by themselves: less than the server lets them go on."""
TICK = os.sysconf("SC_CLK_TCK")
ROWS = {
    "16 kHz": {"streams": 60},
    "48 kHz": {"streams": 40, "rate": 48_000},
    "150 at once": {"streams": 150},
    "150 in two processes": {"streams": 150, "workers": 2},
    "twice the capacity": {"streams": None},
    "SIGTERM amid 150": {"streams": 150, "sigterm": True},
}
"""Loads by their names; the streams of the last are twice what the server lets in."""


def main() -> None:
    """Print a row for each load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--model", default="undin-tiny")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        generator = str(Path(folder, "generator"))
        source = str(Path(__file__).with_suffix(".c"))
        subprocess.run([shutil.which("cc") or "gcc", "-O2", "-o", generator, source], check=True)
        for name in args.rows:
            print(f"{name}: {measure(generator, model=args.model, seconds=args.seconds, **ROWS[name])}", flush=True)


def measure(
    generator: str,
    *,
    model: str,
    seconds: float,
    streams: int | None,
    rate: int = 16_000,
    workers: int = 1,
    sigterm: bool = False,
) -> str:
    """Serve so many voices for so long, and tell what came of it; with `sigterm` the server is told to end before."""
    command = [sys.executable, "-m", "undin", "serve", "--model", model, "--port", "0", "-q", "--workers", str(workers)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().rstrip().rstrip("/").rpartition(":")[2]
        capacity = _capacity(port)
        asked, samples = streams or 2 * capacity, rate * PACKET_MS // 1000
        load = [
            generator,
            port,
            f"/stream?sample_rate={rate}",
            str(asked),
            str(2 * samples),
            str(PACKET_MS),
            str(seconds),
        ]
        with subprocess.Popen(load, stdout=subprocess.PIPE, text=True) as run:
            assert json.loads(run.stdout.readline())["begins"]
            before, begun = processor_seconds(server.pid), time.monotonic()
            time.sleep(min(5.0, seconds / 2))
            memory = memory_mib(server.pid)
            if sigterm:
                time.sleep(max(0.0, seconds - BEFORE_END_S - (time.monotonic() - begun)))
            found = None if sigterm else json.loads(run.stdout.readline())
            cost, lasted = processor_seconds(server.pid) - before, time.monotonic() - begun
            grown = memory_mib(server.pid) - memory
            if sigterm:
                server.terminate()
                found = json.loads(run.stdout.readline())
    finally:
        server.terminate()
        if status := server.wait():
            print(f"the server ended with status {status}", flush=True)
    served = asked - found["refused"]
    return (
        f"{served} of {asked} voices (capacity {capacity}), {1e3 * cost / lasted / served:.2f} ms of processor time a "
        f"second each; {100 * found['within_40_ms']:.3f} % of {found['answers']:,} answers within 40 ms (median "
        f"{found['median_ms']} ms, 99.9 % {found['p999_ms']} ms, at most {found['maximum_ms']} ms), "
        f"{found['unanswered']} packets and {found['lost_streams']} voices lost; {memory:.0f} MiB, {grown:+.1f} MiB "
        f"since; the generator took {found['own_share_of_a_core']} of a core"
    )


def _capacity(port: str) -> int:
    """Voices that the server lets in, once it serves."""
    deadline = time.monotonic() + 300
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
            return int(float(next(line.split()[1] for line in lines if line.startswith("undin_capacity "))))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def processes(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in processes(int(child)))]


def processor_seconds(pid: int) -> float:
    """Of a process and all below it, since they began."""
    fields = (Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in processes(pid))
    return sum(int(one[11]) + int(one[12]) for one in fields) / TICK


def memory_mib(pid: int) -> float:
    """Resident memory of a process and all below it."""
    pages = (int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in processes(pid))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
