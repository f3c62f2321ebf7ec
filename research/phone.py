"""The published phone app's network beside undin's, in LiteRT and in C, in one run: times, memory, and its sound.

    python research/phone.py time PUBLISHED.tflite         # the table of runs/025
    python research/phone.py enhance PUBLISHED.tflite NOISY_DIR OUT_DIR      # for `undin evaluate --enhanced`

PUBLISHED is nutls_lstm.tflite of JaeBinCHA7/Nested-U-Net-based-Real-time-Speech-Enhancement-Mobile-App (MIT) on GitHub.
Our own networks at the published width are made here, with weights as they begin, and converted, which takes minutes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch

from undin.bench.litert import LiteRtSubject
from undin.bench.loops import Loops
from undin.bench.measure import BLOCK, HOP_POINTERS, take_turns
from undin.bench.subject import Subject
from undin.compiler.ir.reader import read_graph
from undin.model.loading import find
from undin.model.metadata import Metadata
from undin.nn.export import export
from undin.nn.macs import macs_per_second, parameters
from undin.nn.networks import build_network
from undin.nn.tflite import export_tflite
from undin.train.trained import export_model

RATE, N_FFT, HOP = 16_000, 512, 256
FULL_WIDTH = ("nunet_tls", "nunet_lstm")


class Published:
    """The app's network on LiteRT: magnitudes of 256 bins in and out, and 130 tensors of state."""

    def __init__(self, path: Path):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        run = self._interpreter.get_signature_runner("nutls_lstm_sm")
        inputs, outputs = run.get_input_details(), run.get_output_details()
        self._input, self._output = inputs.pop("input")["index"], outputs.pop("model_out")["index"]
        self._states = [
            (one["index"], outputs[name.replace("prev", "cur")]["index"], one["shape"]) for name, one in inputs.items()
        ]
        self.state_bytes = sum(4 * int(np.prod(shape)) for _, _, shape in self._states)
        self.reset()

    def reset(self) -> None:
        for place, _, shape in self._states:
            self._interpreter.set_tensor(place, np.zeros(shape, np.float32))

    def step(self, magnitude: np.ndarray) -> np.ndarray:
        """Enhance magnitudes (256,)."""
        self._interpreter.set_tensor(self._input, magnitude.reshape(1, 1, -1, 1))
        self._interpreter.invoke()
        for place, following, _ in self._states:
            self._interpreter.set_tensor(place, self._interpreter.get_tensor(following))
        return self._interpreter.get_tensor(self._output).reshape(-1)

    def times_us(self) -> np.ndarray:
        """Durations of the network alone, with states that stay as they are."""
        from undin.bench.litert import _us

        return np.array([_us(self._interpreter.invoke) for _ in range(BLOCK)])

    def enhance(self, wave: np.ndarray) -> np.ndarray:
        """As the app does, lined up with the input (N,)."""
        self.reset()
        window = np.hanning(N_FFT + 1)[:-1]
        synthesis = window / (window**2 + np.roll(window, HOP) ** 2)
        wave = np.pad(wave, (HOP, HOP + -len(wave) % HOP))
        out = np.zeros(len(wave))
        for start in range(0, len(wave) - HOP, HOP):
            spec = np.fft.rfft(wave[start : start + N_FFT] * window)
            magnitude = np.pad(self.step(np.abs(spec[1:]).astype(np.float32)), (1, 0), mode="edge")
            out[start : start + N_FFT] += synthesis * np.fft.irfft(magnitude * np.exp(1j * np.angle(spec)))
        return out[HOP:]


def full_width(name: str, folder: Path) -> tuple[Path, Path]:
    """A network of ours at the published width as ONNX and as TFLite."""
    torch.manual_seed(0)
    network = build_network(name, sample_rate=RATE, n_fft=N_FFT).eval()
    about = Metadata(
        **{
            "name": name,
            "sample_rate": RATE,
            "n_fft": N_FFT,
            "window": N_FFT,
            "hop": HOP,
            "latency_samples": N_FFT - 1,
        },
        **{"recipe": "{}", "hours_trained": 0.0, "training_data": "none", "licence": "Apache-2.0", "commit": "unknown"},
        state_size=network.state_size,
        parameters=parameters(network),
        macs_per_second=macs_per_second(network, n_fft=N_FFT, sample_rate=RATE, hop=HOP),
    )
    paths = folder / f"{name}.onnx", folder / f"{name}.tflite"
    if not all(path.exists() for path in paths):
        export(network, about, paths[0])
        export_tflite(network, about, paths[1])
    return paths


GROWTH = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

