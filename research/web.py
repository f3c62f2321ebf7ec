"""What the WebAssembly of the npm package scores, in floats and in integers: measures in node, and writes ``web.md``.

After ``make web``, from the repository's root, with the audio of `../shared` in its place; a quarter of an hour::

    python research/web.py [MODEL ...] [--jobs J] [--files N]
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from model_scores import QUARTER, VALID, EvaluationSet, markdown_table, mean_and_error, values

from undin.evaluate.score import SystemScores, evaluate_pairs
from undin.io.files import replacing

PAGE = Path(__file__).with_name("web.md")
PACKAGE = Path("bindings/web/dist/index.js")
MODELS = ("undin-nano", "undin-nano-int8", "undin-small", "undin-small-int8")
COLUMNS = {"pesq_wb": ("PESQ-WB", 3), "stoi": ("STOI", 4), "si_sdr": ("SI-SDR, dB", 2)}

PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
const [index, jobs] = process.argv.slice(1);
const { Stream } = await import(index);
const { model, sampleRate, files } = JSON.parse(readFileSync(jobs));
const stream = await Stream.open(sampleRate, { model });
for (const file of files) {
  const samples = new Float32Array(new Uint8Array(readFileSync(file)).buffer);
  const whole = new Float32Array(samples.length + stream.latencySamples);
  whole.set(stream.process(samples));
  whole.set(stream.flush()[0], samples.length);
  writeFileSync(file, new Uint8Array(whole.slice(stream.latencySamples).buffer));
}
"""
"""Every file in place, as 32-bit floats."""

ABOUT = """\
# The npm package, scored

Measured by `{command}`: what node makes of each file with the WebAssembly of the package,
mean with its standard error, then the difference to the model in floats, pair by pair.
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--jobs", type=int, help="processes that score (default: one a core)")
    parser.add_argument("--files", type=int, metavar="N", help="score the first pairs alone, and print the page")
    args = parser.parse_args()
    lines = [ABOUT.format(command="python research/web.py")]
    for one in (VALID, QUARTER):
        lines += [f"## {one.name[0].upper()}{one.name[1:]}", ""]
        lines += [*markdown_table(rows(args.models, one, jobs=args.jobs, files=args.files)), ""]
    text = "\n".join(lines)
    if args.files:
        print(text)
        return
    with replacing(PAGE) as partial:
        partial.write_text(text, encoding="utf-8")


def rows(models: Sequence[str], one: EvaluationSet, *, jobs: int | None, files: int | None) -> Iterator[Sequence[str]]:
    """A table of one set."""
    yield ["model", *(title for title, _ in COLUMNS.values()), *(f"Δ {title}" for title, _ in COLUMNS.values())]
    scores = {name: scored(name, one, jobs=jobs, files=files) for name in models}
    for name, own in scores.items():
        means = [cell(values(own, column), digits) for column, (_, digits) in COLUMNS.items()]
        base = scores.get(name.removesuffix("-int8"))
        if base is None or base is own:
            yield [name, *means, *("" for _ in COLUMNS)]
            continue
        losses = ((values(own, column) - values(base, column), digits) for column, (_, digits) in COLUMNS.items())
        yield [name, *means, *(cell(loss, digits, sign="+") for loss, digits in losses)]


def cell(numbers, digits: int, *, sign: str = "") -> str:
    """A mean with its standard error."""
    mean, error = mean_and_error(numbers)
    return f"{mean:{sign}.{digits}f} ± {error:.{digits}f}"


def scored(model: str, one: EvaluationSet, *, jobs: int | None, files: int | None) -> SystemScores:
    """The scores of what node makes of a set."""
    with tempfile.TemporaryDirectory(prefix="undin") as name:
        folder = Path(name)
        noisy = sorted((one.folder / "noisy").glob("*.flac"))[:files]
        raw = {path: folder / f"{path.stem}.f32" for path in noisy}
        for path, place in raw.items():
            samples, rate = soundfile.read(path, dtype="float32")
            samples.tofile(place)
        (folder / "jobs.json").write_text(
            json.dumps({"model": model, "sampleRate": rate, "files": [str(place) for place in raw.values()]})
        )
        command = ["node", "--input-type=module", "-e", PROGRAM, PACKAGE.resolve().as_uri(), str(folder / "jobs.json")]
        subprocess.run(command, check=True)
        (folder / "enhanced").mkdir()
        for path, place in raw.items():
            soundfile.write(folder / "enhanced" / f"{path.stem}.wav", np.fromfile(place, np.float32), rate, "FLOAT")
        metrics = tuple(COLUMNS)
        folders = one.folder / "clean", one.folder / "noisy"
        return evaluate_pairs(*folders, enhanced=folder / "enhanced", chosen=metrics, jobs=jobs, limit=files)[-1]


if __name__ == "__main__":
    main()
