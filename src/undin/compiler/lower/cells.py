"""Weights, biases and activations of GRU, LSTM and RNN, as the kernels of ``c/kernels/undin_recurrent.h`` want them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported
from undin.compiler.ir.operators import ACTIVATIONS, CELL_ACTIVATIONS, GATES, Activation
from undin.compiler.ir.program import literal
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import pack
from undin.compiler.lower.lowering import Lowering


@dataclass(frozen=True)
class Cell:
    """What one direction needs.

    Attributes
    ----------
    w, r, bias : View
        Packed (inputs, gates, padded), (hidden, gates, padded) and (gates, padded).
    reset_bias, peephole : View, optional
    fields : str
        What the shape of the kernel says about activations.
    backward : bool
        Whether it begins with the last step.
    """

    w: View
    r: View
    bias: View
    reset_bias: View | None
    peephole: View | None
    fields: str
    backward: bool


def cells_of(lowering: Lowering, node: Node, hidden: int) -> list[Cell]:
    """The cell of each direction, its weights packed as the kernels want them."""
    operator, gates = node.operator, GATES[node.operator]
    w_all, r_all, b_all, p_all = (node.constant(i) for i in (1, 2, 3, 7))
    first_reset = operator == "GRU" and not node.get("linear_before_reset", 0)
    cells = []
    for direction in range(len(w_all)):

        def rows(weights: np.ndarray) -> np.ndarray:  # (gates · H, K) → (K, gates, padded)
            return pack(weights.reshape(gates, hidden, -1).transpose(2, 0, 1))

        halves = np.zeros((2, gates, hidden), np.float32)
        if b_all is not None:
            halves = b_all[direction].reshape(2, gates, hidden)
        reset_bias, bias = None, halves.sum(0)
        if operator == "GRU" and not first_reset:
            bias[2], reset_bias = halves[0, 2], lowering.constant(pack(halves[1, 2]), f"{node.name} reset bias")
        peephole = None
        if p_all is not None:
            peephole = lowering.constant(pack(p_all[direction].reshape(3, hidden)), f"{node.name} peepholes")
        cells.append(
            Cell(
                w=lowering.constant(rows(w_all[direction]), f"{node.name} input weights"),
                r=lowering.constant(rows(r_all[direction]), f"{node.name} recurrent weights"),
                bias=lowering.constant(pack(bias), f"{node.name} bias"),
                reset_bias=reset_bias,
                peephole=peephole,
                fields=_activations(node, direction),
                backward=node.get("direction", "forward") == "reverse" or direction == 1,
            )
        )
    return cells


def activations_of(node: Node) -> list[Activation]:
    """The activations of all directions, one after the other."""
    names = node.get("activations") or CELL_ACTIVATIONS[node.operator] * 2
    if unknown := [name for name in names if name not in ACTIVATIONS]:
        raise Unsupported(node, f"unknown activation {unknown[0]}")
    # Constants stand in a row, and each activation takes those that it has.
    alphas, betas = (iter(node.get(f"activation_{name}") or ()) for name in ("alpha", "beta"))
    found = []
    for name in names:
        known = ACTIVATIONS[name]
        if name in WITHOUT_DEFAULTS:
            known = replace(known, alpha=0.0, beta=None if known.beta is None else 0.0)
        found.append(replace(known, alpha=_next(alphas, known.alpha), beta=_next(betas, known.beta)))
    return found


WITHOUT_DEFAULTS = ("Affine", "ScaledTanh", "ThresholdedRelu")
"""Activations whose constants are 0 in cells that do not name them, as in ONNX Runtime.

ONNX names no default for two of them, and for ThresholdedRelu that of the operator, 1."""


def _next(given: Iterator[float], default: float | None) -> float | None:
    """A constant of an activation, if it has one: the next that is given, else its default."""
    return None if default is None else next(given, default)


def _activations(node: Node, direction: int) -> str:
    """What the shape of a kernel says about the activations of one direction."""
    count = len(CELL_ACTIVATIONS[node.operator])
    found = activations_of(node)[direction * count :][:count]
    fields = f".activation = {{{', '.join(activation.enumerator for activation in found)}}}"
    for key in ("alpha", "beta"):
        values = (getattr(activation, key) or 0.0 for activation in found)
        fields += f", .{key} = {{{', '.join(literal(value, np.dtype(np.float32)) for value in values)}}}"
    if node.get("clip"):
        fields += f", .clip = {literal(node.get('clip'), np.dtype(np.float32))}"
    return fields
