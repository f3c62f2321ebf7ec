"""What several stages know of ONNX's operators, each thing in one table: views, products, cells, activations.

What passes tell `lower` about a product beside what ONNX knows, `Activation` and `Quantization`, is here as well. How
an operator is taken apart is in the tables of ``passes/decompose``, how it becomes C in those of ``lower``.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import overload

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.views import View

RESHAPES = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
"""Keep the elements in their order: the shape of the output says all."""

VIEWS = (*RESHAPES, "Transpose")
"""See every element of their input once, and compute nothing."""

PRODUCTS = ("Conv", "ConvTranspose", "MatMul")
"""Multiply by weights, and may apply an activation to what they have summed up."""

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
"""Recurrent cells, and how many products with weights make one of their units."""

CELL_ACTIVATIONS = {"GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "RNN": ("Tanh",)}
"""Of one direction of a cell that names none."""


@dataclass(frozen=True)
class Activation:
    """What becomes of single elements, in a loop, in a product or in a cell.

    Attributes
    ----------
    name : str
        In C, where ``undin_<name>(x, alpha, beta)`` computes it and ``UNDIN_<NAME>`` stands for it; undin_math.h says
        what it is.
    alpha, beta : float, optional
        Its constants, those that it has; in `ACTIVATIONS` what ONNX takes where a node names none.
    """

    name: str
    alpha: float | None = None
    beta: float | None = None

    @property
    def enumerator(self) -> str:
        """Of ``enum undin_activation``."""
        return f"UNDIN_{self.name.upper()}"

    def of(self, node: Node) -> "Activation":
        """The same with the constants that an ONNX node of this operator names."""
        named = {key: node.attributes[key] for key in ("alpha", "beta") if key in node.attributes}
        return replace(self, **named)


ACTIVATIONS = {
    "Relu": Activation("relu"),
    "LeakyRelu": Activation("leaky_relu", alpha=0.01),
    "ThresholdedRelu": Activation("thresholded_relu", alpha=1.0),
    "Elu": Activation("elu", alpha=1.0),
    "Sigmoid": Activation("sigmoid"),
    "HardSigmoid": Activation("hard_sigmoid", alpha=0.2, beta=0.5),
    "Tanh": Activation("tanh"),
    "ScaledTanh": Activation("scaled_tanh", alpha=1.0, beta=1.0),
    "Softsign": Activation("softsign"),
    "Softplus": Activation("softplus"),
    "Affine": Activation("affine", alpha=1.0, beta=0.0),
}
"""By their names as operators and as activations of cells."""

IDENTITY = Activation("identity")
CLIP = Activation("clip", alpha=-np.inf, beta=np.inf)
BOUNDED_RELU = Activation("bounded_relu", alpha=0.01, beta=-np.inf)
"""What else a product may do to its result: nothing, the Clip of ONNX, whose limits are inputs, LeakyRelu and Max."""


@dataclass(frozen=True)
class Quantization:
    """How a node reads its first input: as ``round(x / scale) + zero_point``.

    Attributes
    ----------
    scales : tuple of float
        One, or one for each channel: of the axis along which the weights lie.
    zero_point : int
        In [-128, 127]; 0 with 16 bits.
    bits : {8, 16}
    """

    scales: tuple[float, ...]
    zero_point: int = 0
    bits: int = 8


def permutation(transpose: Node) -> tuple[int, ...]:
    """The axes of a Transpose; reversed where it names none."""
    return tuple(transpose.get("perm") or reversed(range(len(transpose.inputs[0].shape))))


@overload
def seen_through(node: Node, x: np.ndarray) -> np.ndarray: ...
@overload
def seen_through(node: Node, x: View) -> View | None: ...
def seen_through(node: Node, x: View | np.ndarray) -> View | np.ndarray | None:
    """The output of one of the `VIEWS`, given where its input lies; None where strides cannot express it."""
    return x.transpose(permutation(node)) if node.operator == "Transpose" else x.reshape(node.outputs[0].shape)


@overload
def seen_back(node: Node, y: np.ndarray) -> np.ndarray: ...
@overload
def seen_back(node: Node, y: View) -> View | None: ...
def seen_back(node: Node, y: View | np.ndarray) -> View | np.ndarray | None:
    """The input of one of the `VIEWS`, given its output; None where strides cannot express it."""
    if node.operator == "Transpose":
        return y.transpose(tuple(np.argsort(permutation(node)).tolist()))
    return y.reshape(node.inputs[0].shape)


def axes_through(node: Node) -> list[int | None]:
    """For every axis of the output of one of the `VIEWS` the axis of its input that it is; None where it is none."""
    if node.operator == "Transpose":
        return list(permutation(node))
    # An axis remains where as many elements lie before it and in it.
    before, after = node.inputs[0].shape, node.outputs[0].shape
    places = {(prod(before[:axis]), length): axis for axis, length in enumerate(before) if length > 1}
    return [places.get((prod(after[:axis]), length)) for axis, length in enumerate(after)]
