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
    are_neighbours = node.get("dilations", [1] * len(kernel))[-1] == 1 and node.get("group", 1) == 1
    return math.prod(kernel[:-1] if are_neighbours else kernel)


def has_wide_kernel(node: Node) -> bool:
    """Whether there is a kernel for integers of 16 bits too, for a node that has one for 8."""
    return node.operator not in GATES and not is_in_lanes(node)


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


def is_depthwise(node: Node) -> bool:
    """Whether a convolution makes one channel of each, which no other meets."""
    if node.operator not in ("Conv", "ConvTranspose"):
        return False
    group, (channels, of_group) = node.get("group", 1), node.inputs[1].shape[:2]
    return group > 1 and channels == group and of_group == 1


def is_in_lanes(node: Node) -> bool:
    """Whether each channel has columns of its own."""
    return is_depthwise(node) or is_band_mix(node)


def is_band_mix(node: Node) -> bool:
    """Whether a product has a matrix for each channel; its kernel takes no weights whose zero is another number."""
    return node.operator == "MatMul" and len(node.inputs[1].shape) == 3


def by_group(node: Node, weights: np.ndarray) -> np.ndarray:
    """Weights of a convolution, of its shape in the file, as (group, in, out, kernel…)."""
    weights = weights.reshape(node.get("group", 1), -1, *weights.shape[1:])
    return weights if node.operator == "ConvTranspose" else weights.swapaxes(1, 2)


def weights_by_channel(node: Node) -> np.ndarray | None:
    """Constant weights as (channels, …, columns); None where each channel has columns of its own."""
    weights = node.inputs[1].constant
    if is_in_lanes(node):
        return None
    if node.operator == "MatMul":
        return weights
    if node.operator in GATES:
        return weights[0].transpose()
    grouped = np.moveaxis(by_group(node, weights), 2, -1)  # (group, in, kernel…, out)
    group, depth, *kernel, columns = grouped.shape
    found = np.zeros((group, depth, *kernel, group, columns), np.float32)
    for index in range(group):
        found[index, ..., index, :] = grouped[index]
    return found.reshape(group * depth, *kernel, group * columns)


def weights_by_column(node: Node) -> np.ndarray:
    """Constant weights as (depth, columns), where those of a column have one scale."""
    weights = node.inputs[1].constant
    if is_band_mix(node):  # (C, K, N): columns are channels
        return weights.reshape(len(weights), -1).transpose()
    if node.operator == "MatMul":
        return weights
    by_column = np.moveaxis(by_group(node, weights), (0, 2), (-2, -1))
    return by_column.reshape(-1, by_column.shape[-2] * by_column.shape[-1])
