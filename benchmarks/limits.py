"""What share of the peak a network of undin can reach at most on vectors of 8 floats, by counting: prints a table.

Counted are what fills no lane, the instructions of the gates' activations, the weights that no two multiplications
share, and where tiles begin and end. All else, bands, norms, masks, is left out, so that no code reaches these numbers.
Usage, from the repository's root::

    python benchmarks/limits.py
"""

from collections.abc import Iterator
from math import ceil, prod

from undin.bench.macs import COUNTS
from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import GATES
from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import simplify
from undin.model.loading import find

LANES = 8
FMAS = 2
"""Of a cycle: vectors that are multiplied and added."""

SIGMOID, TANH = (10 + 5) / FMAS, (11 + 5) / FMAS
"""Cycles of a vector: instructions that only the multipliers have, and five cycles in which one of them divides."""

BYTES = 32
"""Of weights that come from the second cache to the first in a cycle, at most."""

SUMS, ENDS = 12, 25
"""Vectors of sums in a tile, and cycles in which it begins and ends and multiplies nothing. Tiles of 6 rows by 2
vectors took 80, 113, 221 and 431 cycles with depths of 8, 16, 32 and 64, of which 48, 96, 192 and 384 multiply."""

ABOUT = f"""\
What AVX2 allows at most, counted by `benchmarks/limits.py` and not measured: in a cycle {FMAS} vectors of {LANES}
floats are multiplied and added, and two are loaded.

- Lanes: a layer of 10 channels fills 10 lanes of 16, one of 75 fills 75 of 80.
- Gates: a vector of sigmoids takes both multipliers {SIGMOID:g} cycles, a division among them, one of tanh {TANH:g}.
- Mixing of bands uses each weight once, and {BYTES} bytes a cycle come from the second cache: half of the peak at most,
  however its loops are arranged. What does not fit there, as the 1.8 MB of undin-base in 1 MB, comes slower.
- Tiles of 6 rows by 2 vectors, or 4 by 3, make 12 multiplications of 8 or 7 loads, 6 cycles of 4: where many rows share
  the weights, loads bound nothing. One row has a load for each multiplication. The first cache could feed that, but
  weights that are used once come from further away: a GRU of 10 MB runs as fast as the third cache is read.
- Each tile begins and ends: bias, activation, stores, and no multiplications meanwhile, {ENDS} cycles of it at least. A
  convolution with a depth of 96 reaches 96 % with that, and one with a depth of 30, as in undin-nano, 88 %.
"""


def columns_of(node: Node) -> int:
    """What lies side by side in vectors."""
    if node.operator == "Conv":
        return node.outputs[0].shape[1] // node.get("group", 1)
    if node.operator == "ConvTranspose":  # all positions up to the next input
        return node.outputs[0].shape[1] * (node.get("strides") or [1])[-1]
    if node.operator in GATES:
        return node.inputs[2].shape[-1]
    return node.inputs[1].shape[0] if is_band_mix(node) else node.outputs[0].shape[-1]


def is_band_mix(node: Node) -> bool:
    """Whether every channel has a matrix of its own."""
    return node.operator == "MatMul" and len(node.inputs[1].shape) == 3


def tiles(node: Node) -> float:
    """Of full height and width, as many as keep all sums of a product."""
    columns = columns_of(node)
    if node.operator == "GRU":
        steps, rows, _ = node.inputs[0].shape
        return steps * rows * 4 * ceil(columns / LANES) / SUMS  # the last gate's two parts have sums of their own
    return node.outputs[0].size / columns * ceil(columns / LANES) / SUMS


def cycles(node: Node) -> tuple[float, float, float, float]:
    """Of full vectors; more for empty lanes; for what is no product, or waits for weights; for ends of tiles."""
    columns, full = columns_of(node), COUNTS[node.operator](node) / LANES / FMAS
    filled = full * ceil(columns / LANES) * LANES / columns
    more = 0.0
    if node.operator == "GRU":
        steps, rows, _ = node.inputs[0].shape
        more = steps * rows * ceil(columns / LANES) * (2 * SIGMOID + TANH)
    elif is_band_mix(node):
        more = max(0.0, 4 * prod(node.inputs[1].shape) / BYTES - filled)
    return full, filled - full, more, ENDS * tiles(node)


def table() -> Iterator[str]:
    """Lines of the table."""
    yield "| model | of the peak at most | lost to empty lanes | to gates and weights | to ends of tiles |"
    yield "|---|---|---|---|---|"
    for name in ("undin-nano", "undin-tiny", "undin-small", "undin-base"):
        graph = read_graph(find(name))
        simplify(graph)
        parts = [cycles(node) for node in graph.nodes if node.operator in COUNTS]
        full, *lost = map(sum, zip(*parts, strict=True))
        whole = full + sum(lost)
        shares = (f"{100 * part / whole:.1f} %" for part in (full, *lost))
        yield f"| {name} | {' | '.join(shares)} |"


if __name__ == "__main__":
    print("\n".join(table()))
