"""`undin export`: turn a checkpoint of a training run into a model file. `undin.train.trained` does the work."""

import argparse
from pathlib import Path

HELP = "turn a checkpoint, or the mean of several, into a model file (ONNX with metadata), or a model into TFLite"

SUFFIXES = {"onnx": ".onnx", "tflite": ".tflite"}
"""By the name of a format, what the name of a file must end with, since that tells `undin` how to run it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="CHECKPOINT",
        help="best.pt or last.pt of a training run; the weights of several are averaged; or one model, by its name or "
        "the path of its ONNX file",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--format",
        choices=SUFFIXES,
        help="of the file: ONNX, or TFLite for LiteRT and TensorFlow Lite Micro (default: by its name, onnx or tflite)",
    )
    parser.add_argument("--int8-weights", action="store_true", help="keep the weights in 8 bits (TFLite for LiteRT)")
    parser.add_argument("--name", help="name of the model (default: the recipe's, or that of the model)")
    parser.add_argument("--licence", help="licence of the weights (default: Apache-2.0, or that of the model)")


def run(args: argparse.Namespace) -> int:
    """Export the averaged network of a checkpoint, the mean of several, or a model; return 0."""
    from undin.train.trained import export_model

    suffix = args.output.suffix
    format = args.format or ("tflite" if suffix == SUFFIXES["tflite"] else "onnx")
    if suffix != SUFFIXES[format] and SUFFIXES["tflite"] in (suffix, SUFFIXES[format]):
        raise ValueError(f"a file of the format {format} must be named *{SUFFIXES[format]}, not {args.output.name}")
    metadata = export_model(
        args.sources,
        args.output,
        name=args.name,
        licence=args.licence,
        format=format,
        int8_weights=args.int8_weights,
    )
    print(
        f"{args.output}: {metadata.name}, {metadata.parameters} parameters, "
        f"{metadata.macs_per_second / 1e6:.1f} MMAC/s, {4 * metadata.state_size} bytes of state"
    )
    return 0
