"""What 8 bits cost in scores: measures models in floats and in integers, and writes ``int8.md``.

Models are calibrated on the noisy files of valid, as `undin compile --int8` does. A quarter of an hour on two quiet
cores. Usage, from the repository's root, with the audio of `../shared` in its place::

    python research/int8.py [MODEL ...] [--jobs J] [--files N]
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from model_scores import QUARTER, VALID, EvaluationSet, markdown_table, mean_and_error, scored, values

from undin.compiler.emit.source import emit
from undin.compiler.ir.reader import read_graph
from undin.compiler.passes.quantize import frames_of, quantize
from undin.compiler.pipeline import metadata_of, program_of
from undin.compiler.toolchain.build import build
from undin.evaluate.score import SystemScores
from undin.io.files import replacing
from undin.model.loading import find

PAGE = Path(__file__).with_name("int8.md")
MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-base")
COLUMNS = {"pesq_wb": ("PESQ-WB", 3), "stoi": ("STOI", 4), "si_sdr": ("SI-SDR, dB", 2)}
SETS = [replace(one, metrics=tuple(name for name in one.metrics if name != "dnsmos")) for one in (VALID, QUARTER)]
CALIBRATION = VALID.folder / "noisy"

ABOUT = """\
# In integers of 8 bits

Measured by `{command}`.

Each model in floats, in integers calibrated on the noisy files of valid, and the difference pair by pair: means, of
differences with their standard error. What integers save is in [docs/c.md](../docs/c.md).
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--jobs", type=int, help="processes that score (default: one a core)")
    parser.add_argument("--files", type=int, metavar="N", help="score the first pairs alone, and print the page")
    args = parser.parse_args()
    command = " ".join(["python research/int8.py", *(args.models if args.models != MODELS else ())])
    lines = [ABOUT.format(command=command)]
    with tempfile.TemporaryDirectory() as folder:
        libraries = {name: in_integers(find(name), Path(folder, name)) for name in args.models}
        for one in SETS:
            table = markdown_table(rows(libraries, one, jobs=args.jobs, files=args.files))
            lines += [f"## {one.name[0].upper()}{one.name[1:]}", "", *table, ""]
    if args.files:
        print("\n".join(lines))
        return
    with replacing(PAGE) as partial_page:
        partial_page.write_text("\n".join(lines), encoding="utf-8")


def in_integers(path: Path, folder: Path) -> Path:
    """Compile a model in integers for this machine."""
    graph = read_graph(path)
    mark = partial(quantize, frames=frames_of(CALIBRATION, graph))
    return build(emit(program_of(graph, mark=mark), metadata_of(graph)), folder)


def rows(
    libraries: dict[str, Path], one: EvaluationSet, *, jobs: int | None, files: int | None
) -> Iterator[Sequence[str]]:
    """A table of one set."""
    yield ["model", *(f"{title}: floats, integers, difference" for title, _ in COLUMNS.values())]
    kinds = list(libraries), [str(library) for library in libraries.values()]
    (_, *in_floats), (_, *in_ints) = (scored(models, one, jobs=jobs, files=files) for models in kinds)
    for name, floats, integers in zip(libraries, in_floats, in_ints, strict=True):
        yield [name, *cells(floats, integers)]


def cells(floats: SystemScores, integers: SystemScores) -> Iterator[str]:
    """Both means and their difference in each metric."""
    for column, (_, decimals) in COLUMNS.items():
        before, after = (values(scores, column) for scores in (floats, integers))
        difference, error = mean_and_error(after - before)
        means = (f"{mean_and_error(numbers)[0]:.{decimals}f}" for numbers in (before, after))
        yield f"{' → '.join(means)}, {difference:+.{decimals}f} ± {error:.{decimals}f}"


if __name__ == "__main__":
    main()
