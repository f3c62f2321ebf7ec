"""Convolutions, pools and resampling: how many positions an axis has where a window slides along it."""

from dataclasses import dataclass

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes.reading import Shape, axes_in, hold, hold_shape, integers, shape_of

MAX_PHASES = 1024
"""The largest stride of a transposed convolution: each position between two inputs is a convolution of its own."""


@dataclass(frozen=True)
class Slide:
    """Along one axis: where the window begins, where it ends, and how many positions it takes."""

    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    count: int


def slides(node: Node, lengths: Shape, kernel: Shape, *, is_pool: bool = False) -> list[Slide]:
    """How the window of a convolution or a pool slides over axes of these lengths."""
    strides, dilations, pads, auto = _attributes(node, kernel)
    found = []
    for axis, (length, size, stride, dilation) in enumerate(zip(lengths, kernel, strides, dilations, strict=True)):
        before, after = pads[axis], pads[axis + len(kernel)]
        reach = (size - 1) * dilation + 1
        if auto.startswith("SAME"):
            # ONNX Runtime's pools forget here that the window is dilated.
            total = (-(-length // stride) - 1) * stride + (size if is_pool else reach) - length
            # They leave out what no window needs, too, where others would pad by nothing. Where the window is dilated,
            # what they divide by then is not told.
            counted = is_pool and node.get("count_include_pad") and dilation > 1
            hold(not counted or total >= 0, node, f"its padding along axis {axis + 2} would be {total}")
            total = total if is_pool else max(0, total)
            before = int((total if auto == "SAME_UPPER" else total + 1) / 2)
            after = total - before
        elif auto == "VALID":
            before = after = 0
        room = length + before + after - reach
        # A pool of ONNX Runtime takes one position where its window is wider than all, by less than a stride.
        # What it divides by is not told where it counts its padding too.
        fits = room >= 0 or (is_pool and -room < stride and not node.get("count_include_pad"))
        hold(fits, node, f"its window of {reach} positions does not fit {length} of axis {axis + 2}")
        hold(
            not is_pool or max(before, after) < size,
            node,
            f"its padding is as wide as its window along axis {axis + 2}",
        )
        count = max(room, 0) // stride + 1
        if is_pool and node.get("ceil_mode"):
            count = -(-room // stride) + 1
            if (count - 1) * stride >= length + before:  # it would begin behind the input
                count -= 1
        found.append(Slide(size, stride, dilation, before, after, count))
    return found


def transposed_slides(node: Node, lengths: Shape, kernel: Shape) -> list[Slide]:
    """The same for a transposed convolution: `before` positions are cut off its output, `count` are left."""
    strides, dilations, pads, auto = _attributes(node, kernel)
    rank = len(kernel)
    extra, wanted = node.get("output_padding") or [0] * rank, node.get("output_shape")
    hold(len(extra) == rank and min(extra) >= 0, node, f"its output_padding is {extra}")
    hold(not wanted or len(wanted) in (rank, rank + 2), node, f"its output_shape is {wanted}")
    found = []
    for axis, (length, size, stride, dilation) in enumerate(zip(lengths, kernel, strides, dilations, strict=True)):
        before, after = pads[axis], pads[axis + rank]
        whole = stride * (length - 1) + extra[axis] + (size - 1) * dilation + 1
        if wanted or auto.startswith("SAME"):
            count = wanted[axis - rank] if wanted else min(whole, stride * length)
            total = max(0, whole - count)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
            after = total - before
        else:
            if auto == "VALID":
                before = after = 0
            count = whole - before - after
        hold(count > 0, node, f"nothing is left of axis {axis + 2}")
        hold(stride <= MAX_PHASES, node, f"its stride {stride} makes more than {MAX_PHASES} convolutions of it")
        found.append(Slide(size, stride, dilation, before, after, count))
    return found


def _attributes(node: Node, kernel: Shape) -> tuple[list[int], list[int], list[int], str]:
    """Strides, dilations, pads and auto_pad."""
    rank, auto = len(kernel), node.get("auto_pad", "NOTSET")
    strides, dilations = (node.get(name) or [1] * rank for name in ("strides", "dilations"))
    pads = (node.get("pads") if auto == "NOTSET" else None) or [0] * (2 * rank)
    fits = len(strides) == len(dilations) == rank and len(pads) == 2 * rank
    hold(fits, node, f"its strides, dilations or pads are not those of {rank} axes")
    hold(min(*kernel, *strides, *dilations) > 0, node, "its kernel, strides and dilations must be at least 1")
    hold(min(pads) >= 0, node, f"its pads {pads} must not be negative")
    hold(auto in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"), node, f"it knows no auto_pad {auto!r}")
    return strides, dilations, pads, auto


def convolution(node: Node, opset: int) -> list[Shape]:
    """Conv and ConvInteger."""
    return [_convolution(node, shape_of(node, 0), shape_of(node, 1), bias=2 if node.operator == "Conv" else None)]


def qlinear_convolution(node: Node, opset: int) -> list[Shape]:
    """Input and weights with scales and zero points, those of the result, and a bias."""
    return [_convolution(node, shape_of(node, 0), shape_of(node, 3), bias=8)]


def _convolution(node: Node, x: Shape, w: Shape, *, bias: int | None) -> Shape:
    group = node.get("group", 1)
    hold(len(x) > 2 and len(w) == len(x), node, "its weights have other axes than its input")
    hold(group > 0 and w[0] % group == 0, node, f"its channels are no {group} groups")
    hold(w[1] * group == x[1], node, f"its weights {w} in {group} groups do not fit {x[1]} channels")
    hold(tuple(node.get("kernel_shape") or w[2:]) == w[2:], node, f"its kernel_shape is not {list(w[2:])}")
    if bias is not None:
        hold_shape(node, bias, (w[0],))
    return (x[0], w[0], *(slide.count for slide in slides(node, x[2:], w[2:])))


def transposed_convolution(node: Node, opset: int) -> list[Shape]:
    """ConvTranspose."""
    x, w, group = shape_of(node, 0), shape_of(node, 1), node.get("group", 1)
    hold(len(x) > 2 and len(w) == len(x), node, "its weights have other axes than its input")
    hold(w[0] == x[1], node, f"its weights {w} do not fit {x[1]} channels")
    hold(group > 0 and w[0] % group == 0, node, f"its channels are no {group} groups")
    hold(tuple(node.get("kernel_shape") or w[2:]) == w[2:], node, f"its kernel_shape is not {list(w[2:])}")
    hold_shape(node, 2, (w[1] * group,))
    return [(x[0], w[1] * group, *(slide.count for slide in transposed_slides(node, x[2:], w[2:])))]


def pool(node: Node, opset: int) -> list[Shape]:
    """MaxPool, which may give the places too, and AveragePool."""
    x, kernel = shape_of(node, 0), node.get("kernel_shape") or ()
    hold(len(x) > 2 and len(kernel) == len(x) - 2, node, f"its kernel_shape {list(kernel)} does not fit its input")
    y = (*x[:2], *(slide.count for slide in slides(node, x[2:], tuple(kernel), is_pool=True)))
    return [y, y]


def global_pool(node: Node, opset: int) -> list[Shape]:
    """One position is left of every spatial axis."""
    x = shape_of(node, 0)
    hold(len(x) > 2 and 0 not in x, node, "its input has no spatial axes")
    return [(*x[:2], *[1] * (len(x) - 2))]


def resize(node: Node, opset: int) -> list[Shape]:
    """Resize and Upsample, by scales or to sizes."""
    return [tuple(length for length, _ in resized(node, opset))]


def resized(node: Node, opset: int) -> list[tuple[int, np.float32]]:
    """New length and scale of every axis."""
    x = shape_of(node, 0)
    at = 2 if node.operator == "Resize" and opset >= 11 else 1
    axes = axes_in(node, node.get("axes") or range(len(x)), len(x))
    scales = node.constant(at, "scales")
    sizes = integers(node, 3) if at == 2 else None
    given = [(length, np.float32(1)) for length in x]
    if sizes:
        hold(len(sizes) == len(axes) and min(sizes) >= 0, node, f"its sizes {sizes} do not fit its axes")
        hold(all(x[axis] > 0 for axis in axes), node, "its input has no elements")
        factors = [np.float32(size) / np.float32(x[axis]) for size, axis in zip(sizes, axes, strict=True)]
        policy = node.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            factor = min(factors) if policy == "not_larger" else max(factors)
            factors = [factor] * len(axes)
            sizes = [int(np.floor(factor * np.float32(x[axis]) + np.float32(0.5))) for axis in axes]
        for axis, size, factor in zip(axes, sizes, factors, strict=True):
            given[axis] = size, factor
        return given
    told = np.asarray([] if scales is None else scales, np.float32).reshape(-1)
    hold(len(told) == len(axes), node, "its scales do not fit its axes")
    hold(bool((told > 0).all() and (told < 2.0**24).all()), node, "its scales are not all above 0")
    for axis, factor in zip(axes, told, strict=True):
        given[axis] = int(factor * np.float32(x[axis])), factor
    return given


RULES = {
    "Conv": convolution,
    "ConvInteger": convolution,
    "QLinearConv": qlinear_convolution,
    "ConvTranspose": transposed_convolution,
    "MaxPool": pool,
    "AveragePool": pool,
    "GlobalMaxPool": global_pool,
    "GlobalAveragePool": global_pool,
    "Resize": resize,
    "Upsample": resize,
}
