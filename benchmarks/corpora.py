"""How fast `undin batch` goes through a corpus, and what killed workers cost. Usage, from the repository's root::

    python benchmarks/corpora.py FOLDER [--files 600] [--seconds 60] [--kill-every 10] [--engine processes ray]

makes the corpus in FOLDER out of the recording that comes along, if it is not there, and enhances it by one process, by
one a core, and the same with a worker killed every so many seconds, which is held to be complete and the same.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "noisy.wav"
WORKERS = {"processes": "multiprocessing.spawn", "ray": "ray::MapBatches"}
"""What the command lines of workers hold."""


def main() -> None:
    """Run it all and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill-every", type=float, default=10, metavar="S")
    parser.add_argument("--engine", nargs="+", choices=WORKERS, default=["processes"])
    parser.add_argument("--model", default="undin-nano")
    args = parser.parse_args()
    corpus = args.folder / f"{args.files}x{args.seconds:g}s"
    make(corpus, files=args.files, seconds=args.seconds)
    cores = os.cpu_count()
    runs = [("processes", 1, None)]
    runs += [(engine, cores, kill) for engine in args.engine for kill in (None, args.kill_every)]
    print(f"{args.files} files of {args.seconds:g} s, {args.model}, {cores} cores\n")
    print("| engine | cores | killed | s | times real time | of one process alone times cores | the same |")
    print("|---|---|---|---|---|---|---|")
    alone, expected = 0.0, None
    for number, (engine, used, kill) in enumerate(runs):
        out = args.folder / f"out{number}-{time.time_ns()}"
        seconds, killed = run(corpus, out, engine=engine, cores=used, kill_every=kill, model=args.model)
        speed = args.files * args.seconds / seconds
        alone, expected = alone or speed, expected or results(out)
        same = "yes" if results(out) == expected else "NO"
        share = f"{speed / alone / used:.2f}"
        print(f"| {engine} | {used} | {killed} | {seconds:.1f} | {speed:.0f} | {share} | {same} |", flush=True)
        subprocess.run(["rm", "-r", str(out)], check=True)


def make(corpus: Path, *, files: int, seconds: float) -> None:
    """Write files that each begin elsewhere in the recording."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    generator = np.random.default_rng(0)
    for number in range(files):
        path = corpus / f"{number // 1000:03d}" / f"{number:06d}.wav"
        begin = generator.integers(len(samples))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.resize(np.roll(samples, -begin), round(seconds * rate)), rate, "PCM_16")


def run(corpus: Path, out: Path, *, engine: str, cores: int, kill_every: float | None, model: str) -> tuple[float, int]:
    """Return the seconds that the command took, and how many workers were killed meanwhile."""
    command = [sys.executable, "-m", "undin", "batch", corpus, out, "--model", model, "--quiet"]
    command += ["--engine", engine, "--processes", cores, "--table", out / "table.csv"]
    start, killed = time.monotonic(), 0
    process = subprocess.Popen(list(map(str, command)))
    while process.poll() is None:
        try:
            process.wait(kill_every)
        except subprocess.TimeoutExpired:
            found = subprocess.run(["pgrep", "-f", WORKERS[engine]], capture_output=True, text=True).stdout.split()
            ours = [int(number) for number in found if engine == "ray" or _parent(int(number)) == process.pid]
            if ours:
                os.kill(ours[killed % len(ours)], signal.SIGKILL)
                killed += 1
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return time.monotonic() - start, killed


def results(out: Path) -> tuple[str, str]:
    """What was made of a corpus: the table, and a sum over all files."""
    table = (out / "table.csv").read_text()
    digest = hashlib.sha256()
    for path in sorted(out.rglob("*.wav")):
        digest.update(path.name.encode() + path.read_bytes())
    return table, digest.hexdigest()


def _parent(number: int) -> int:
    try:
        return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    main()
