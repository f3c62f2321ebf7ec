"""How much faster a product is in integers than in floats: a table that ``benchmarks/int8_products.py`` has measured.

It ships, and nothing is measured where a network is compiled: so a network is the same on every machine, and what it
computes the same on every processor.
"""

import csv
from functools import cache
from math import log, prod
from pathlib import Path
from statistics import geometric_mean
from typing import NamedTuple

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import GATES
from undin.compiler.lower.int8_fits import is_band_mix, is_depthwise

TABLE = Path(__file__).with_name("costs.csv")

MIN_SPEED = 0.9
"""Of integers beside floats, below which floats are worth four times the memory for weights; two measurements differ by
less than the rest."""


class Shape(NamedTuple):
    """A product as the table knows it.

    Attributes
    ----------
    operator : {"MatMul", "GRU", "band mix", "depthwise"}
        Every product without a kernel of its own is a MatMul, every cell a GRU.
    bits : {8, 16}
    rows, columns, depth : int
        Of a cell, columns are units and depth is that of its input; where bands are mixed, rows are channels; of a
        depthwise convolution, columns are channels and depth is that of its kernel.
    """

    operator: str
    bits: int
    rows: int
    columns: int
    depth: int


def slowness(node: Node, bits: int) -> str | None:
    """Why a product had better stay in floats; None where integers are as fast, or nearly."""
    speed = times_as_fast(shape_of(node, bits))
    return None if speed >= MIN_SPEED else f"integers would run it at {speed:.2f} of the speed of floats"


def shape_of(node: Node, bits: int) -> Shape:
    """What the table calls a product."""
    x, w, y = node.inputs[0], node.inputs[1], node.outputs[0]
    if node.operator in GATES:
        return Shape("GRU", bits, x.shape[1], node.inputs[2].shape[-1], x.shape[-1])
    if is_band_mix(node):
        channels, depth, columns = w.shape
        return Shape("band mix", bits, channels, columns, depth)
    if node.operator == "MatMul":
        depth, columns = w.shape
        return Shape("MatMul", bits, x.size // depth, columns, depth)
    positions = (x.size // x.shape[1]) if node.operator == "ConvTranspose" else (y.size // y.shape[1])
    taps = prod(w.shape[2:])
    if is_depthwise(node):
        return Shape("depthwise", bits, positions, w.shape[0], taps)
    if node.operator == "ConvTranspose":  # an input position makes as many outputs as the kernel is long
        return Shape("MatMul", bits, positions, w.shape[1] * taps, x.shape[1] // node.get("group", 1))
    return Shape("MatMul", bits, positions, y.shape[1] // node.get("group", 1), w.shape[1] * taps)


def times_as_fast(shape: Shape) -> float:
    """The geometric mean over instructions, of the nearest shape in the table."""
    alike = {known: speeds for known, speeds in table().items() if known[:2] == shape[:2]}

    def distance(known: Shape) -> float:
        return sum(log(ours / its) ** 2 for ours, its in zip(shape[2:], known[2:], strict=True))

    return geometric_mean(alike[min(alike, key=distance)])


@cache
def table() -> dict[Shape, list[float]]:
    """Speeds in integers over those in floats, one for each kind of instructions, by shape."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    fields = len(Shape._fields)
    return {Shape(row[0], *map(int, row[1:fields])): [*map(float, row[fields:])] for row in rows}
