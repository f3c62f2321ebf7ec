"""`undin data check`: is this folder fit to train on? `undin data mix`: freeze a mixed set to disk.

Only arguments and printing; the work is in `data/check.py` and `data/freeze.py`.
"""

import argparse
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undin.cli import add_set
from undin.cli.engines import add_engine, engine_of

if TYPE_CHECKING:
    from undin.data.check import FileReport

HELP = "check folders of audio, or mix speech and noise into a set on disk"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two commands and their options."""
    commands = parser.add_subparsers(dest="data_command", metavar="command", required=True)
    check = commands.add_parser(
        "check", help="report on every audio file of a folder, and name what training leaves out"
    )
    check.add_argument("folder", metavar="DIR", help="searched for audio at any depth")
    check.add_argument("--json", action="store_true", help="print JSON instead of a table")
    mix = commands.add_parser("mix", help="mix speech and noise as training does and write the pairs with an index")
    mix.add_argument("--speech", metavar="DIR", nargs="+", required=True, help="folders of clean speech")
    mix.add_argument("--noise", metavar="DIR", nargs="+", required=True, help="folders of noise")
    mix.add_argument("-o", "--output", metavar="DIR", required=True, help="the new folder")
    mix.add_argument("--count", metavar="N", type=int, default=100, help="number of pairs (default: %(default)s)")
    mix.add_argument("--seconds", metavar="S", type=float, default=5.0, help="length of each (default: %(default)s)")
    mix.add_argument(
        "--recipe",
        metavar="R",
        help="mix by this recipe, or by that of this checkpoint or model (default: that of the default model)",
    )
    mix.add_argument("--sample-rate", metavar="HZ", type=int, help="default: the recipe's")
    mix.add_argument("--seed", metavar="N", type=int, default=0, help="another seed gives another set (default: 0)")
    add_engine(mix)
    add_set(mix, metavar="mixing.KEY=VALUE", help="change keys of the recipe's mixing: mixing.snr_db=[0,10]")


def run(args: argparse.Namespace) -> int:
    """Run `check` or `mix`; the exit status is 1 when `check` found unusable files."""
    return _check(args) if args.data_command == "check" else _mix(args)


def _check(args: argparse.Namespace) -> int:
    import dataclasses

    from undin.data.check import check_folder, folder_shares
    from undin.io.folder import search

    if args.json:
        reports = list(check_folder(args.folder))
        print(json.dumps([dataclasses.asdict(report) for report in reports], indent=1))
        return int(any(report.problem for report in reports))
    print("   rate ch  seconds  clipped   level  silence    snr  floor  band kHz  file")
    reports: list[FileReport] = []
    notes: dict[str, list[str]] = {}
    for report in check_folder(args.folder):
        print(_line(report))
        reports.append(report)
        for kind, _, details in (note.partition(":") for note in report.notes):
            notes.setdefault(kind, []).append(f"{report.path}:{details}")
    unusable = [report for report in reports if report.problem]
    hours = sum(report.seconds or 0.0 for report in reports) / 3600
    print(f"{len(reports)} files, {hours:.2f} h, {len(unusable)} unusable")
    shares = folder_shares(reports, args.folder)
    if len(shares) > 1:
        print("what training hears of each folder as speech, or as noise, unless mixing.corpus_shares say otherwise:")
        for share in shares:
            voices = f"{share.voices} folder{'s' * (share.voices > 1)} of files"
            print(f"{share.of_speech:8.1%} {share.of_noise:8.1%} {share.hours:8.2f} h in {voices}: {share.name}")
    for path, reason in search(args.folder, media_left_out="libsndfile cannot open such files").left_out:
        print(f"left out: {path}: {reason}", file=sys.stderr)
    for kind, of_files in notes.items():
        print(f"{kind} in {len(of_files)}, such as {of_files[0]}")
    for report in unusable:
        print(f"unusable: {report.path}: {report.problem}", file=sys.stderr)
    return int(bool(unusable))


def _line(report: "FileReport") -> str:
    def cell(value: float | None, text: str, width: int) -> str:
        return ("-" if value is None else format(value, text)).rjust(width)

    return "  ".join(
        [
            cell(report.sample_rate, "d", 7) + cell(report.channels, "d", 3),
            cell(report.seconds, ".2f", 7),
            cell(report.clipping_share, ".3%", 7),
            cell(report.active_level_dbfs, ".1f", 6),
            cell(report.silence_share, ".1%", 7),
            cell(report.snr_db, ".1f", 5),
            cell(report.floor_db, ".0f", 5),
            cell(report.band_hz and report.band_hz / 1000, ".1f", 8),
            report.path + (f"  ({report.problem})" if report.problem else ""),
        ]
    )


def _mix(args: argparse.Namespace) -> int:
    from undin.data.freeze import Mixing, freeze, refuse_existing
    from undin.data.mixing_config import MixingConfig
    from undin.io.tables import change, from_table

    recipe = _recipe(args.recipe)
    sample_rate = recipe.get("audio", {}).get("sample_rate", 16000) if args.sample_rate is None else args.sample_rate
    if args.count < 1 or args.seconds <= 0 or sample_rate <= 0 or args.seed < 0:
        raise ValueError("--count, --seconds and --sample-rate must be above 0, and --seed not below")
    table: dict[str, Any] = {}
    change(table, args.set)
    config = from_table(MixingConfig, recipe.get("mixing", {}) | table.pop("mixing", {}), path="mixing")
    if table:
        raise ValueError(f"--set knows only keys that begin with mixing., not '{next(iter(table))}'")
    refuse_existing(args.output)  # before minutes of decoding
    mixing = Mixing(
        tuple(args.speech),
        tuple(args.noise),
        config,
        sample_rate=sample_rate,
        segment_samples=round(args.seconds * sample_rate),
        seed=args.seed,
        trim_silence_db=recipe.get("data", {}).get("trim_silence_db"),
    )
    spread = args.engine or args.processes or args.address
    freeze(mixing, os.path.abspath(args.output), count=args.count, engine=engine_of(args) if spread else None)
    print(f"{args.count} pairs of {args.seconds:g} s in {args.output}")
    return 0


def _recipe(name: str | None) -> dict[str, Any]:
    """The tables of a recipe by its file, or by that of a checkpoint or a model."""
    from undin.model.loading import DEFAULT, find, read_metadata
    from undin.train.checkpoint import Checkpoint

    suffix = Path(name or "").suffix
    if suffix == ".toml":
        try:
            return tomllib.loads(Path(name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return Checkpoint.load(name).recipe if suffix == ".pt" else json.loads(read_metadata(find(name or DEFAULT)).recipe)
