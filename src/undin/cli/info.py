"""`undin info`: what models say about themselves, the ones that come with undin or any others."""

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from undin.model.metadata import Metadata

HELP = "show rate, latency, size, licence and training data of models"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="name or path of a model (default: all that come with undin)"
    )
    parser.add_argument("--json", action="store_true", help="print all metadata as JSON")


def run(args: argparse.Namespace) -> int:
    """Print a table of the models that `args` name."""
    from undin.model.loading import DEFAULT, FULL_BAND, FULL_BAND_FROM_HZ, find, models, read_metadata

    metadata = {path: read_metadata(path) for path in map(find, args.models or models())}
    if args.json:
        print(json.dumps([_as_dict(*item) for item in metadata.items()], indent=2))
        return 0
    print(_table(metadata))
    if not args.models:
        rate = f"{FULL_BAND_FROM_HZ / 1000:g} kHz"
        print(f"\nWhere none is named: {DEFAULT}, and for signals of {rate} and more {FULL_BAND}.")
    return 0


def _as_dict(path: "Path", metadata: "Metadata") -> dict[str, Any]:
    import dataclasses

    parsed = {name: json.loads(getattr(metadata, name)) for name in ("recipe", "lineage")}
    return dataclasses.asdict(metadata) | parsed | {"path": str(path)}


def _table(models: "dict[Path, Metadata]") -> str:
    numbers = ("rate (Hz)", "latency (ms)", "parameters", "MMAC/s", "state (kB)", "trained on (h)")
    rows = [("name", *numbers, "licence", "training data")]
    for metadata in models.values():
        rows.append(
            (
                metadata.name,
                f"{metadata.sample_rate}",
                f"{1000 * metadata.latency_samples / metadata.sample_rate:.1f}",
                f"{metadata.parameters:,}",
                f"{metadata.macs_per_second / 1e6:.1f}",
                f"{4 * metadata.state_size / 1000:.1f}",
                f"{metadata.hours_trained:.0f}",
                metadata.licence,
                metadata.training_data,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 1 <= index <= len(numbers) else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
