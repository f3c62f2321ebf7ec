"""`undin export`: turn a checkpoint of a training run into a model file. The work is done in ``undin.nn.export``."""

import argparse
import json
import subprocess
from pathlib import Path

HELP = "turn a checkpoint, or the mean of several, into a model file (ONNX with metadata)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "checkpoints",
        nargs="+",
        type=Path,
        metavar="CHECKPOINT",
        help="best.pt or last.pt of a training run; the weights of several are averaged",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.onnx", help="file to write")
    parser.add_argument("--name", help="name of the model (default: the recipe's)")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the weights (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Export the averaged network of a checkpoint, or the mean of several; return 0."""
    from undin.model.metadata import Metadata
    from undin.nn.export import export
    from undin.nn.macs import macs_per_second, parameters
    from undin.train.checkpoint import Checkpoint, average
    from undin.train.recipe import Recipe

    checkpoint = average([Checkpoint.load(path) for path in args.checkpoints])
    recipe = Recipe.from_table(checkpoint.recipe)
    network = checkpoint.build_network()
    audio, data = recipe.audio, recipe.data
    folders = *data.speech, *data.noise, *data.pairs
    metadata = Metadata(
        name=args.name or recipe.name,
        sample_rate=audio.sample_rate,
        n_fft=audio.n_fft,
        window=audio.window,
        hop=audio.hop,
        latency_samples=audio.window - 1,
        state_size=network.state_size,
        parameters=parameters(network),
        macs_per_second=macs_per_second(network, n_fft=audio.n_fft, sample_rate=audio.sample_rate, hop=audio.hop),
        recipe=json.dumps(checkpoint.recipe),
        training_data=f"{checkpoint.hours:.0f} h mixed of " + (data.description or ", ".join(folders)),
        licence=args.licence,
        commit=_commit(),
    )
    export(network, metadata, args.output)
    print(
        f"{args.output}: {metadata.name}, {metadata.parameters} parameters, "
        f"{metadata.macs_per_second / 1e6:.1f} MMAC/s, {4 * metadata.state_size} bytes of state"
    )
    return 0


def _commit() -> str:
    """The commit of the code in the working directory, or 'unknown' outside a repository."""
    try:
        answer = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
