"""Weights, biases and activations of GRU, LSTM and RNN, as the kernels of ``c/undin_recurrent.h`` want them."""

from dataclasses import dataclass

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported
from undin.compiler.ir.program import literal
from undin.compiler.ir.views import View
from undin.compiler.lower.calls import pack
from undin.compiler.lower.lowering import Lowering

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
DEFAULTS = {"GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "RNN": ["Tanh"]}
ACTIVATIONS = {  # name: (enumerator, default alpha, default beta)
    "Relu": ("UNDIN_RELU", 0.0, 0.0),
    "LeakyRelu": ("UNDIN_LEAKY_RELU", 0.01, 0.0),
    "ThresholdedRelu": ("UNDIN_THRESHOLDED_RELU", 1.0, 0.0),
    "Tanh": ("UNDIN_TANH", 0.0, 0.0),
    "ScaledTanh": ("UNDIN_SCALED_TANH", 1.0, 1.0),
    "Sigmoid": ("UNDIN_SIGMOID", 0.0, 0.0),
    "HardSigmoid": ("UNDIN_HARD_SIGMOID", 0.2, 0.5),
    "Elu": ("UNDIN_ELU", 1.0, 0.0),
    "Softsign": ("UNDIN_SOFTSIGN", 0.0, 0.0),
    "Softplus": ("UNDIN_SOFTPLUS", 0.0, 0.0),
    "Affine": ("UNDIN_AFFINE", 1.0, 0.0),
}


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


def _activations(node: Node, direction: int) -> str:
    if node.get("input_forget"):
        raise Unsupported(node, "input_forget couples its gates")
    defaults = DEFAULTS[node.operator]
    names = (node.get("activations") or defaults * 2)[direction * len(defaults) :][: len(defaults)]
    if unknown := [name for name in names if name not in ACTIVATIONS]:
        raise Unsupported(node, f"unknown activation {unknown[0]}")
    values = {"alpha": [], "beta": []}
    for i, name in enumerate(names):
        for j, key in enumerate(values):
            given = node.get(f"activation_{key}") or []
            at = direction * len(defaults) + i
            default = ACTIVATIONS[name][1 + j]
            values[key].append(literal(given[at] if at < len(given) else default, np.dtype(np.float32)))
    fields = ", ".join(ACTIVATIONS[name][0] for name in names)
    fields = f".activation = {{{fields}}}"
    fields += "".join(f", .{key} = {{{', '.join(numbers)}}}" for key, numbers in values.items())
    if node.get("clip"):
        fields += f", .clip = {literal(node.get('clip'), np.dtype(np.float32))}"
    return fields
