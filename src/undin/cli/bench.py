"""`undin bench`: how fast models run on this machine, compiled, and in ONNX Runtime. The work is in ``undin.bench``."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from undin.cli import given
from undin.compiler.toolchain.targets import X86_VARIANTS

if TYPE_CHECKING:
    from undin.bench.measure import Durations, Measurement

HELP = "measure how fast models run here, compiled and in ONNX Runtime, or in LiteRT"

NOTES = """\
Times are min / median / p99 on one thread. Step: the network alone; hop: all that is done to a hop of samples.
Ratio and percent are medians over pairs of blocks that alternate in one run. Other programs slow all of it down."""

NO_REFERENCE = 'ONNX Runtime is not installed, so nothing is compared with it: pip install "undin[ort]" brings it.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="name of a model, ONNX or TFLite file (default: all that come with undin)",
    )
    parser.add_argument(
        "--seconds", type=float, default=3, metavar="S", help="time to spend on each model (default: %(default)g)"
    )
    parser.add_argument(
        "--variant",
        choices=[variant.suffix.removeprefix("_") for variant in X86_VARIANTS],
        help="instructions to use (default: the best of this machine)",
    )
    parser.add_argument(
        "--int8",
        type=Path,
        metavar="AUDIO_DIR",
        help="in integers, calibrated on the noisy speech in this folder, as undin compile does",
    )
    given.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON, durations in µs")


def run(args: argparse.Namespace) -> int:
    """Measure the models that `args` name, one after another."""
    import dataclasses

    from undin.bench.measure import measure
    from undin.model.loading import find, models

    paths = [find(name) for name in args.models or models()]
    said = given.given_by(args)
    measured = [measure(path, said, seconds=args.seconds, variant=args.variant, int8=args.int8) for path in paths]
    print(json.dumps([dataclasses.asdict(one) for one in measured], indent=2) if args.json else _table(measured))
    return 0


def _table(measured: "list[Measurement]") -> str:
    """A column for each model."""
    columns = [_cells(one) for one in measured]
    titles = list(columns[0])
    texts = [titles, *([column[title] for title in titles] for column in columns)]
    widths = [max(map(len, column)) for column in texts]
    lines = [
        "  ".join([title.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))])
        for title, *cells in zip(*texts, strict=True)
    ]
    notes = [NOTES] if measured[0].onnxruntime_us else [NOTES, NO_REFERENCE]
    return "\n".join([*lines, "", *notes])


def _cells(one: "Measurement") -> dict[str, str]:
    def optional(value: "float | Durations | None", form: str) -> str:
        return "-" if value is None else format(value, form)

    return {
        "": one.name,
        "instructions": one.variant or "-",
        "parameters": f"{one.parameters:,}",
        "MMAC a step": f"{1e-6 * one.macs_per_step:.3f}",
        "MMAC/s": optional(one.macs_per_second and 1e-6 * one.macs_per_second, ".1f"),
        "state, bytes": f"{one.state_bytes:,}",
        "arena, bytes": optional(one.arena_bytes, ",d"),
        "step, µs": str(one.step_us),
        "hop, µs": optional(one.hop_us, ""),
        "real-time factor": optional(one.real_time_factor, ".5f"),
        "streams per core": optional(one.streams_per_core, ",d"),
        "GMAC/s": f"{one.gmacs_per_second:.1f}",
        "peak of the processor, GMAC/s": f"{one.peak_gmacs_per_second:.1f}",
        "percent of the peak": f"{one.percent_of_peak:.1f}",
        "step in ONNX Runtime, µs": optional(one.onnxruntime_us, ""),
        "ratio to ONNX Runtime": optional(one.onnxruntime_ratio, ".2f"),
        "pairs of blocks": f"{one.pairs}",
    }
