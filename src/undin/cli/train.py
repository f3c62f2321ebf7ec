"""`undin train`: train a network by a recipe.

The work is done in ``undin.train``; ``docs/training.md`` tells how to use it.
"""

import argparse
import ctypes
import json
import sys
from pathlib import Path

from undin.cli import add_set, print_error

HELP = "train a network by a recipe"

# options of glibc's mallopt, from malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml", help="what to train, on what, and how")
    add_set(parser, metavar="SECTION.KEY=VALUE", help="change keys of the recipe")
    parser.add_argument("-o", "--output", type=Path, metavar="RUN", help="folder of the run (default: runs/RECIPE)")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="CHECKPOINT",
        help="continue a run exactly where its checkpoint was made (default: RUN/last.pt)",
    )
    start.add_argument(
        "--init", metavar="MODEL", help="start from the weights of a checkpoint or of a model: sets training.init"
    )
    parser.add_argument(
        "--resume-if-any",
        action="store_true",
        help="continue the run in its folder, or start it: one command for a machine that may have been stopped",
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end cleanly after this time")
    parser.add_argument("--threads", type=int, help="processor threads (default: one a core)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to train (default: cuda where there is one)")


def run(args: argparse.Namespace) -> int:
    """Train; return 0, or 1 when the loss stopped being finite."""
    import torch

    from undin.train import loop
    from undin.train.recipe import load_recipe

    init = [f"training.init={json.dumps(args.init)}"] if args.init else []
    recipe = load_recipe(args.recipe, overrides=[*args.set, *init])
    run_folder = args.output or Path("runs") / recipe.name
    last = run_folder / loop.LAST
    if args.resume is None and not args.resume_if_any and last.exists():
        raise ValueError(
            f"{run_folder} already holds a run; continue it with --resume or choose another folder with -o"
        )
    if args.threads:
        torch.set_num_threads(args.threads)
    _keep_freed_memory()
    try:
        state = loop.train(
            recipe,
            run_folder=run_folder,
            device=loop.choose_device(args.device),
            resume_from=Path(args.resume or last) if args.resume is not None or args.resume_if_any else None,
            resume_if_any=args.resume_if_any,
            minutes=args.minutes,
        )
    except FloatingPointError as error:
        print_error(str(error))
        return 1
    if state.processes.is_first:
        print(f"{last}: step {state.step} of {recipe.training.steps}, {state.hours:.2f} h of audio", file=sys.stderr)
    return 0


def _keep_freed_memory() -> None:
    """Let glibc keep what torch frees for its next use: getting it from the system anew costs a step a tenth."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: None)  # other C libraries have none
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
