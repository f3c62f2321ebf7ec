"""`undin evaluate`: score models, or an enhanced folder, against clean speech, beside the noisy input."""

import argparse
import sys
from pathlib import Path

from undin.io.files import replacing

HELP = "score models or an enhanced folder against clean speech: PESQ, STOI, SI-SDR, DNSMOS, treble, speed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--clean", type=Path, required=True, metavar="DIR", help="clean speech, mono, from 16 kHz up")
    parser.add_argument("--noisy", type=Path, required=True, metavar="DIR", help="the same files with noise")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", nargs="+", default=[], metavar="M", help="names of models, or their files")
    source.add_argument("--enhanced", type=Path, metavar="DIR", help="the same files, enhanced by anything")
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="only these of pesq_wb stoi estoi si_sdr dnsmos treble (default: all, treble from 40 kHz up)",
    )
    parser.add_argument(
        "--index", type=Path, metavar="CSV", help="columns id and snr_db (default: index.csv beside --clean, if any)"
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="score only the first N pairs")
    parser.add_argument("--jobs", type=_positive, metavar="J", help="processes (default: one a core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with every file's scores")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every file's scores as a table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the scores over SNR (PNG, SVG or PDF)")


def run(args: argparse.Namespace) -> int:
    """Score, print the tables and write the files that were asked for."""
    from undin.evaluate import report
    from undin.evaluate.score import evaluate_pairs

    for path in (args.json, args.csv, args.plot):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"{path} cannot be written: there is no folder {path.parent}")
    systems = evaluate_pairs(
        args.clean,
        args.noisy,
        models=args.model,
        enhanced=args.enhanced,
        index=args.index,
        chosen=args.metrics,
        limit=args.limit,
        jobs=args.jobs,
        progress=_show_progress if sys.stderr.isatty() else _no_progress,
    )
    print(report.to_text(systems))
    if args.json:
        with replacing(args.json) as partial:
            partial.write_text(report.to_json(systems), encoding="utf-8")
    if args.csv:
        with replacing(args.csv) as partial:
            partial.write_text(report.to_csv(systems), encoding="utf-8")
    if args.plot:
        from undin.evaluate.plot import save_plot

        with replacing(args.plot) as partial:
            save_plot(systems, partial)
    return 0


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def _show_progress(done: int, total: int) -> None:
    print(f"\r{done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _no_progress(done: int, total: int) -> None:
    """Keep log files free of a counter."""
