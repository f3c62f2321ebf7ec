"""The command `undin`: one file a command, this file finds them and turns their errors into sentences.

A command module has `HELP` (one line), `add_arguments(parser)` and `run(args) -> int` (the exit status). It is light at
import: what takes time to load (numpy, onnxruntime, torch) is imported inside `run`. Read `enhance.py` next.
"""

import argparse
import importlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Sequence

COMMANDS = ("enhance", "evaluate", "train", "export", "compile", "bench", "data", "info")

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone (`undin … | head`); keep the interpreter from complaining as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        extra = _extra_with(package)
        if extra is None:
            raise
        print_error(f'this needs the package {package}; install it with: pip install "undin[{extra}]"')
        return 1
    except (ValueError, OSError) as error:
        print_error(sentence(error))
        return 1


def print_error(text: str) -> None:
    """Print one sentence about what went wrong to standard error."""
    print(f"undin: error: {text}", file=sys.stderr, flush=True)


def sentence(error: Exception) -> str:
    """Return an exception's message for people: the operating system's errors without their number."""
    if isinstance(error, OSError) and error.strerror:
        named = [name for name in (error.filename, error.filename2) if name is not None]
        return ": ".join([*(str(name) for name in named), error.strerror])
    return str(error)


def add_set(parser: argparse.ArgumentParser, *, metavar: str, help: str) -> None:
    """Add ``--set``, whose values `undin.io.tables.change` reads."""
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar=metavar, help=help)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="undin", description="Real-time speech denoising.")
    parser.add_argument("--version", action="version", version=f"undin {_version()}")
    subparsers = parser.add_subparsers(metavar="command", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"{__name__}.{name}")
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def _version() -> str:
    """Return the version that is installed; undin also runs out of its folder, as `scripts/train-anywhere.sh` does."""
    try:
        return importlib.metadata.version("undin")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _extra_with(package: str) -> str | None:
    """Return the first extra of undin that brings `package`, None where no extra does."""
    try:
        requirements = importlib.metadata.requires("undin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for requirement in requirements:
        match = re.match(r'([\w-]+).*\bextra == "(\w+)"', requirement)
        if match and match[1] == package:
            return match[2]
    return None
