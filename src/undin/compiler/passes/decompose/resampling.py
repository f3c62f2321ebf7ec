"""Resize: along each axis a product with a constant matrix, whatever the mode.

The matrix says where every new position lies among the old ones, in the float32 arithmetic of ONNX Runtime, so that
positions fall to the same side. Where it only repeats or leaves out positions, as the mode nearest does, it is a
gather.
"""

from collections.abc import Callable

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.sizes.reading import axes_in
from undin.compiler.ir.sizes.windows import resized
from undin.compiler.passes.decompose.builder import Builder

HALF = np.float32(0.5)
NEAR = 1e-6
"""How far from the middle between two positions ONNX Runtime still sees the middle."""

Form = Callable[[np.ndarray], np.ndarray]
"""The weight of an old position by its distance from a new one."""


def resize(make: Builder, node: Node) -> Value:
    """Axis by axis, and what lies outside of a cropped input."""
    value, rank = node.inputs[0], len(node.inputs[0].shape)
    is_old = make.opset < 11 or node.operator == "Upsample"
    if value.shape == node.outputs[0].shape:
        return value  # whatever the scales
    outside = np.zeros((1,) * rank, bool)
    for axis, (length, scale) in enumerate(resized(node, make.opset)):
        old = value.shape[axis]
        places = _places(node, axis, length, old, scale, is_old)
        matrix = _matrix(node, places, old, length, scale, is_old)
        if _crops(node):
            is_outside = (places < 0) | (places > old - 1)
            outside = outside | is_outside.reshape([-1 if other == axis else 1 for other in range(rank)])
        value = _resample(make, value, matrix, axis)
    if not outside.any():
        return value
    return make("Where", outside, float(node.get("extrapolation_value", 0.0)), value)


def _crops(node: Node) -> bool:
    return node.get("coordinate_transformation_mode") == "tf_crop_and_resize"


def _places(node: Node, axis: int, new: int, old: int, scale: np.float32, is_old: bool) -> np.ndarray:
    """Where each new position of an axis lies among the old ones."""
    x = np.arange(new, dtype=np.float32)
    mode = "asymmetric" if is_old else node.get("coordinate_transformation_mode", "half_pixel")
    if scale == 1 or (old == new and node.get("antialias")):
        return x
    if mode == "tf_crop_and_resize":
        rank, roi = len(node.inputs[0].shape), node.constant(1)
        if roi is None or not len(roi):
            raise Unsupported(node, "it crops and has no region")
        axes = axes_in(node, node.get("axes") or range(rank), rank)
        if axis not in axes:
            return x
        start, end = (np.float32(roi[axes.index(axis) + at]) for at in (0, len(axes)))
        last = np.float32(old - 1)
        if new > 1:
            return start * last + x * (end - start) * last / np.float32(new - 1)
        return np.full(new, HALF * (start + end) * last)
    if mode == "asymmetric":
        return x / scale
    if mode == "align_corners":
        return np.zeros(new, np.float32) if new == 1 else x * np.float32(old - 1) / np.float32(new - 1)
    if mode == "pytorch_half_pixel" and new == 1:
        return np.zeros(new, np.float32)
    if mode == "tf_half_pixel_for_nn":
        return (x + HALF) / scale
    if mode == "half_pixel_symmetric":  # in double precision
        margin = old / 2 * (1 - new / float(scale * np.float32(old)))
        return (margin + (x + 0.5).astype(np.float64) / float(scale) - 0.5).astype(np.float32)
    if mode not in ("half_pixel", "pytorch_half_pixel"):
        raise Unsupported(node, f"it knows no coordinate_transformation_mode {mode!r}")
    return (x + HALF) / scale - HALF


def _matrix(node: Node, places: np.ndarray, old: int, new: int, scale: np.float32, is_old: bool) -> np.ndarray:
    """What becomes of each old position, (old, new)."""
    matrix, mode = np.zeros((old, new), np.float32), node.get("mode", "nearest")
    columns = np.arange(new)
    if mode == "nearest":
        rounding = (
            ("simple_down" if scale < 1 else "simple") if is_old else node.get("nearest_mode", "round_prefer_floor")
        )
        nearest = places if scale == 1 and not _crops(node) else NEAREST[rounding](places)
        matrix[np.clip(nearest, 0, old - 1).astype(int), columns] = 1
    elif node.get("antialias") and scale < 1:
        reach, form = _filter(node)
        _add_filtered(node, matrix, places, np.float32(1) / scale, reach, form)
    elif mode == "cubic":
        _, form = _filter(node)
        _add_cubic(node, matrix, places, form)
    else:
        inside = np.clip(places, 0, old - 1)
        first = inside.astype(int)
        second = np.minimum(first + 1, old - 1)
        part = inside - first.astype(np.float32)
        np.add.at(matrix, (first, columns), 1 - part)
        np.add.at(matrix, (second, columns), part)
    return matrix


NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "simple": np.trunc,
    "simple_down": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x.astype(np.float64) - 0.5 - NEAR),
    "round_prefer_ceil": lambda x: np.floor(x.astype(np.float64) + 0.5 + NEAR),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _filter(node: Node) -> tuple[int, Callable[[np.ndarray], np.ndarray]]:
    """How far an interpolation sees at scale 1, and its weight by distance."""
    if node.get("mode") != "cubic":
        return 1, lambda x: np.maximum(0, 1 - np.abs(x))
    a = np.float32(node.get("cubic_coeff_a", -0.75))

    def cubic(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))

    return 2, cubic


def _add_cubic(node: Node, matrix: np.ndarray, places: np.ndarray, form: Form) -> None:
    """Four neighbours of each place; those beyond the ends are the ends, unless they are left out."""
    old, columns = len(matrix), np.arange(matrix.shape[1])
    first = np.floor(places)
    for step in (-1, 0, 1, 2):
        at = first + step
        weight = form((places - at).astype(np.float32))
        is_inside = (at >= 0) & (at < old)
        if node.get("exclude_outside"):
            weight = np.where(is_inside, weight, 0)
        np.add.at(matrix, (np.clip(at, 0, old - 1).astype(int), columns), weight)
    if node.get("exclude_outside"):
        matrix /= matrix.sum(axis=0)


def _add_filtered(
    node: Node, matrix: np.ndarray, places: np.ndarray, width: np.float32, reach: int, form: Form
) -> None:
    """A filter as wide as the old positions that one new position stands for."""
    old = len(matrix)
    for column, place in enumerate(places):
        centre, support = place + HALF, reach * width
        at = np.arange(int(np.floor(centre - support + HALF)), int(np.floor(centre + support + HALF)))
        weights = form(((at - centre + HALF) / width).astype(np.float32))
        if node.get("exclude_outside"):
            weights = np.where((at >= 0) & (at < old), weights, 0)
        np.add.at(matrix[:, column], np.clip(at, 0, old - 1), weights / weights.sum())


def _resample(make: Builder, value: Value, matrix: np.ndarray, axis: int) -> Value:
    if np.array_equal(matrix, np.eye(len(matrix))):
        return value
    if np.array_equal(np.sort(matrix, axis=0)[-1:], np.ones((1, matrix.shape[1]))) and (matrix.sum(axis=0) == 1).all():
        return make("Gather", value, matrix.argmax(axis=0), axis=axis)
    order = [*(other for other in range(len(value.shape)) if other != axis), axis]
    product = make("MatMul", make("Transpose", value, perm=order), matrix.astype(np.float32))
    return make("Transpose", product, perm=np.argsort(order).tolist())


RULES = {"Resize": resize, "Upsample": resize}
