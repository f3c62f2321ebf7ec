"""`undin compile`: a model as C and as a library for a target. The work is done in ``undin.compiler``."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from undin.cli import print_error
from undin.compiler.targets import TARGETS

if TYPE_CHECKING:
    from undin.compiler.emit import Source
    from undin.compiler.graph import Graph, Value
    from undin.compiler.verify import Difference, Report

HELP = "compile a model to C and a library, for this machine or another"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file with static shapes, or name of a model of undin")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--target", choices=TARGETS, default="native", help="what the library is for (default: %(default)s)"
    )
    parser.add_argument(
        "--check", action="store_true", help="run the C on this machine against ONNX Runtime, frame by frame"
    )


def run(args: argparse.Namespace) -> int:
    """Compile a model; 0 when that was all or the check agrees, 1 when it does not."""
    from undin.compiler.build import build
    from undin.compiler.emit import emit
    from undin.compiler.graph import read
    from undin.compiler.translate import metadata_of, program_of
    from undin.model import WEIGHTS, models

    path = WEIGHTS / f"{args.model}.onnx" if args.model in models() else Path(args.model)
    graph = read(path)
    source = emit(program_of(graph), metadata_of(graph))
    product = build(source, args.output, target=TARGETS[args.target])
    print(f"{product}: {graph.name} for {args.target}")
    print(_table(graph, source, product))
    return _check(path, source, product, target=args.target) if args.check else 0


def _table(graph: "Graph", source: "Source", product: Path) -> str:
    """Memory, bytes."""
    from undin.compiler import hop
    from undin.compiler.sizes import flash_and_ram_bytes
    from undin.compiler.translate import metadata_of
    from undin.compiler.verify import carried

    metadata = metadata_of(graph)
    if metadata is not None:
        state, others = hop.state_bytes(metadata), 0
        arena = hop.arena_bytes(metadata, network_arena_bytes=source.arena_bytes)
    else:
        states = set(carried(graph).values())
        state = sum(_bytes(value) for value in graph.inputs if value.name in states)
        others = sum(_bytes(value) for value in (*graph.inputs, *graph.outputs)) - state
        arena = source.arena_bytes
    flash, variables = flash_and_ram_bytes(product)
    rows = {
        "code": flash - source.weight_bytes,
        "weights": source.weight_bytes,
        "flash": flash,
        "state": state,
        "arena": arena,
        "other inputs and outputs": others,
        "variables": variables,
        "RAM": state + arena + others + variables,
    }
    return "\n".join(f"{name:<24} {size:>12,} bytes" for name, size in rows.items() if size)


def _bytes(value: "Value") -> int:
    return value.dtype.itemsize * math.prod(value.shape)


def _check(path: Path, source: "Source", product: Path, *, target: str) -> int:
    """Hold the C against ONNX Runtime; code for another machine is built again for this one."""
    import tempfile

    from undin.compiler.build import build
    from undin.compiler.verify import verify

    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        library = product if target == "native" else build(source, Path(folder))
        report = verify(path, source, library)
    if report.output is None:
        print(f"check on this machine: {report.frames} frames as in ONNX Runtime, to {report.error:.1e} of full scale")
        return 0
    print_error(f"{_sentence(report.output)}; {_culprit(report)}")
    return 1


def _sentence(difference: "Difference") -> str:
    return (
        f"{difference.tensor} {difference.shape} differs from ONNX Runtime in frame {difference.frame}, "
        f"by {difference.error:.1e} of its largest value"
    )


def _culprit(report: "Report") -> str:
    if report.tensor is None:
        return "no tensor does as long as each is kept, so what joins steps or lets them share memory is at fault"
    return f"of all tensors inside, {_sentence(report.tensor)}"
