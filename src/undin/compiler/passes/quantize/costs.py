"""How much faster a product is in integers than in floats: a table that ``benchmarks/int8_products.py`` has measured.

It ships, and nothing is measured where a network is compiled: so a network is the same on every machine, and what it
computes the same on every processor.
"""

import csv
from functools import cache
from math import log, prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import GATES
from undin.compiler.lower.int8_fits import by_group, is_depthwise

TABLE = Path(__file__).with_name("costs.csv")


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
    """Why a product had better stay in floats; None where integers are as fast or faster."""
    speed = times_as_fast(shape_of(node, bits))
    return None if speed >= 1 else f"it is so small that integers would run {speed:.2f} times as fast"


def shape_of(node: Node, bits: int) -> Shape:
    """What the table calls a product."""
    x, w, y = node.inputs[0].shape, node.inputs[1].shape, node.outputs[0]
    if node.operator in GATES:
        return Shape("GRU", bits, x[1], node.inputs[2].shape[-1], x[-1])
    if node.operator == "MatMul":
        is_band_mix = len(w) == 3
        return Shape("band mix" if is_band_mix else "MatMul", bits, w[0] if is_band_mix else prod(x[:-1]), w[-1], w[-2])
    if is_depthwise(node):
        return Shape("depthwise", bits, y.size // w[0], w[0], prod(w[2:]))
    _, depth, columns, *kernel = by_group(node, np.empty(w, np.bool_)).shape
    if node.operator == "ConvTranspose":  # an input position makes as many outputs as the stride is long
        return Shape("MatMul", bits, prod(x[2:]), columns * prod(kernel), depth)
    return Shape("MatMul", bits, prod(y.shape[2:]), columns, depth * prod(kernel))


def times_as_fast(shape: Shape) -> float:
    """The mean over instructions, of the nearest shape in the table."""
    alike = {known: speed for known, speed in table().items() if known[:2] == shape[:2]}

    def distance(known: Shape) -> float:
        return sum(log(ours / its) ** 2 for ours, its in zip(shape[2:], known[2:], strict=True))

    return alike[min(alike, key=distance)]


@cache
def table() -> dict[Shape, float]:
    """Speed in integers over that in floats, the geometric mean over instructions, by shape."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    fields = len(Shape._fields)
    return {
        Shape(row[0], *map(int, row[1:fields])): float(np.exp(np.mean(np.log([*map(float, row[fields:])]))))
        for row in rows
    }
