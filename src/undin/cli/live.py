"""`undin live`: a microphone without noise, to any output. The way there is `undin.live`."""

import argparse

from undin.model.loading import DEFAULT, FULL_BAND

HELP = "take the noise out of a microphone and play it, live"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--list", action="store_true", help="show the sound cards there are, and end")
    parser.add_argument("--input", metavar="CARD", help="number, name or part of a name (default: the system's)")
    parser.add_argument("--output", metavar="CARD", help="the same of where it is played")
    parser.add_argument("--rate", type=int, metavar="HZ", help="of the input (default: the card's)")
    parser.add_argument(
        "--block",
        type=int,
        default=0,
        metavar="N",
        help="samples that cards are served at a time (default: the driver's)",
    )
    parser.add_argument(
        "--latency",
        type=_latency,
        default="low",
        metavar="low|high|MS",
        help="of the drivers; high, where xruns are counted (default: low)",
    )
    parser.add_argument("--channels", type=int, choices=(1, 2), default=1, help="of the input (default: 1)")
    parser.add_argument(
        "--model", help=f"name or path of a model (default: {DEFAULT}, and {FULL_BAND} for inputs of 32 kHz and more)"
    )
    parser.add_argument(
        "--atten-lim-db",
        type=float,
        metavar="DB",
        help="attenuate no sound by more; arrows change it (default: no limit)",
    )
    parser.add_argument("--bypass", action="store_true", help="begin with the sound as it is; the space bar changes it")
    parser.add_argument(
        "--record", metavar="FILE.flac", help="record both sides from the beginning; the key r does later"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="end after so long (default: when it is told to)")


def run(args: argparse.Namespace) -> int:
    """Play until q, Ctrl-C or a signal."""
    from contextlib import suppress
    from pathlib import Path

    from undin.live.cards import portaudio, table
    from undin.live.run import Player, Settings
    from undin.live.screen import Screen
    from undin.model.loading import load_once
    from undin.stream import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ

    portaudio()
    if args.list:
        print(table())
        return 0
    if args.rate is not None and not MIN_SAMPLE_RATE_HZ <= args.rate <= MAX_SAMPLE_RATE_HZ:
        raise ValueError(f"--rate {args.rate}: it is {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz")
    if not 0 <= args.block <= 2**16:
        raise ValueError(f"--block {args.block}: it is 1 to {2**16} samples, or 0 for what the driver likes")
    if args.atten_lim_db is not None and not args.atten_lim_db >= 0:
        raise ValueError(f"--atten-lim-db {args.atten_lim_db:g}: it is 0 dB or more")
    if args.model:
        load_once(args.model)  # what is wrong with it shows first
    if args.record and Path(args.record).suffix.lower() != ".flac":
        raise ValueError(f"--record {args.record}: it is written as FLAC, so call it {Path(args.record).stem}.flac")
    settings = Settings(
        model=args.model,
        input=args.input,
        output=args.output,
        rate=args.rate,
        block=args.block,
        latency=args.latency,
        channels=args.channels,
        atten_lim_db=args.atten_lim_db,
        bypass=args.bypass,
        record=Path(args.record) if args.record else None,
        seconds=args.seconds,
    )
    with Screen() as screen, suppress(KeyboardInterrupt):  # which is how it ends
        Player(settings, screen).run()
    return 0


def _latency(text: str) -> str | float:
    if text in ("low", "high"):
        return text
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = 0.0
    if not 0 < milliseconds <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is neither low nor high nor milliseconds up to 1000")
    return milliseconds / 1e3
