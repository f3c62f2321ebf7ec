"""Mutated inputs by the hundred thousand: each a result or a sentence, none a crash, a hang or all of the memory.

What is read, and what must hold of it, is a `Target`: sound in `fuzz_files.py`, models in `fuzz_models.py`. They go by
numbers, so that what fails can be made again. They run in batches, each a process of its own: a library that crashes or
hangs takes no other batch with it, and is named. Inputs that crash other software are not for committing.
"""

import argparse
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

NUMBERS = [0, 1, 2, 3, 127, 128, 255, 256, 32_767, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
"""Where sizes overflow, or turn negative."""

MAX_SECONDS = 5.0
SILENT_SECONDS, START_SECONDS = 60, 300
BATCH = 1_000


@dataclass(frozen=True)
class Target:
    """What reads mutated inputs.

    Parameters
    ----------
    script : str
        The file that calls `main` with this, to be run again in another process.
    kind : function of a number
        What an input is made from, in a word.
    mutated : function of a number
        Its bytes.
    check : function of a number and an empty folder
        Reads it; returns how that went in a word, and raises where it went wrong.
    prepare : function
        Called once in each process, before anything is timed.
    memory_bytes : int
        What a process may take.
    """

    script: str
    kind: Callable[[int], str]
    mutated: Callable[[int], bytes]
    check: Callable[[int, Path], str]
    prepare: Callable[[], None]
    memory_bytes: int = 4 * 2**30


def main(target: Target, description: str) -> int:
    """Command line of a target; the exit status is 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--one", type=int, help="write the input of this number to standard output")
    parser.add_argument("--work", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        sys.stdout.buffer.write(target.mutated(args.one))
        return 0
    if args.work:
        _work(target, range(*args.work))
        return 0
    start = time.monotonic()
    words, failures = run(target, range(args.start, args.start + args.count), processes=args.processes)
    print(f"{sum(words.values())} inputs in {time.monotonic() - start:.0f} s:", dict(words.most_common()))
    print("\n".join(failures[:100]))
    return 1 if failures else 0


def run(target: Target, numbers: range, *, processes: int = 1) -> tuple[Counter[str], list[str]]:
    """Check inputs in other processes; return how many went how, and what went wrong."""
    batch = max(1, min(BATCH, -(-len(numbers) // processes)))
    with ThreadPoolExecutor(processes) as pool:
        parts = [range(first, min(first + batch, numbers.stop)) for first in range(numbers.start, numbers.stop, batch)]
        results = list(pool.map(lambda part: _run_batch(target, part), parts))
    return sum((words for words, _ in results), Counter()), [failure for _, failures in results for failure in failures]


def _run_batch(target: Target, numbers: range) -> tuple[Counter[str], list[str]]:
    """Check inputs in a process of their own; another one goes on behind one that crashes or hangs."""
    words: Counter[str] = Counter()
    failures = []
    while numbers:
        command = [sys.executable, target.script, "--work", str(numbers.start), str(numbers.stop)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        last, begun, silent = numbers.start, False, False
        while True:
            if not select.select([process.stdout], [], [], SILENT_SECONDS if begun else START_SECONDS)[0]:
                silent = True
                process.kill()
            line = process.stdout.readline()
            if not line:
                break
            number, _, word = line.strip().partition(" ")
            last, begun = int(number), True
            if word:
                words[word.split(":")[0]] += 1
                if word.startswith("BAD"):
                    failures.append(f"{number} {target.kind(last)}: {word}")
                last += 1
        status = process.wait()
        if not begun:
            raise RuntimeError(f"ended with status {status} before its first input: {' '.join(command)}")
        if status == 0 and not silent:
            break
        what = "hangs" if silent else f"ends its process with status {status}"
        failures.append(f"{last} {target.kind(last) if last in numbers else ''}: {what}")
        words[what] += 1
        numbers = range(last + 1, numbers.stop)
    return words, failures


def _work(target: Target, numbers: range) -> None:
    """Check inputs one after the other, and print each number before and what became of it behind."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever else is printed
    target.prepare()
    resource.setrlimit(resource.RLIMIT_AS, (target.memory_bytes, target.memory_bytes))
    with tempfile.TemporaryDirectory(prefix="undin-fuzz-") as name:
        folder = Path(name)
        for number in numbers:
            for path in folder.iterdir():
                path.unlink()
            print(number, end=" ", file=out, flush=True)
            start = time.process_time()
            try:
                word = target.check(number, folder)
                seconds = time.process_time() - start  # of the processor: the machine may be busy with others
                assert seconds < MAX_SECONDS, f"takes {seconds:.0f} s"
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                word = f"BAD {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
                word = word.replace("\n", " ")
            print(word, file=out)
