"""Options that say what an ONNX file leaves open, for every command that compiles one."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undin.compiler.ir.files import Given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--dim", action="append", default=[], metavar="NAME=VALUE", help="a size that the file has only a name for"
    )
    parser.add_argument(
        "--shape", action="append", default=[], metavar="INPUT=1,2,…", help="the whole shape of an input"
    )
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input that is a constant, such as a sample rate: one number, or as many as it has, with commas",
    )
    parser.add_argument(
        "--state",
        action="append",
        metavar="INPUT=OUTPUT",
        help="an input that is read from an output of the run before; found by names and shapes if not given at all, "
        "none if it is the word none",
    )


def given_by(args: argparse.Namespace) -> "Given":
    """What the options say about the inputs of a file; ValueError names one that cannot be read."""
    from undin.compiler.ir.files import Given

    dims = {name: _whole("--dim", name, value) for name, value in _pairs("--dim", args.dim)}
    shapes = {
        name: tuple(_whole("--shape", name, length) for length in value.split(",") if length)
        for name, value in _pairs("--shape", args.shape)
    }
    states = None if args.state is None else {}
    if args.state not in (None, ["none"]):
        states = dict(_pairs("--state", args.state, form="INPUT=OUTPUT"))
    return Given(dims, shapes, dict(_pairs("--input", args.input)), states)


def _pairs(option: str, texts: list[str], *, form: str = "NAME=VALUE") -> Iterator[tuple[str, str]]:
    names = set()
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(f"{option} {text}: write it as {form}")
        if name in names:
            raise ValueError(f"{option} {name} is given twice")
        names.add(name)
        yield name, value


def _whole(option: str, name: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(f"{option} {name}={text}: {text!r} is no whole number")
    return int(text)
