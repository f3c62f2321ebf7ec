"""`undin mic`: a microphone without noise for every program, on Linux. What it does is in `undin.mic`."""

import argparse

from undin.model.loading import DEFAULT, FULL_BAND

HELP = "a microphone without noise for every program (Linux)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    commands = parser.add_subparsers(metavar="on|off|limit|status", dest="action", required=True)
    on = commands.add_parser("on", help="let programs choose the microphone undin", description="Have it on.")
    on.add_argument(
        "--model", help=f"name of a model (default: {FULL_BAND}, or {DEFAULT} where sound runs below 32 kHz)"
    )
    on.add_argument("--atten-lim-db", type=float, metavar="D", help="attenuate no sound by more (default: no limit)")
    on.add_argument("--input", metavar="SOURCE", help="name of what it hears (default: the session's microphone)")
    on.add_argument("--keep", action="store_true", help="have it on after every log-in, until undin mic off")
    commands.add_parser("off", help="remove it, with all that it needed", description="Have it off.")
    limit = commands.add_parser("limit", help="change its strength", description="Change its strength while it is on.")
    limit.add_argument("db", metavar="DB", help="the most that any sound is attenuated, or none")
    commands.add_parser("status", help="tell model, latency and load", description="Tell what is on.")


def run(args: argparse.Namespace) -> int:
    """Do it, and say so."""
    import sys

    if sys.platform != "linux":
        raise OSError("undin mic is for Linux; elsewhere undin live plays into a loopback device: docs/desktop.md")
    from undin.mic import command

    if args.action == "on":
        said = command.on(model=args.model, atten_lim_db=args.atten_lim_db, input=args.input, keep=args.keep)
    elif args.action == "limit":
        said = command.limit(_decibels(args.db))
    else:
        said = {"off": command.off, "status": command.status}[args.action]()
    print(said)
    return 0


def _decibels(text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"undin mic limit {text}: give dB, 0 or more, or the word none") from None
