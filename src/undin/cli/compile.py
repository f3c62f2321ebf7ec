"""`undin compile`: a model as C and as a library for a target. The work is done in ``undin.compiler``."""

import argparse
import itertools
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from undin.cli import given, print_error
from undin.compiler.toolchain.targets import TARGETS

if TYPE_CHECKING:
    from undin.compiler.emit.source import Source
    from undin.compiler.ir.files import Given
    from undin.compiler.ir.graph import Graph, Value
    from undin.compiler.ir.program import Program
    from undin.compiler.passes.quantize import Quantized
    from undin.compiler.passes.quantize.frames import Frame
    from undin.compiler.pipeline import Watcher
    from undin.compiler.verify import Difference, Verification
    from undin.model.metadata import Metadata

MIN_SIGNAL_TO_NOISE_DB = 20
"""Of a network in integers: with less, one hears them."""

HELP = "compile a model to C and a library, for this machine or another"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file, or name of a model of undin")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the C files and the library")
    parser.add_argument(
        "--prefix",
        type=Path,
        metavar="DIR",
        help="install headers and library for CMake and pkg-config: to DIR/include and DIR/lib",
    )
    parser.add_argument(
        "--package",
        choices=("cmake", "arduino"),
        help="with -o and a microcontroller as the target: a component of C for this build system, with an example",
    )
    parser.add_argument(
        "--target", choices=TARGETS, default="native", help="what the library is for (default: %(default)s)"
    )
    parser.add_argument(
        "--int8",
        type=Path,
        metavar="DATA",
        help="weights and activations of 8 bits, calibrated on DATA: of a model of undin a folder of noisy speech, "
        "of any network recorded inputs, FRAMES.npz (docs/c.md)",
    )
    parser.add_argument(
        "--int8-ends",
        action="store_true",
        help="with --int8: 8 bits and not 16 for the first and the last layers too, which lose the most",
    )
    given.add_arguments(parser)
    parser.add_argument(
        "--check", action="store_true", help="run the C on this machine against ONNX Runtime, frame by frame"
    )
    parser.add_argument(
        "--passes", type=Path, metavar="DIR", help="write what each pass of the compiler has made of the graph, as text"
    )


def run(args: argparse.Namespace) -> int:
    """Compile a model; 0 when that was all or the check agrees, 1 when it does not."""
    _refuse_places(args)
    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        return _run(args, args.output if args.output and not args.package else Path(folder))


def _refuse_places(args: argparse.Namespace) -> None:
    """ValueError where nothing can go to the places that were given."""
    if not (args.output or args.prefix):
        raise ValueError("nowhere to write to: give a folder with -o, a place to install to with --prefix, or both")
    if args.prefix and TARGETS[args.target].product == "wasm":
        raise ValueError("--prefix is for libraries that programs link to, and a WebAssembly module is none: use -o")
    if args.package and not args.output:
        raise ValueError("--package writes a folder: say which with -o")
    if args.package and TARGETS[args.target].product != "archive":
        known = ", ".join(name for name, target in TARGETS.items() if target.product == "archive")
        raise ValueError(f"--package is for microcontrollers: give one of them with --target ({known})")


def _run(args: argparse.Namespace, folder: Path) -> int:
    """Compile a model into a folder, and install it from there."""
    from undin.compiler.ir.reader import read_graph
    from undin.compiler.pipeline import translate
    from undin.compiler.toolchain.build import build, unit_of
    from undin.compiler.toolchain.install import install
    from undin.compiler.toolchain.package import package
    from undin.model.loading import WEIGHTS, models

    path = WEIGHTS / f"{args.model}.onnx" if args.model in models() else Path(args.model)
    said = given.given_by(args)
    graph, watch = read_graph(path, said), _writer(args.passes) if args.passes else lambda name, result: None
    frames, quantized = [], []
    if args.int8 is None:
        source = translate(graph, watch=watch)
    else:
        from undin.compiler.passes.quantize import frames_of, quantize

        frames = frames_of(args.int8, graph)

        def mark(graph: "Graph") -> None:
            quantized.append(quantize(graph, frames, first_and_last=args.int8_ends))

        source = translate(graph, mark=mark, watch=watch)
    target = TARGETS[args.target]
    product = build(source, folder, target=target)
    if args.package:
        if not source.is_model:
            raise ValueError(f"{args.model}: --package is for models of undin, and this one has no streams")
        manifest = package(product, args.output, kind=args.package, unit=unit_of(source), target=target)
        print(f"{manifest}: {graph.name} as a component, for {args.target} and others")
    elif args.output:
        print(f"{product}: {graph.name} for {args.target}")
    if args.prefix:
        print(f"{install(product, args.prefix, model=source.prefix, target=target)}: {graph.name} for {args.target}")
    if source.state_bytes:
        print(f"state: {', '.join(f'{old} from {new}' for new, old in graph.states.items())}")
    if graph.narrowed:
        print(f"computed in float32: what the file has in {' and '.join(graph.narrowed)}")
    print(_table(graph, source, product))
    status = 0
    if quantized:
        status = _tell_of_integers(graph, source, product, quantized[0], frames, args)
    if args.check and not quantized:
        status = _check(path, source, product, said, target=args.target)
    return status


