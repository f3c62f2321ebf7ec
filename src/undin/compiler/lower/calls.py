"""Calls of kernels: packed weights, and the text of arguments and of the structures that give sizes."""

from collections.abc import Mapping

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import IDENTITY
from undin.compiler.ir.program import literal

MAX_TAPS = 32
"""Of one call, as UNDIN_TAPS_MAX; more go on adding to the same output."""


def padded(columns: int) -> int:
    """Columns that may be read: a multiple of 4."""
    return -(-columns // 4) * 4


def row_padded(columns: int) -> int:
    """Floats of a row of packed weights, as UNDIN_ROW_PADDED."""
    return padded(columns) if columns < 32 else -(-columns // 8) * 8


def pack(weights: np.ndarray) -> np.ndarray:
    """Pad the last axis with zeros, as rows of weights are."""
    missing = row_padded(weights.shape[-1]) - weights.shape[-1]
    return np.pad(weights.astype(np.float32), [(0, 0)] * (weights.ndim - 1) + [(0, missing)])


def activation_fields(node: Node) -> dict[str, str]:
    """What the shape of a kernel says about the activation that ``rewrite`` may have given a product."""
    activation = node.get("activation", IDENTITY)
    numbers = {"alpha": activation.alpha, "beta": activation.beta}
    given = {name: literal(number, np.dtype(np.float32)) for name, number in numbers.items() if number}
    return {"activation": activation.enumerator} | given


def fields(sizes: Mapping[str, object]) -> str:
    """Fields of a structure in C."""
    return ", ".join(f".{name} = {value}" for name, value in sizes.items())


def address(pointer: str, constant: int, terms: list[tuple[str, int]]) -> str:
    """A pointer and what is added to it."""
    parts = [pointer, *([str(constant)] if constant else []), *(f"{name} * {step}" for name, step in terms if step)]
    return " + ".join(parts).replace("+ -", "- ")
