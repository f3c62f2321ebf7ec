"""The options of commands that spread their work over processes or a Ray cluster."""

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undin.cluster import Engine


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare the options that `engine_of` reads."""
    parser.add_argument(
        "--engine", choices=("processes", "ray"), help="who does the work (default: ray with --address, else processes)"
    )
    parser.add_argument("--processes", type=_positive, metavar="N", help="cores of this machine to use (default: all)")
    parser.add_argument(
        "--address", metavar="A", help="of the Ray cluster: auto, or host:port (default: a Ray started here)"
    )


def engine_of(args: argparse.Namespace) -> "Engine":
    """Return what does the work."""
    from undin.cluster import Processes, Ray

    if args.engine == "processes" and args.address:
        raise ValueError("--address is of a Ray cluster: give --engine ray, or none")
    if args.engine == "ray" or args.address:
        return Ray(args.address, workers=args.processes)
    return Processes(args.processes or os.cpu_count() or 1)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number
