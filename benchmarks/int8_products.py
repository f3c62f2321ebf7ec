"""Which products integers slow down: measures them beside the same in floats and writes the table that decides.

Each is a network of one product, many times over, with the rounding of what it reads, once for every variant of x86-64
but the oldest; where the machine lacks AVX-VNNI, by the codes that AVX-512 has for the same instructions. Two minutes
of one core. Usage, from the repository's root::

    python benchmarks/int8_products.py [OPERATOR ...]
"""

import argparse
import csv
import ctypes
import itertools
import re
import tempfile
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from undin.bench.loops import Call, Loops, same_each_time
from undin.bench.measure import BLOCK, take_turns
from undin.bench.memory import StepMemory
from undin.bench.priority import real_time_priority
from undin.compiler.emit.source import REPRODUCIBLE, Source
from undin.compiler.ir.graph import Graph, Node, Value
from undin.compiler.ir.operators import Quantization
from undin.compiler.passes.quantize.costs import TABLE, Shape, table
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import instructions
from undin.compiler.toolchain.targets import TARGETS, X86_VARIANTS, Variant
from undin.engines.native import aligned
from undin.io.files import replacing

WEIGHTS = 1 << 16
"""Of all products of a network: 256 kB in floats, which a second cache holds as it does those of undin's models."""

MOST = 16
"""Products of a network."""

SECONDS = 0.06
"""Of a pair."""

PREFIX = "undin_products"

VNNI = Variant("_avxvnni", ("avx2", "fma", "avx512f", "avx512bw", "avx512vl"), ("avx512vnni",), in_floats="_avx2")
"""256 bits of AVX-512, with -DUNDIN_LANES=8."""

SHAPES = (
    *(
        Shape("MatMul", bits, *sizes)
        for bits in (8, 16)
        for sizes in itertools.product((1, 8, 64), (4, 16, 64), (8, 32, 128))
    ),
    *(Shape("GRU", 8, rows, units, units) for rows in (1, 16) for units in (8, 16, 32, 96)),
    *(Shape("band mix", 8, channels, bands, bands) for channels in (4, 16, 64) for bands in (16, 32, 64)),
    *(
        Shape("depthwise", 8, rows, channels, taps)
        for rows, channels in ((1, 16), (8, 64), (64, 64))
        for taps in (3, 9)
    ),
)

Calls = dict[Shape, Call]


