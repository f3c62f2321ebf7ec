"""The command `undin`: one file a command, this file finds them and turns their errors into sentences.

A command module has `HELP` (one line), `add_arguments(parser)` and `run(args) -> int` (the exit status). It is light at
import: what takes time to load (numpy, onnxruntime, torch) is imported inside `run`. Read `enhance.py` next.
"""

import argparse
import difflib
import importlib
import importlib.metadata
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from undin.io.errors import sentence

COMMANDS = (
    "enhance",
    "batch",
    "live",
    "mic",
    "serve",
    "evaluate",
    "train",
    "export",
    "compile",
    "bench",
    "data",
    "info",
    "completion",
)

END_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask a program to end: from the keyboard, from another program, from a terminal that closes."""


CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Ended(KeyboardInterrupt):
    """One of `END_SIGNALS` came: what is half done is cleaned up, as for Ctrl-C."""

    def __init__(self, number: int):
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status."""
    _prepare_output()
    args = make_parser().parse_args(argv)
    try:
        with _ended_by_signals():
            status = args.run(args)
            sys.stdout.flush()
            return status
    except KeyboardInterrupt as interrupt:
        return 128 + getattr(interrupt, "number", signal.SIGINT)  # as shells report it
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


def _prepare_output() -> None:
    """Let standard output escape what its encoding lacks, and a console of Windows obey what moves the cursor."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does
    if sys.platform == "win32" and sys.stderr is not None and sys.stderr.isatty():
        os.system("")  # which is all it takes


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let `END_SIGNALS` raise `Ended`, but those that whoever started us wants ignored, as nohup does."""

    def end(number: int, _frame: object) -> None:
        raise Ended(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in END_SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_error(text: str) -> None:
    """Print one sentence about what went wrong to standard error."""
    print(printable(f"undin: error: {text}"), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return a text for people: file names may be any bytes; what is no UTF-8, or controls terminals, shows as �."""
    return CONTROLS.sub("�", os.fsencode(text).decode(errors="replace"))


def add_set(parser: argparse.ArgumentParser, *, metavar: str, help: str) -> None:
    """Add ``--set``, whose values `undin.io.tables.change` reads."""
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar=metavar, help=help)


class _Parser(argparse.ArgumentParser):
    """A parser that says what may have been meant by a word that it does not know."""

    def error(self, message: str) -> NoReturn:
        known = [*COMMANDS, *(option for parser in _all_parsers(self) for option in parser._option_string_actions)]
        for word in _unknown_words(message):
            if os.path.exists(word):
                message += f"; did you mean: undin enhance {word}"
            elif near := difflib.get_close_matches(word.partition("=")[0], known, n=1):
                message += f"; did you mean {near[0]}?"
        super().error(message)


def _unknown_words(message: str) -> list[str]:
    """The words that argparse complains about."""
    if match := re.search(r"invalid choice: '(.*?)'", message):
        return [match[1]]
    _, unknown, words = message.partition("unrecognized arguments: ")
    return [word for word in words.split() if word.startswith("-")] if unknown else []


def _all_parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """A parser and those of its commands."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [parser, *(command for group in groups for command in group.choices.values())]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(prog="undin", description="Real-time speech denoising.")
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
        if match and match[1].replace("-", "_") == package:
            return match[2]
    return None
