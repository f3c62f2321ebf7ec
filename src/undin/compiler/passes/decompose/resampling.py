"""Resize: along each axis a product with a constant matrix, whatever the mode.

The matrix is what ONNX's own evaluator makes of the unit matrix. Where it only repeats or leaves out positions, as the
mode nearest does, it is a gather.
"""

from typing import Any

import numpy as np
from onnx import helper

from undin.compiler.ir.graph import OPSET, Node, Value
from undin.compiler.ir.reader import outputs_of
from undin.compiler.passes.decompose.builder import Builder


def resize(make: Builder, node: Node) -> Value:
    """Axis by axis, and what lies outside of a cropped input."""
    value, rank = node.inputs[0], len(node.inputs[0].shape)
    axes = [axis % rank for axis in node.get("axes") or range(rank)]
    attributes = dict(node.attributes)
    if make.opset < 11:  # inputs x and scales, and positions without a half
        scales = make.value(np.asarray(node.constant(1, "scales"), np.float32))
        node = Node(node.operator, node.name, [node.inputs[0], None, scales], node.outputs)
        attributes.pop("scales", None)
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        attributes["extrapolation_value"] = np.nan  # to see where it is used
    outside = np.zeros((1,) * rank, bool)
    for place, axis in enumerate(axes):
        matrix = _matrix(make, node, axes, place, attributes)
        is_outside = np.isnan(matrix).any(axis=0)
        outside = outside | is_outside.reshape([-1 if other == axis else 1 for other in range(rank)])
        value = _resample(make, value, np.where(is_outside, 0, matrix), axis)
    if not outside.any():
        return value
    return make("Where", outside, float(node.get("extrapolation_value", 0.0)), value)


def _matrix(make: Builder, node: Node, axes: list[int], place: int, attributes: dict[str, Any]) -> np.ndarray:
    """What becomes of each position of one axis, (old, new)."""
    x = node.inputs[0]
    # The other axes play no part, unless they share a scale.
    shares = attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    seen = list(range(len(axes))) if shares else [place]
    length = x.shape[axes[place]]
    units = np.eye(length, dtype=np.float32).reshape([length, *(length if p == place else 1 for p in seen)])
    units = np.broadcast_to(units, [length, *(x.shape[axes[p]] for p in seen)])
    roi, scales, sizes = (node.constant(index) for index in (1, 2, 3))
    arguments = [
        None if roi is None or not len(roi) else roi[[*seen, *(p + len(axes) for p in seen)]],
        None if scales is None or not len(scales) else scales[seen],
        None if sizes is None or not len(sizes) else sizes[seen],
    ]
    inputs = [make.value(item) for item in (units, *arguments)]
    names = ["" if value is None else value.name for value in inputs]
    attributes = attributes | {"axes": [1 + i for i in range(len(seen))]}
    proto = helper.make_node("Resize", names, [make.name()], **attributes)
    (result,) = outputs_of(proto, inputs, opsets={"": OPSET})
    return result.constant[(slice(None), *(slice(None) if p == place else 0 for p in seen))]


def _resample(make: Builder, value: Value, matrix: np.ndarray, axis: int) -> Value:
    if np.array_equal(matrix, np.eye(len(matrix))):
        return value
    if np.array_equal(np.sort(matrix, axis=0)[-1:], np.ones((1, matrix.shape[1]))) and (matrix.sum(axis=0) == 1).all():
        return make("Gather", value, matrix.argmax(axis=0), axis=axis)
    order = [*(other for other in range(len(value.shape)) if other != axis), axis]
    product = make("MatMul", make("Transpose", value, perm=order), matrix.astype(np.float32))
    return make("Transpose", product, perm=np.argsort(order).tolist())


RULES = {"Resize": resize, "Upsample": resize}
