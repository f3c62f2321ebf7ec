"""`undin enhance`: files, folders and pipes, each to an output of the same kind and length.

This file is the command: its options and what follows from them. Which file goes where is `outputs.py`, the loop over
files `files.py`, what is said of them `saying.py`; what happens to one recording is `recording.py`, the file to read
next.
"""

import argparse
import math
import sys
from typing import TYPE_CHECKING

from undin.model.loading import DEFAULT, FULL_BAND

if TYPE_CHECKING:
    pass

HELP = "take the noise out of audio files, folders of them, or what comes through a pipe"

PIPE = "-"

RAW_FORMATS = ("s16le", "f32le", "u8", "s16be", "s24le", "s32le", "f64le", "alaw", "mulaw")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="audio files, folders (searched at any depth), glob patterns, or - for standard input: a WAV, FLAC, Ogg … "
        "file, which comes out as one, or raw samples",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the file for one input, the folder for several (default: beside each input, named IN_enhanced)",
    )
    parser.add_argument(
        "--model",
        help=f"name of a model or path of one (default: {DEFAULT}, and {FULL_BAND} for signals of 32 kHz and more)",
    )
    parser.add_argument(
        "--atten-lim-db", type=float, metavar="D", help="attenuate no sound by more than D dB (default: no limit)"
    )
    parser.add_argument(
        "--full-scale",
        type=_level,
        default=1.0,
        metavar="X",
        help="the samples have X in place of 1, such as 32768 in floats that were integers (default: 1)",
    )
    parser.add_argument(
        "--quality",
        type=_share,
        metavar="Q",
        help="of lossy outputs, 0 for the smallest, 1 for the best (default: the usual, or the bit rate of the input)",
    )
    parser.add_argument("--jobs", type=_positive, default=1, metavar="J", help="files at a time (default: 1)")
    parser.add_argument("--plot", action="store_true", help="draw the spectrograms before and after beside each output")
    there = parser.add_mutually_exclusive_group()
    there.add_argument("--overwrite", action="store_true", help="make outputs anew that are there (the default)")
    there.add_argument(
        "--skip-existing", action="store_true", help="leave outputs as they are that are there: an ended run goes on"
    )
    parser.add_argument("--keep-times", action="store_true", help="give each output the time of change of its input")
    parser.add_argument(
        "--strict", action="store_true", help="exit with status 1 also where a warning was said: short or odd inputs"
    )
    saying = parser.add_mutually_exclusive_group()
    saying.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors and warnings")
    saying.add_argument(
        "-v", "--verbose", action="store_true", help="say more: all that is left out, each file's level"
    )
    saying.add_argument("--json", action="store_true", help="print a line of JSON for each input, for programs")
    raw = parser.add_argument_group("raw samples from standard input to standard output (IN is -)")
    raw.add_argument("--rate", type=_positive, metavar="HZ", help="sample rate (default: 16000)")
    raw.add_argument("--channels", type=_positive, metavar="N", help="interleaved channels (default: 1)")
    raw.add_argument("--sample-format", choices=RAW_FORMATS, help="type of the samples (default: s16le)")


def run(args: argparse.Namespace) -> int:
    """Enhance what `args` name; 0 when all of it succeeded, 1 when some inputs failed."""
    if PIPE in args.inputs:
        return _run_pipe(args)
    if args.rate or args.channels or args.sample_format:
        raise ValueError("--rate, --channels and --sample-format are for raw samples: give - as the only input")
    if args.plot:
        import undin.plot  # noqa: F401  a missing matplotlib shows before the work, not after it
    from undin.cli.files import outcomes
    from undin.cli.outputs import plan
    from undin.cli.progress import Progress
    from undin.cli.saying import Voice
    from undin.engines.engine import attenuation
    from undin.model.loading import load_once
    from undin.recording import Settings

    # What is wrong for all files alike ends the run before the first one.
    for name in [args.model] if args.model else (DEFAULT, FULL_BAND):
        load_once(name)
    attenuation(args.atten_lim_db)
    settings = Settings(args.model, args.atten_lim_db, args.full_scale, args.quality, args.keep_times)
    planned = plan(args.inputs, output=args.output, picture=args.plot)
    voice = Voice(args)
    voice.left_out(planned.left_out)
    done = {job for job in planned.jobs if args.skip_existing and job.is_done()}
    voice.skipped(done)
    jobs = [job for job in planned.jobs if job not in done]
    progress = Progress([job.source for job in jobs], quiet=args.quiet or args.json)
    for outcome in outcomes(jobs, settings, processes=args.jobs, on_seconds=progress.advance):
        progress.finish_file(voice.file(outcome))
    progress.clear()
    return voice.end(inputs=len(planned.jobs))


def _run_pipe(args: argparse.Namespace) -> int:
    if args.inputs != [PIPE] or args.output or args.plot:
        raise ValueError(
            "- reads samples from standard input and writes to standard output: give no other input, -o or --plot"
        )
    from undin import Stream
    from undin.cli.saying import Voice
    from undin.model.loading import load_once
    from undin.recording import RAW_RATE_HZ, Raw, Settings, enhance_standard_input

    raw = Raw(args.rate, args.channels or 1, args.sample_format or "s16le")
    settings = Settings(args.model, args.atten_lim_db, args.full_scale, args.quality)
    # What is wrong with the options shows before anything is read.
    model = load_once(args.model) if args.model else None
    Stream(raw.sample_rate or RAW_RATE_HZ, channels=raw.channels, model=model, atten_lim_db=args.atten_lim_db)
    report = enhance_standard_input(sys.stdin.buffer, sys.stdout.buffer, raw=raw, model=model, settings=settings)
    voice = Voice(args, out=sys.stderr)
    voice.file(report)
    return voice.end(inputs=1)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return value


def _level(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no level above 0")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value
