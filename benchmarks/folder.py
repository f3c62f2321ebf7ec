"""What a folder costs beside one file of the same length: processor time of `undin enhance`, per file.

    python benchmarks/folder.py --files 1000 --seconds 10

Noise at 16 kHz as WAV of 16 bits goes through undin-tiny, once as one file and once as many; both times count the whole
process, its start included, and the median of a few runs stands against the noise of the machine.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000


def processor_seconds(*arguments: object) -> float:
    """User and system time of `undin enhance`."""
    command = [sys.executable, "-m", "undin", "enhance", *map(str, arguments), "--quiet"]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--model", default="undin-tiny")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    length = round(args.seconds * RATE_HZ)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many").mkdir()
        with soundfile.SoundFile(folder / "one.wav", "w", RATE_HZ, 1, "PCM_16") as one:
            for index in range(args.files):
                samples = (0.1 * rng.standard_normal(length)).astype(np.float32)
                one.write(samples)
                soundfile.write(folder / "many" / f"{index:04}.wav", samples, RATE_HZ)
        model = ["--model", args.model]
        times = {"one": [], "many": []}
        for _ in range(args.runs):
            times["one"].append(processor_seconds(folder / "one.wav", "-o", folder / "out.wav", *model))
            times["many"].append(processor_seconds(folder / "many", "-o", folder / "out", *model))
    one, many = (statistics.median(times[kind]) for kind in ("one", "many"))
    print(f"one file of {args.files * args.seconds:g} s: {one:.2f} s of processor time")
    print(f"{args.files} files of {args.seconds:g} s: {many:.2f} s, {many / one:.2f} times as much, ", end="")
    print(f"{1000 * (many - one) / args.files:.2f} ms more a file")


if __name__ == "__main__":
    main()
