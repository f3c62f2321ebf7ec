"""`undin batch`: a corpus to a corpus and a table, on the cores of this machine or on a Ray cluster.

Only options and printing; the work is in ``undin.batch``, and ``docs/batch.md`` tells how to use it.
"""

import argparse
import importlib
import sys
import time
from typing import Any

from undin.cli import print_error, printable
from undin.cli.engines import add_engine, engine_of
from undin.model.loading import DEFAULT, FULL_BAND

HELP = "enhance a corpus (a folder, a manifest, object storage) into files and a table, also on a Ray cluster"

TABLE = "undin.parquet"
TELL_SECONDS = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder, a URL such as s3://bucket/in, or a manifest (.txt .csv .jsonl .parquet)",
    )
    parser.add_argument("destination", metavar="DESTINATION", help="the folder or URL that results go to")
    parser.add_argument(
        "--model",
        help=f"name of a model or path of one (default: {DEFAULT}, and {FULL_BAND} for signals of 32 kHz and more)",
    )
    parser.add_argument(
        "--atten-lim-db", type=float, metavar="D", help="attenuate no sound by more than D dB (default: no limit)"
    )
    parser.add_argument("--dnsmos", action="store_true", help="rate each file before and after (needs the extra eval)")
    parser.add_argument(
        "--cut-minutes",
        type=_above_zero,
        metavar="M",
        help="cut recordings into pieces of M minutes at most, where it is quiet (default: never)",
    )
    parser.add_argument(
        "--table",
        metavar="FILE",
        help=f"where the table goes, .parquet (needs the extra batch) or .csv (default: DESTINATION/{TABLE})",
    )
    add_engine(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Enhance what is not done yet and write the table; 0 when all of it succeeded, 1 when some files failed."""
    from undin.batch.listing import find_files
    from undin.batch.run import enhance_all, write_table
    from undin.batch.work import Enhance
    from undin.engines.engine import attenuation
    from undin.io import places
    from undin.model.loading import load_once
    from undin.recording import Settings

    table = args.table or places.join(places.absolute(args.destination), TABLE)
    # What is wrong for all files alike ends the run before the first one.
    if not table.endswith((".parquet", ".csv")):
        raise ValueError(f"{table}: a table is .parquet or .csv")
    if table.endswith(".parquet"):
        _need("pyarrow", 'a Parquet table needs pyarrow: pip install "undin[batch]", or name a .csv by --table')
    if args.dnsmos:
        _need("onnxruntime", 'DNSMOS needs ONNX Runtime: pip install "undin[eval]"')
    for name in [args.model] if args.model else (DEFAULT, FULL_BAND):
        load_once(name)
    attenuation(args.atten_lim_db)
    engine = engine_of(args)
    files, left_out = find_files(args.source, destination=args.destination)
    work = Enhance(
        args.destination,
        Settings(args.model, args.atten_lim_db),
        dnsmos=args.dnsmos,
        piece_seconds=args.cut_minutes and 60 * args.cut_minutes,
    )
    progress = _Progress(len(files), quiet=args.quiet)
    rows = enhance_all(files, work, engine=engine, left_out=left_out, on_left=progress.expect, on_rows=progress.add)
    write_table(table, rows)
    if not args.quiet:
        print(printable(f"{progress.summary()}; {len(rows)} rows in {table}"))
    failed = {row["path"] for row in rows if row["error"]} & {file.path for file in files}
    if failed:
        print_error(f"{len(failed)} of {len(files)} files failed, the others are done; the table says why")
    return 1 if failed else 0


def _need(package: str, otherwise: str) -> None:
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ValueError(otherwise) from error


class _Progress:
    """Tells now and then on standard error how far it is."""

    def __init__(self, files: int, *, quiet: bool):
        self._files, self._left, self._quiet = files, files, quiet
        self._done, self._failed, self._seconds = 0, 0, 0.0
        self._start = self._told = time.monotonic()

    def expect(self, left: int) -> None:
        """Take note of how many files are not done yet."""
        self._left = left

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Count what became of some files."""
        self._done += len({row["path"] for row in rows})
        self._seconds += sum(row["seconds"] or 0 for row in rows)
        for reason in filter(None, (row["error"] for row in rows)):
            self._failed += 1
            if not self._quiet:
                print(printable(f"undin: failed: {reason}"), file=sys.stderr, flush=True)
        if not self._quiet and time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            print(self.summary(), file=sys.stderr, flush=True)

    def summary(self) -> str:
        """How much was done, and had been done before."""
        speed = self._seconds / (time.monotonic() - self._start)
        before = f", {self._files - self._left} had been done before" if self._left < self._files else ""
        failed = f", {self._failed} failed" if self._failed else ""
        audio = f"{self._seconds / 3600:.2f} h of audio, {speed:.0f} times real time"
        return f"{self._done} of {self._left} files{failed}{before}: {audio}"


def _above_zero(text: str) -> float:
    if not (number := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