def _writer(folder: Path) -> "Watcher":
    """What writes the graph and the program after each pass into a folder, and sees that they keep their rules."""
    from undin.compiler.ir.check import check

    folder.mkdir(parents=True, exist_ok=True)
    numbers = itertools.count()

    def write(name: str, result: "Graph | Program") -> None:
        (folder / f"{next(numbers)}-{name}.txt").write_text(f"{result}\n", encoding="utf-8")
        check(name, result)

    return write


def _table(graph: "Graph", source: "Source", product: Path) -> str:
    """Memory, bytes: of the model by itself, then of streams, whose memory holds state and arena."""
    from undin.compiler.emit import hop
    from undin.compiler.pipeline import metadata_of
    from undin.compiler.toolchain.sizes import flash_and_ram_bytes

    metadata = metadata_of(graph)
    if metadata is not None:
        state, others = hop.state_bytes(metadata), 0
        arena = hop.arena_bytes(metadata, network_arena_bytes=source.arena_bytes)
    else:
        states = {*graph.states, *graph.states.values()}
        state = source.state_bytes
        others = sum(_bytes(value) for value in (*graph.inputs, *graph.outputs) if value.name not in states)
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
    if metadata is not None:
        rows |= _stream_rows(metadata, state_bytes=state, arena_bytes=arena)
    return "\n".join(f"{name:<24} {size:>12,} bytes" for name, size in rows.items() if size)


def _stream_rows(metadata: "Metadata", *, state_bytes: int, arena_bytes: int) -> dict[str, int]:
    """Memory of streams on a model, as undin.h tells it on this machine, bytes."""
    from undin.engines.engine import PROCESS_HOPS, RESET, CModel
    from undin.engines.native import stream_functions

    model = CModel.describe(metadata, RESET(), PROCESS_HOPS(), state_bytes=state_bytes, arena_bytes=arena_bytes)
    streams = ((metadata.sample_rate, 1, "mono"), (48_000, 2, "stereo"))
    return {
        f"stream, {sample_rate / 1000:g} kHz {channels}": stream_functions().bytes(model, sample_rate, count)
        for sample_rate, count, channels in streams
    }


def _bytes(value: "Value") -> int:
    return value.dtype.itemsize * math.prod(value.shape)


@contextmanager
def _on_this_machine(source: "Source", product: Path, *, target: str) -> Iterator[Path]:
    """The product, or one that is built again for this machine."""
    from undin.compiler.toolchain.build import build

    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        yield product if target == "native" else build(source, Path(folder), with_stream=False)


def _tell_of_integers(
    graph: "Graph",
    source: "Source",
    product: Path,
    quantized: "Quantized",
    frames: list["Frame"],
    args: argparse.Namespace,
) -> int:
    """Say what stayed in floats, and what integers cost; with --check, 1 where that is too much."""
    from undin.compiler.passes.quantize import signal_to_noise_db
    from undin.compiler.passes.quantize.frames import Runs
    from undin.compiler.session import load_step

    in_floats = [f"\n    {name}: {reason}" for name, reason in quantized.in_floats.items()]
    print(f"in integers, but for {''.join(in_floats) or 'no layer'}")
    with _on_this_machine(source, product, target=args.target) as library:
        step = load_step(library, f"{source.prefix}_run", graph, arena_bytes=source.arena_bytes)
        integers = Runs(step, graph, quantized.floats.begins)
        ratios_db = signal_to_noise_db(integers, quantized.floats, frames)
    for name, ratio_db in ratios_db.items():
        print(f"{name} over {len(frames)} frames: {ratio_db:.1f} dB above the noise of integers")
    low = [name for name, ratio_db in ratios_db.items() if ratio_db < MIN_SIGNAL_TO_NOISE_DB]
    if args.check and low:
        print_error(f"{low[0]} of {graph.name} is less than {MIN_SIGNAL_TO_NOISE_DB} dB above the noise of integers")
    return int(args.check and bool(low))


def _check(path: Path, source: "Source", product: Path, said: "Given", *, target: str) -> int:
    """Hold the C against ONNX Runtime; code for another machine is built again for this one."""
    from undin.compiler.verify import verify

    with _on_this_machine(source, product, target=target) as library:
        report = verify(path, source, library, given=said)
    if report.output is None:
        result = f"to {report.error:.1e} of full scale"
        if report.rounded:
            result = f"but for {100 * report.rounded:.2g} % of values, where integers were rounded to the next step"
        print(f"check on this machine: {report.frames} frames as in ONNX Runtime, {result}")
        return 0
    print_error(f"{_sentence(report.output)}; {_culprit(report)}")
    return 1


def _sentence(difference: "Difference") -> str:
    return (
        f"{difference.tensor} {difference.shape} differs from ONNX Runtime in frame {difference.frame}, "
        f"by {difference.error:.1e} of its largest value"
    )


def _culprit(report: "Verification") -> str:
    if report.tensor is None:
        return "no tensor does as long as each is kept, so what joins steps or lets them share memory is at fault"
    return f"of all tensors inside, {_sentence(report.tensor)}"
