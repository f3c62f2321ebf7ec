"""How fast the package is in node, beside RNNoise, onnxruntime-web and the same C natively: writes tables of README.md.

Two minutes, after `make web`. Packages of others come from npm into a temporary folder. Usage::

    python bindings/web/benchmark.py [--seconds S] [--packages FOLDER]
"""

import argparse
import gzip
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from build import WASM, symbol

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = HERE / "README.md"
DIST = HERE / "dist"
OTHERS = ("@jitsi/rnnoise-wasm@0.2.1", "onnxruntime-web@1")
ONNX = ROOT / "src" / "undin" / "model" / "weights" / "undin-tiny.onnx"
QUANTUM_MS = 128 / 48

PROGRAM = """
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "@NAME@.h"
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * t.tv_sec + 1e-6 * t.tv_nsec;
}
static int less(const void *a, const void *b) { return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b); }
enum { RATE = 48000, QUANTUM = 128, TIMES = @TIMES@ };
static float noise[RATE], block[QUANTUM];
static double times[TIMES];
int main(void) {
    undin_stream *stream = malloc(undin_stream_bytes(&@NAME@, RATE, 1));
    undin_stream_init(stream, &@NAME@, RATE, 1);
    float *planes[] = {block};
    int samples = QUANTUM;
    while (samples * @NAME@.sample_rate_hz % (RATE * @NAME@.hop_samples)) samples += QUANTUM;
    for (int i = 0; i < RATE; i++) noise[i] = 0.2 * sin(0.37 * i * i) * sin(i / 9000.0);
    for (int t = 0, place = 0; t < TIMES; t++) {
        double begin = now();
        for (int k = 0; k < samples / QUANTUM; k++, place = (place + QUANTUM) % (RATE - QUANTUM)) {
            for (int i = 0; i < QUANTUM; i++) block[i] = noise[place + i];
            undin_stream_process(stream, (const float *const *)planes, planes, 1, QUANTUM);
        }
        times[t] = now() - begin;
    }
    qsort(times, TIMES, sizeof *times, less);
    printf("%g", times[TIMES / 2] * RATE / samples);
}
"""
"""A second of 48 kHz mono in quanta of 128, ms, as benchmark.mjs measures it: a whole number of hops at a time."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="that each task takes, about (default: %(default)s)")
    parser.add_argument("--packages", type=Path, help="a folder where npm has installed them already")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        packages = args.packages
        if packages is None:
            packages = Path(folder)
            subprocess.run(["npm", "install", "--silent", "--prefix", folder, *OTHERS], check=True)
        names = [path.stem for path in sorted((DIST / "assets").glob("*.wasm"), key=lambda path: path.stat().st_size)]
        programs = dict(natively(names, Path(folder)))
        options = {"packages": str(packages.resolve()), "onnx": str(ONNX), "seconds": args.seconds}
        done = subprocess.run(
            ["node", HERE / "benchmark.mjs", json.dumps(options)], check=True, capture_output=True, text=True
        )
        told = json.loads(done.stdout)
        native = {name: float(subprocess.check_output(program)) for name, program in programs.items()}
    for note in told["notes"]:
        print(f"not measured: {note}", file=sys.stderr)
    text = PAGE.read_text(encoding="utf-8")
    text = between(text, "<!-- models: bindings/web/benchmark.py -->", models(names, told["times"], told["latencies"]))
    text = between(text, "<!-- speed: bindings/web/benchmark.py -->", speed(told, native))
    PAGE.write_text(text, encoding="utf-8")


def between(text: str, begin: str, lines: Iterator[str]) -> str:
    """Put lines into the page, in place of what stands between a mark and the next end."""
    before, mark, rest = text.partition(begin)
    _, end, after = rest.partition("<!-- end -->")
    if not mark or not end:
        raise ValueError(f"{PAGE} has lost its mark {begin} or the end after it")
    return "\n".join([before + mark, "", *lines, "", end + after])


def natively(names: list[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """Programs of the same C for this machine, by zig as the modules are, with SSE2 alone; none on other processors."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return
    for name in names:
        source, c = WASM / name, symbol(name)
        program = folder / name
        text = PROGRAM.replace("@NAME@", c).replace("@TIMES@", "3000")
        (folder / f"{name}.c").write_text(text)
        exact = name.endswith("-int8")
        zig = [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            "-O3",
            "-mcpu=x86_64",
            "-std=gnu11",
            "-fno-math-errno",
            f"-I{source}",
        ]
        objects = []
        for stem, flags in (
            ("undin_stream", ["-ffp-contract=off"]),
            (c, [f"-ffp-contract={'off' if exact else 'fast'}"]),
        ):
            objects.append(str(folder / f"{name}-{stem}.o"))
            subprocess.run(
                [*zig, "-fno-trapping-math", *flags, "-c", source / f"{stem}.c", "-o", objects[-1]], check=True
            )
        weights = source / f"{c}_weights.c"
        subprocess.run([*zig, folder / f"{name}.c", *objects, weights, "-lm", "-o", program], check=True)
        yield name, program