before = resident()
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
for one in interpreter.get_input_details():
    interpreter.set_tensor(one["index"], np.zeros(one["shape"], np.float32))
interpreter.invoke()
print(resident() - before)
"""


def grown_bytes(path: Path) -> int:
    """By how much a process grows that loads a file into LiteRT and runs it."""
    return int(subprocess.check_output([sys.executable, "-c", GROWTH, str(path)], text=True, stderr=subprocess.DEVNULL))


def compare(published: Path, folder: Path, *, networks: list[str], seconds: float) -> None:
    loops = Loops([HOP_POINTERS, 5])
    blocks: dict[str, Callable[[], np.ndarray]] = {}
    about: dict[str, str] = {}
    app = Published(published)
    blocks["the app's file, LiteRT"] = app.times_us
    about["the app's file, LiteRT"] = f"{app.state_bytes:,} | {grown_bytes(published):,}"
    small = folder / "undin-small.tflite"
    if not small.exists():
        export_model(["undin-small"], small, format="tflite")
    for name, (onnx, tflite) in {
        **{name: full_width(name, folder) for name in networks},
        "undin-small": (find("undin-small"), small),
    }.items():
        litert, compiled = LiteRtSubject(tflite, BLOCK), Subject(read_graph(onnx), loops.variant, block=BLOCK)
        blocks |= {
            f"{name}, LiteRT": litert.step_us,
            f"{name}, C": partial(loops.time_us, compiled.step, BLOCK),
            f"{name}, C, whole hop": partial(loops.time_us, compiled.hop, BLOCK),
        }
        about[f"{name}, LiteRT"] = f"{4 * litert.metadata.state_size:,} | {grown_bytes(tflite):,}"
        about[f"{name}, C"] = f"{4 * litert.metadata.state_size:,} | {compiled.state_bytes + compiled.arena_bytes:,}"
        about[f"{name}, C, whole hop"] = f"{compiled.state_bytes:,} | {compiled.state_bytes + compiled.arena_bytes:,}"
    times = take_turns(blocks, seconds=seconds)
    rounds = len(next(iter(times.values())))
    print(f"{rounds} rounds of {BLOCK} calls each, {loops.variant.suffix.removeprefix('_')}\n")
    print("| network | µs a hop: minimum / median | real-time factor, of the minimum | state, bytes | memory, bytes |")
    print("|---|---|---|---|---|")
    for name, us in times.items():
        factor = us.min() / (1e6 * HOP / RATE)
        print(f"| {name} | {us.min():.1f} / {np.median(us):.1f} | {factor:.4f} | {about[name]} |")
    print("\n| | ratio of the minima | median of the ratios of neighbouring blocks' minima |")
    print("|---|---|---|")
    for one, other in (
        ("nunet_lstm, LiteRT", "nunet_tls, LiteRT"),
        ("nunet_lstm, C", "nunet_tls, C"),
        ("nunet_lstm, LiteRT", "nunet_lstm, C"),
        ("the app's file, LiteRT", "undin-small, C, whole hop"),
        ("the app's file, LiteRT", "undin-small, LiteRT"),
        ("nunet_lstm, LiteRT", "undin-small, C, whole hop"),
        ("nunet_lstm, C, whole hop", "undin-small, C, whole hop"),
        ("nunet_lstm, LiteRT", "undin-small, LiteRT"),
    ):
        if not {one, other} <= times.keys():
            continue
        of_blocks = np.median(times[one].min(axis=1) / times[other].min(axis=1))
        print(f"| {one} / {other} | {times[one].min() / times[other].min():.2f} | {of_blocks:.2f} |")


def enhance(published: Path, noisy: Path, out: Path) -> None:
    app = Published(published)
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(noisy.iterdir()):
        wave, rate = soundfile.read(path)
        assert rate == RATE
        soundfile.write(out / path.with_suffix(".wav").name, app.enhance(wave)[: len(wave)], rate, subtype="FLOAT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    time = commands.add_parser("time")
    time.add_argument("published", type=Path)
    time.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "undin-phone")
    time.add_argument("--networks", nargs="*", default=FULL_WIDTH, metavar="NAME", help="ours, at full width")
    time.add_argument("--seconds", type=float, default=60)
    sound = commands.add_parser("enhance")
    for name in ("published", "noisy", "out"):
        sound.add_argument(name, type=Path)
    args = parser.parse_args()
    if args.command == "enhance":
        enhance(args.published, args.noisy, args.out)
    else:
        args.folder.mkdir(exist_ok=True)
        compare(args.published, args.folder, networks=args.networks, seconds=args.seconds)


if __name__ == "__main__":
    main()
