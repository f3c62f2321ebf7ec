"""`undin export`: turn a checkpoint of a training run into a model file. `undin.train.trained` does the work."""

import argparse
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
    from undin.train.trained import export_model

    metadata = export_model(args.checkpoints, args.output, name=args.name, licence=args.licence)
    print(
        f"{args.output}: {metadata.name}, {metadata.parameters} parameters, "
        f"{metadata.macs_per_second / 1e6:.1f} MMAC/s, {4 * metadata.state_size} bytes of state"
    )
    return 0
