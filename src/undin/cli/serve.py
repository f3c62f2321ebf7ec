"""`undin serve`: voices over WebSocket and recordings over HTTP. The server itself is `undin.serve`."""

import argparse
import dataclasses
import os
from contextlib import suppress
from typing import Any

from undin.model.loading import DEFAULT, FULL_BAND

HELP = "serve voices over WebSocket and recordings over HTTP"

LIMITS = {
    "streams": (int, "N", "voices at a time (default: what the machine keeps in time, measured at the start)"),
    "connections": (int, "N", "at a time in a worker (default: 4096)"),
    "idle_seconds": (float, "S", "without a sample, then a voice is closed (default: 60)"),
    "header_seconds": (float, "S", "until a request, and a voice's first message, must be there (default: 10)"),
    "message_bytes": (int, "N", "of a message (default: 1 MiB)"),
    "upload_bytes": (int, "N", "of an upload (default: 1 GiB)"),
    "decoded_bytes": (int, "N", "of what is decoded of an upload, as float32 (default: 32 GiB)"),
    "min_sample_rate": (int, "HZ", "the lowest (default: 8000)"),
    "max_sample_rate": (int, "HZ", "the highest (default: 192000)"),
    "channels": (int, "N", "of a voice or of raw samples (default: 8)"),
    "uploads": (int, "N", "recordings at a time in a worker (default: 1)"),
    "drain_seconds": (float, "S", "for voices to go on after SIGTERM (default: 30)"),
}
"""Options of `Limits`: type, what stands for the value, help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--model",
        nargs="+",
        default=[],
        metavar="MODEL",
        help=f"names of models or paths, the default first (default: {DEFAULT}, for 32 kHz and more {FULL_BAND}, and "
        "the others that come with undin)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes one that is free (default: %(default)s)")
    parser.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument(
        "--threads", type=_positive, metavar="N", help="of each that enhance (default: one a processor)"
    )
    parser.add_argument("--token-file", metavar="FILE", help="who may come in: a line NAME TOKEN each")
    parser.add_argument(
        "--origin", nargs="+", default=[], metavar="URL", help="pages that may come in without a token, * for all"
    )
    parser.add_argument("--page", metavar="FOLDER", help="the page at / (default: that of undin, if it was built)")
    parser.add_argument("--ssl-certfile", metavar="PEM", help="for TLS")
    parser.add_argument("--ssl-keyfile", metavar="PEM", help="its key, if it is not in there")
    parser.add_argument("-q", "--quiet", action="store_true", help="log warnings and errors alone")
    limits = parser.add_argument_group("limits")
    for name, (kind, metavar, text) in LIMITS.items():
        limits.add_argument(f"--{name.replace('_', '-')}", type=_above_0(kind), metavar=metavar, help=text)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    import logging
    from pathlib import Path

    import prometheus_client  # noqa: F401  what is missing is named here, with the extra that brings it
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
    import websockets  # noqa: F401

    from undin.model.loading import load_once, models
    from undin.serve.app import page_folder
    from undin.serve.house import Settings
    from undin.serve.limits import Limits, read_tokens
    from undin.serve.run import serve

    names = args.model or [DEFAULT, *(name for name in models() if name != DEFAULT)]
    for name in names:  # what is wrong with one shows before anything listens
        load_once(name)
    if args.page and not (Path(args.page) / "index.html").is_file():
        raise ValueError(f"{args.page}: no page, which has an index.html")
    page = args.page or page_folder()
    given = {name: getattr(args, name) for name in LIMITS if getattr(args, name) is not None}
    settings = Settings(
        models=tuple(names),
        is_by_rate=not args.model,
        limits=dataclasses.replace(Limits(), **given),
        tokens=read_tokens(Path(args.token_file)) if args.token_file else {},
        origins=tuple(args.origin),
        threads=args.threads or os.cpu_count() or 1,
        workers=args.workers,
        page=str(page) if page else None,
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("undin.serve").setLevel(logging.WARNING if args.quiet else logging.INFO)
    with suppress(KeyboardInterrupt):  # the signal, once all is done
        serve(settings, host=args.host, port=args.port, certificate=args.ssl_certfile, key=args.ssl_keyfile)
    return 0


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value


def _above_0(kind: type) -> Any:
    def read(text: str) -> Any:
        if not (value := kind(text)) > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    read.__name__ = kind.__name__
    return read
