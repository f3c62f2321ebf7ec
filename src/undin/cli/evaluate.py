"""`undin evaluate`: score models, or an enhanced folder, against clean speech, beside the noisy input."""

import argparse
import sys
import time
from pathlib import Path

from undin.io.files import replacing

REDRAW_SECONDS, TELL_SECONDS = 0.1, 60.0

HELP = "score models or an enhanced folder against clean speech: PESQ, CSIG, STOI, SI-SDR, DNSMOS, treble, speed"


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
        help="only these of pesq_wb pesq_nb composite stoi estoi si_sdr sdr ssnr dnsmos treble, or of their columns, "
        "such as csig, cbak and covl of composite (default: all, treble from 40 kHz up)",
    )
    parser.add_argument(
        "--index", type=Path, metavar="CSV", help="columns id and snr_db (default: index.csv beside --clean, if any)"
    )
    parser.add_argument(
        "--align",
        action="store_true",
        help="take out what sets an output from its clean file in time (up to 1 s), level and polarity",
    )
    parser.add_argument(
        "--resample",
        type=_positive,
        nargs="?",
        const=16_000,
        metavar="HZ",
        help="bring all files to one rate, 16000 unless said, whatever their own",
    )
    parser.add_argument("--limit", type=_positive, metavar="N", help="score only the first N pairs")
    parser.add_argument("--jobs", type=_positive, metavar="J", help="processes (default: one a core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with every file's scores")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every file's scores as a table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the scores over SNR (PNG, SVG or PDF)")


def run(args: argparse.Namespace) -> int:
    """Score, print the tables and write the files that were asked for; the exit status is 1 if any score is missing."""
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
        sample_rate=args.resample,
        align=args.align,
        jobs=args.jobs,
        progress=_Progress(),
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
    return 0 if report.is_complete(systems) else 1


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


class _Progress:
    """Tells on standard error how much is measured: a moving line on a terminal, a line a minute elsewhere."""

    def __init__(self) -> None:
        self._start = self._told = time.monotonic()
        self._moves = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if 0 < done < total and now - self._told < (REDRAW_SECONDS if self._moves else TELL_SECONDS):
            return
        self._told = now
        left = f", {(now - self._start) / done * (total - done):.0f} s left" if 0 < done < total else ""
        begin, end = ("\r\x1b[K", "\n" if done == total else "") if self._moves else ("", "\n")
        print(f"{begin}scoring: {done} of {total} done{left}", end=end, file=sys.stderr, flush=True)