def models(names: list[str], times: dict[str, float], latencies: dict[str, float]) -> Iterator[str]:
    """Size, latency, time of a block: a line a model."""
    columns = (
        "over the wire",
        "latency at 48 kHz",
        "a second of 48 kHz mono",
        "stereo",
        "a quantum of 128, stereo, at the 99th percentile",
    )
    yield f"| model | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|"
    for name in names:
        size = len(gzip.compress((DIST / "models" / f"{name}.js").read_bytes(), 9)) / 1000
        mono, stereo, quantum = (times[f"{name} {what}"] for what in ("1", "2", "quantum"))
        yield (
            f"| {name} | {size:,.0f} kB | {1000 * latencies[name]:.1f} ms | {mono:.1f} ms | {stereo:.1f} ms "
            f"| {quantum:.2f} ms, {100 * quantum / QUANTUM_MS:.0f} % of their time |"
        )


def speed(told: dict, native: dict[str, float]) -> Iterator[str]:
    """Beside others: what was measured, in the last column what was aimed at."""
    times = told["times"]
    rnnoise, ort = times.get("rnnoise"), times.get("onnxruntime")
    yield f"| node {told['node']} | | less time by | aim |"
    yield "|---|---|---|---|"
    if rnnoise:
        yield f"| @jitsi/rnnoise-wasm 0.2.1, a second of 48 kHz mono in quanta of 128 | {rnnoise:.1f} ms | | |"
        for name, aim in (("undin-nano", "10"), ("undin-tiny", "7")):
            yield f"| {name}, the same | {times[f'{name} 1']:.1f} ms | {rnnoise / times[f'{name} 1']:.1f} | {aim} |"
    if ort:
        step = times["undin-tiny step"]
        yield f"| onnxruntime-web, SIMD, one thread, a step of undin-tiny | {ort:.3f} ms | | |"
        yield f"| undin-tiny, its step | {step:.3f} ms | {ort / step:.1f} | 6 |"
    small, small8 = (times.get(f"{name} step") for name in ("undin-small", "undin-small-int8"))
    if small8:
        yield f"| undin-small, its step in floats | {small:.3f} ms | | |"
        yield f"| undin-small-int8, its step | {small8:.3f} ms | {small / small8:.1f} | 2 |"
        whole, whole8 = times["undin-small 1"], times["undin-small-int8 1"]
        yield f"| undin-small-int8, a second of 48 kHz mono | {whole8:.1f} ms | {whole / whole8:.1f} | 2 |"
    for name, milliseconds in native.items():
        wasm = times[f"{name} 1"]
        share = f"wasm takes {wasm / milliseconds:.2f} times that"
        yield f"| {name} natively, SSE2, a second of 48 kHz mono | {milliseconds:.1f} ms | {share} | at most 1.6 |"


if __name__ == "__main__":
    main()
