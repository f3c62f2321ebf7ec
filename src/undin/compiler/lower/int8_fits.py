"""Which products have a kernel in integers: what ``int8`` and ``int8_cells`` can lower."""

import math

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import CELL_ACTIVATIONS, GATES
from undin.compiler.lower.calls import MAX_TAPS


def hindrance(node: Node) -> str | None:
    """Why there is no kernel in integers for a product or a cell; None where there is one."""
    if node.operator == "RNN":
        return "there is no RNN in integers"
    if any(value is not None and value.dtype != np.float32 for value in node.outputs):
        return "it is no product of floats"
    is_constant = [node.input(index) is not None and node.inputs[index].constant is not None for index in (1, 2)]
    if node.operator in GATES:
        return _hindrance_of_cell(node) if all(is_constant) else "its weights are computed"
    if node.inputs[0].constant is not None or not is_constant[0]:
        return "its weights are computed"
    if node.operator == "MatMul":
        a, b, bias = node.inputs[0], node.inputs[1], node.input(2)
        has_row = bias is None or (bias.constant is not None and bias.size in (1, b.shape[-1]))
        is_band_mix = len(b.shape) == len(a.shape) == 3 and a.shape[:2] == (b.shape[0], 1)
        fits = (len(b.shape) == 2 and len(a.shape) >= 2 and has_row) or is_band_mix
        return None if fits else f"products of {a.shape} and {b.shape} have no kernel in integers"
    if node.get("group", 1) != 1:
        return f"it has {node.get('group')} groups"
    if node.get("auto_pad", "NOTSET") != "NOTSET":
        return "its padding is automatic"
    taps = _most_taps(node)
    return None if taps <= MAX_TAPS else f"its kernel has {taps} parts, and one in integers takes {MAX_TAPS}"


def _most_taps(node: Node) -> int:
    """Parts of the kernel of a convolution whose inputs lie apart in memory; neighbours along the last axis do not."""
    kernel = node.inputs[1].shape[2:]
    if node.operator == "ConvTranspose":  # of outputs a stride apart
        strides = node.get("strides", [1] * len(kernel))
        kernel = tuple(-(-length // stride) for length, stride in zip(kernel, strides, strict=True))
    are_neighbours = node.get("dilations", [1] * len(kernel))[-1] == 1
    return math.prod(kernel[:-1] if are_neighbours else kernel)


def has_wide_kernel(node: Node) -> bool:
    """Whether there is a kernel for integers of 16 bits too, for a node that has one for 8."""
    return node.operator in ("Conv", "ConvTranspose") or (node.operator == "MatMul" and len(node.inputs[1].shape) == 2)


def _hindrance_of_cell(node: Node) -> str | None:
    usual = list(CELL_ACTIVATIONS[node.operator])
    hindrances = {
        "it runs over several steps": node.inputs[0].shape[0] != 1 or bool(node.get("layout")),
        "it runs backwards too": node.get("direction", "forward") != "forward",
        "its activations are not the usual ones": node.get("activations", usual) != usual,
        "its reset gate acts before the product": node.operator == "GRU" and node.get("linear_before_reset", 0) != 1,
        "it clips": bool(node.get("clip")),
        "its gates are coupled": bool(node.get("input_forget")),
        "it has peepholes": node.input(7) is not None,
    }
    return next((reason for reason, hinders in hindrances.items() if hinders), None)


def weights_by_channel(node: Node) -> np.ndarray | None:
    """Constant weights as (channels, …, columns); None where each channel has columns of its own."""
    weights = node.inputs[1].constant
    if node.operator == "MatMul":
        return None if weights.ndim == 3 else weights
    if node.operator == "ConvTranspose":
        return np.moveaxis(weights, 1, -1)
    return weights[0].transpose() if node.operator in GATES else np.moveaxis(weights, 0, -1)
