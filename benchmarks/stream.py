"""How long a stream takes, beside another commit in the same run: ratios of medians, for machines are noisy.

    python benchmarks/stream.py                  # beside b8ede1c, whose stream was numpy
    python benchmarks/stream.py --beside COMMIT  # any commit with the same public API

Each commit runs in processes of its own, in turn, on one core. Times are medians over all turns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "b8ede1c"
TURNS = 5

STREAMS = {
    "undin-nano, 48 kHz stereo, blocks of 480": ("undin-nano", 48_000, 2, 480),
    "undin-nano, 44.1 kHz stereo, blocks of 128": ("undin-nano", 44_100, 2, 128),
    "undin-nano, 8 kHz mono, blocks of 160": ("undin-nano", 8_000, 1, 160),
    "undin-nano, 16 kHz mono, blocks of 256": ("undin-nano", 16_000, 1, 256),
    "undin-tiny, 48 kHz mono, blocks of 1 s": ("undin-tiny", 48_000, 1, 48_000),
}
FILE_SECONDS = 60

WORKER = """
import json, subprocess, sys, time
import numpy as np, soundfile
import undin
from undin.cli import main

def seconds(function, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))

streams, file, results = json.loads(sys.argv[1]), sys.argv[2], {}
for name, (model, rate, channels, block) in streams.items():
    stream = undin.Stream(rate, channels=channels, model=model)
    noise = np.random.default_rng(0).normal(0, 0.1, (rate, channels)).astype(np.float32)
    blocks = [np.ascontiguousarray(noise[start : start + block]) for start in range(0, rate - block + 1, block)]
    results[name] = seconds(lambda: [stream.process(one) for one in blocks], 11)
command = [sys.executable, "-m", "undin", "enhance", file, "-o", file + ".out.wav", "--model", "undin-tiny"]
results["file"] = seconds(lambda: subprocess.run(command, check=True, capture_output=True), 1)
print(json.dumps(results))
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", default=BEFORE, metavar="COMMIT", help="default: %(default)s")
    parser.add_argument("--turns", type=int, default=TURNS, help="default: %(default)s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        git = ["git", "-C", ROOT, "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", other, arguments.beside], check=True)
        try:
            file = _noisy_file(Path(folder))
            turns = [(_measure(other, file), _measure(ROOT, file)) for _ in range(arguments.turns + 1)][1:]
        finally:
            subprocess.run([*git, "remove", "--force", other], check=True)
    before, now = ({name: _median(turn[side][name] for turn in turns) for name in turns[0][0]} for side in (0, 1))
    _print(before, now, commit=arguments.beside)


def _noisy_file(folder: Path) -> Path:
    import numpy as np
    import soundfile

    path = folder / "noisy.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, (48_000 * FILE_SECONDS, 2))
    soundfile.write(path, noise, 48_000)
    return path


def _measure(checkout: Path, file: Path) -> dict[str, float]:
    """Seconds of each measurement, by the code of a checkout."""
    one_core = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | one_core | {"PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-c", WORKER, json.dumps(STREAMS), str(file)]
    return json.loads(subprocess.check_output(command, env=environment, cwd=file.parent))


def _median(values) -> float:
    import statistics

    return statistics.median(values)


def _print(before: dict[str, float], now: dict[str, float], *, commit: str) -> None:
    print(f"| a second of sound | {commit}, ms | now, ms | times less |\n|---|---|---|---|")
    for name in STREAMS:
        print(f"| {name} | {1e3 * before[name]:.2f} | {1e3 * now[name]:.2f} | {before[name] / now[name]:.1f} |")
    name = f"WAV to WAV, {FILE_SECONDS} s, 48 kHz stereo, undin-tiny, with start"
    print(f"| {name} | {1e3 * before['file']:.0f} | {1e3 * now['file']:.0f} | {before['file'] / now['file']:.1f} |")
    hop_us = {model: 1e6 * _hop_seconds(model) for model in ("undin-nano", "undin-tiny")}
    own, blocks = "undin-nano, 16 kHz mono, blocks of 256", 62
    added_us, added_before_us = (1e6 * times[own] / blocks - hop_us["undin-nano"] for times in (now, before))
    print(f"\n16 kHz mono, blocks of 256: {added_us:.1f} µs a block beside its hop, {commit} {added_before_us:.1f} µs")
    beside_us = 1e6 * now["undin-tiny, 48 kHz mono, blocks of 1 s"] / 62.5 - hop_us["undin-tiny"]
    print(f"48 kHz mono, in C alone: {beside_us:.1f} µs beside each hop of undin-tiny, {hop_us['undin-tiny']:.1f} µs")
    print(f"memory of a 48 kHz stereo stream beside the model: {_memory_bytes():,} bytes")


def _hop_seconds(model: str, hops: int = 62) -> float:
    """Median time of a hop of one channel, in calls of C that run many."""
    import ctypes
    import time

    import numpy as np

    import undin

    c_model = undin.load(model).engine.c_model
    state, arena = (np.zeros(size + 64, np.uint8) for size in (c_model.state_bytes, c_model.arena_bytes))
    samples = np.random.default_rng(0).normal(0, 0.1, hops * c_model.hop_samples).astype(np.float32)
    out, energies = np.empty_like(samples), (ctypes.c_float * 2)()
    c_model.reset(state.ctypes.data)
    states, ins, outs = ((ctypes.c_void_p * 1)(array.ctypes.data) for array in (state, samples, out))
    times = []
    for _ in range(51):
        start = time.perf_counter()
        c_model.process_hops(states, arena.ctypes.data, ins, outs, 1, 0, hops, energies)
        times.append(time.perf_counter() - start)
    return _median(times) / hops


def _memory_bytes() -> int:
    import undin
    from undin.engines.native import stream_functions

    c_model = undin.load("undin-tiny").engine.c_model
    return stream_functions().bytes(c_model, 48_000, 2) - 2 * c_model.state_bytes - c_model.arena_bytes


if __name__ == "__main__":
    main()