def main() -> None:
    """Measure all, or some operators again, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operators", nargs="*", metavar="OPERATOR", help="default: all of the table")
    asked = parser.parse_args().operators
    shapes = [shape for shape in SHAPES if not asked or shape.operator in asked]
    variants, loops = [here(variant) for variant in X86_VARIANTS if variant.features], Loops([3])
    ratios: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    for variant in variants:
        floats, integers = (compiled(shapes, variant, in_integers=in_integers) for in_integers in (False, True))
        for shape, found in ratios.items():
            blocks = {
                "floats": partial(loops.time_us, floats[shape], BLOCK),
                "integers": partial(loops.time_us, integers[shape], BLOCK),
            }
            with real_time_priority():
                times = take_turns(blocks, seconds=SECONDS)
            of_floats, of_integers = (np.median(times[kind], axis=1) for kind in blocks)
            found.append(float(np.median(of_floats / of_integers)))
            print(variant.suffix[1:], *shape, f"{found[-1]:.2f}", flush=True)
    kept = {shape: speeds for shape, speeds in table().items() if shape not in ratios} if asked else {}
    ratios = {shape: (kept | ratios)[shape] for shape in SHAPES}
    with replacing(TABLE) as partial_table, partial_table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow((*Shape._fields, *(variant.suffix[1:] for variant in variants)))
        rows.writerows((*shape, *(f"{ratio:.2f}" for ratio in found)) for shape, found in ratios.items())


def here(variant: Variant) -> Variant:
    """A variant as this machine can run it."""
    if missing := {*variant.features, *variant.for_integers} - instructions():
        if missing == {"avxvnni"}:
            return VNNI
        raise SystemExit(f"this machine has no {missing.pop()}: take one that has all")
    return variant


def compiled(shapes: list[Shape], variant: Variant, *, in_integers: bool) -> Calls:
    """The networks of all shapes in one library, since compilers take most of their time for headers."""

    def mark(graph: Graph) -> None:
        for node in graph.nodes:
            if node.operator in ("MatMul", "GRU", "Conv"):
                bits = int(graph.name.split("_")[-4])
                node.attributes["quantization"] = Quantization((1 / 32,), 3 if bits == 8 else 0, bits)

    graphs = {shape: network(shape) for shape in shapes}
    memories = {shape: StepMemory(graph, 1) for shape, graph in graphs.items()}
    sources = {shape: translate(graph, mark=mark if in_integers else None) for shape, graph in graphs.items()}
    native = TARGETS["native"]
    flags = (*native.flags, "-DUNDIN_LANES=8") if variant is VNNI else native.flags
    target = replace(native, variants=(replace(variant, suffix="", in_floats=None),), flags=flags)
    with tempfile.TemporaryDirectory() as folder:
        library = ctypes.CDLL(str(build(together([*sources.values()]), Path(folder), target=target)))
    calls = {}
    for shape, source in sources.items():
        arena = aligned(source.arena_bytes)
        arguments = np.concatenate((memories[shape].arguments, same_each_time(arena)))
        arguments[:, 2] = 0  # all calls read the same numbers, which lie in the caches as what a layer has just made
        calls[shape] = Call(library[f"{source.prefix}_run"], arguments, [memories[shape], arena])
    return calls


def together(sources: list[Source]) -> Source:
    """Several networks as one file of C, where no two functions may have the same name; what is in floats computes the
    same bits everywhere, as it does in a network in integers."""
    files = {".h": "", ".c": REPRODUCIBLE, "_weights.c": ""}
    for source in sources:
        for end in files:
            text = source.files[f"{source.prefix}{end}"]
            for name in re.findall(r"^static void (\w+)\(", text, re.MULTILINE):
                text = re.sub(rf"\b{name}\b", f"{source.prefix}_{name}", text)
            files[end] += f"#undef UNDIN_PUBLIC\n{text}"
    named = {f"{PREFIX}{end}": text for end, text in files.items()}
    headers = {f"{source.prefix}.h": source.files[f"{source.prefix}.h"] for source in sources}
    return replace(sources[0], prefix=PREFIX, files=headers | named, in_integers=True)


def network(shape: Shape) -> Graph:
    """Products of one shape side by side, each with an input and weights of its own."""
    generator = np.random.default_rng(0)
    operator, _, rows, columns, depth = shape
    given, *weights = {
        "MatMul": ((rows, depth), (depth, columns)),
        "GRU": ((1, rows, depth), (1, 3 * columns, depth), (1, 3 * columns, columns)),
        "band mix": ((rows, 1, depth), (rows, depth, columns)),
        "depthwise": ((rows + depth - 1, columns), (columns, 1, depth)),
    }[operator]
    count = max(1, min(MOST, WEIGHTS // sum(map(prod, weights))))
    x = Value("x", (count, *given), np.dtype(np.float32))
    graph = Graph("_".join(map(str, shape)).replace(" ", "_"), [x], [], [])

    def made(operator: str, inputs: list[Value], sizes: tuple[int, ...], **attributes: object) -> Value:
        value = Value(f"value {len(graph.nodes)}", sizes, x.dtype)
        graph.nodes.append(Node(operator, f"node {len(graph.nodes)}", inputs, [value], attributes))
        return value

    def number(*numbers: int) -> Value:
        return Value.of(f"numbers of {len(graph.nodes)}", np.array(numbers))

    parts = []
    for index in range(count):
        one = made("Slice", [x, number(index), number(index + 1), number(0)], (1, *given))
        read = made("Reshape", [one, number(*given)], given)
        constants = [
            Value.of(f"weights {index} {which}", generator.normal(0, 0.1, sizes).astype(np.float32))
            for which, sizes in enumerate(weights)
        ]
        if operator == "GRU":
            sizes = (1, 1, rows, columns)
            parts.append(made("GRU", [read, *constants], sizes, hidden_size=columns, linear_before_reset=1))
        elif operator == "depthwise":  # (N, C) as (1, C, N), and back
            seen = made("Transpose", [one], (1, columns, given[0]), perm=[0, 2, 1])
            swept = made("Conv", [seen, *constants], (1, columns, rows), group=columns)
            parts.append(made("Transpose", [swept], (1, rows, columns), perm=[0, 2, 1]))
        else:
            parts.append(made("MatMul", [read, *constants], (*given[:-1], columns)))
    length, *others = parts[0].shape
    graph.outputs.append(made("Concat", parts, (count * length, *others), axis=0))
    return graph


if __name__ == "__main__":
    main()
