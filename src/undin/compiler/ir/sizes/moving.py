"""Operators that move, repeat or leave out elements."""

from math import ceil, prod

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.operators import permutation
from undin.compiler.ir.sizes.reading import Shape, axes_in, axis_in, broadcast, hold, integers, shape_of

MAX_WIDENED = 2**12
"""Positions beside an axis that are copied one by one."""


def reshape(node: Node, opset: int) -> list[Shape]:
    """0 keeps a length, -1 is what is left."""
    x, wanted = shape_of(node, 0), integers(node, 1, "shape")
    hold(wanted is not None, node, "it names no shape")
    if not node.get("allowzero"):
        hold(
            all(i < len(x) for i, length in enumerate(wanted) if not length), node, f"{wanted} keeps what is not there"
        )
        wanted = [length or x[i] for i, length in enumerate(wanted)]
    hold(wanted.count(-1) <= 1 and min(wanted, default=0) >= -1, node, f"{wanted} is no shape")
    rest = prod(length for length in wanted if length != -1)
    if -1 in wanted:
        hold(rest > 0 and prod(x) % rest == 0, node, f"{wanted} does not divide its elements")
        wanted = [prod(x) // rest if length == -1 else length for length in wanted]
    hold(prod(wanted) == prod(x), node, f"its output {tuple(wanted)} has another number of elements")
    return [tuple(wanted)]


def squeeze(node: Node, opset: int) -> list[Shape]:
    """Without axes of length 1: those that are named, or all."""
    x, axes = shape_of(node, 0), integers(node, 1, "axes")
    if axes is None:
        return [tuple(length for length in x if length != 1)]
    axes = axes_in(node, axes, len(x))
    hold(all(x[axis] == 1 for axis in axes), node, f"its axes {axes} are not all of length 1")
    return [tuple(length for axis, length in enumerate(x) if axis not in axes)]


def unsqueeze(node: Node, opset: int) -> list[Shape]:
    """With axes of length 1 at places of the output."""
    x, axes = shape_of(node, 0), integers(node, 1, "axes") or []
    axes = axes_in(node, axes, len(x) + len(axes))
    rest = iter(x)
    return [tuple(1 if axis in axes else next(rest) for axis in range(len(x) + len(axes)))]


def flatten(node: Node, opset: int) -> list[Shape]:
    """Two axes: those before `axis`, and the others."""
    x, axis = shape_of(node, 0), node.get("axis", 1)
    hold(-len(x) <= axis <= len(x), node, f"it has no axis {axis}")
    axis += len(x) if axis < 0 else 0
    return [(prod(x[:axis]), prod(x[axis:]))]


def transpose(node: Node, opset: int) -> list[Shape]:
    """Axes in another order."""
    x, order = shape_of(node, 0), permutation(node)
    hold(sorted(order) == list(range(len(x))), node, f"{list(order)} is no order of its axes")
    return [tuple(x[axis] for axis in order)]


def expand(node: Node, opset: int) -> list[Shape]:
    """Broadcast against a shape."""
    wanted = integers(node, 1)
    hold(min(wanted, default=0) >= 0, node, f"{wanted} is no shape")
    return [broadcast(node, shape_of(node, 0), tuple(wanted))]


def tile(node: Node, opset: int) -> list[Shape]:
    """Repeated along each axis."""
    x, repeats = shape_of(node, 0), integers(node, 1)
    hold(len(repeats) == len(x) and min(repeats, default=0) >= 0, node, f"{repeats} does not say how often")
    return [tuple(length * count for length, count in zip(x, repeats, strict=True))]


def slice_(node: Node, opset: int) -> list[Shape]:
    """From starts to ends, by steps of either sign."""
    x = list(shape_of(node, 0))
    starts, ends = integers(node, 1, "starts"), integers(node, 2, "ends")
    axes, steps = integers(node, 3, "axes"), integers(node, 4)
    axes = axes_in(node, range(len(starts)) if axes is None else axes, len(x))
    steps = [1] * len(starts) if steps is None else steps
    hold(len(starts) == len(ends) == len(axes) == len(steps), node, "its starts, ends, axes and steps are not as many")
    hold(0 not in steps, node, "it has a step of 0")
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        x[axis] = len(positions(start, end, step, x[axis]))
    return [tuple(x)]


def positions(start: int, end: int, step: int, length: int) -> range:
    """What a Slice keeps of an axis: ends beyond it are brought to it, where Python would leave nothing."""
    start, end = (index + length if index < 0 else index for index in (start, end))
    if step > 0:
        return range(min(max(start, 0), length), min(max(end, 0), length), step)
    return range(min(max(start, 0), length - 1), min(max(end, -1), length - 1), step)


def split(node: Node, opset: int) -> list[Shape]:
    """Parts of given lengths, or as many as there are outputs, of which the last may be shorter."""
    x, count = shape_of(node, 0), len(node.outputs)
    axis = axis_in(node, node.get("axis", 0), len(x))
    lengths, wanted = integers(node, 1, "split"), node.get("num_outputs")
    if lengths is None:
        hold(wanted in (None, count), node, f"it has {count} outputs, not {wanted}")
        part = -(-x[axis] // count)
        hold(wanted is not None or part * count == x[axis], node, f"{x[axis]} is no {count} equal parts")
        lengths = [max(0, min(part, x[axis] - i * part)) for i in range(count)]
    hold(len(lengths) == count, node, f"it has {count} outputs and {len(lengths)} lengths")
    hold(
        min(lengths) >= 0 and sum(lengths) == x[axis],
        node,
        f"its lengths {lengths} are not the {x[axis]} of axis {axis}",
    )
    return [(*x[:axis], length, *x[axis + 1 :]) for length in lengths]


def concat(node: Node, opset: int) -> list[Shape]:
    """One after the other along an axis."""
    shapes = [shape_of(node, i) for i in range(len(node.inputs))]
    axis = axis_in(node, node.get("axis", 1), len(shapes[0]))
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    ranks = {len(shape) for shape in shapes}
    hold(len(rest) == len(ranks) == 1, node, f"its inputs differ along other axes than {axis}")
    return [(*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])]


def pad(node: Node, opset: int) -> list[Shape]:
    """Wider, or less wide, at both ends of axes."""
    x, pads = list(shape_of(node, 0)), integers(node, 1, "pads" if opset >= 2 else "paddings")
    axes = integers(node, 3)
    axes = axes_in(node, range(len(x)) if axes is None else axes, len(x))
    hold(len(pads) == 2 * len(axes), node, f"{len(pads)} widths are no pair for each of {len(axes)} axes")
    mode = node.get("mode", "constant")
    hold(mode in ("constant", "edge", "reflect", "wrap"), node, f"there is no mode {mode}")
    for i, axis in enumerate(axes):
        before, after, length = pads[i], pads[i + len(axes)], x[axis]
        x[axis] += before + after
        kept = length + min(before, 0) + min(after, 0)
        hold(x[axis] >= 0 and kept >= 0, node, f"it cuts {-min(before, 0) - min(after, 0)} off {length} of axis {axis}")
        if mode != "constant" and max(before, after) > 0:
            least = 1 + (max(before, after) if mode == "reflect" else 0)
            wide = max(before, after) > MAX_WIDENED
            hold(not wide, node, f"undin widens by at most {MAX_WIDENED} positions in mode {mode}")
            hold(kept >= least, node, f"mode {mode} cannot widen {kept} positions of axis {axis} by {before}, {after}")
    return [tuple(x)]


def depth_to_space(node: Node, opset: int) -> list[Shape]:
    """Blocks of channels as blocks of positions."""
    batch, channels, height, width = shape_of(node, 0, rank=4)
    block = node.get("blocksize", 0)
    hold(block > 0 and channels % block**2 == 0, node, f"its channels are no blocks of {block} by {block}")
    return [(batch, channels // block**2, height * block, width * block)]


def space_to_depth(node: Node, opset: int) -> list[Shape]:
    """Blocks of positions as channels."""
    batch, channels, height, width = shape_of(node, 0, rank=4)
    block = node.get("blocksize", 0)
    fits = block > 0 and height % block == width % block == 0
    hold(fits, node, f"its positions are no blocks of {block} by {block}")
    return [(batch, channels * block**2, height // block, width // block)]


def constant_of_shape(node: Node, opset: int) -> list[Shape]:
    """What the input says."""
    return [tuple(integers(node, 0))]


def range_(node: Node, opset: int) -> list[Shape]:
    """From start to limit."""
    start, limit, delta = (np.asarray(node.constant(i)).reshape(-1)[0].item() for i in range(3))
    hold(bool(delta != 0 and np.isfinite([start, limit, delta]).all()), node, "it never ends")
    return [(max(0, ceil((limit - start) / delta)),)]


def one_hot(node: Node, opset: int) -> list[Shape]:
    """A further axis as long as the depth."""
    indices, depth = shape_of(node, 0), int(np.asarray(node.constant(1)).reshape(-1)[0])
    axis = axis_in(node, node.get("axis", -1), len(indices) + 1)
    hold(depth > 0, node, f"its depth is {depth}")
    return [(*indices[:axis], depth, *indices[axis:])]


def trilu(node: Node, opset: int) -> list[Shape]:
    """As large as the input, which is a matrix at least."""
    x = shape_of(node, 0)
    hold(len(x) >= 2, node, "its input is no matrix")
    return [x]


def eye_like(node: Node, opset: int) -> list[Shape]:
    """As large as the input, which is a matrix."""
    return [shape_of(node, 0, rank=2)]


def window(node: Node, opset: int) -> list[Shape]:
    """Windows of signal processing, as long as the input says."""
    return [(int(np.asarray(node.constant(0)).reshape(-1)[0]),)]


def whole_shape(node: Node, opset: int) -> list[Shape]:
    """Shape: the lengths of some axes."""
    return [(len(shape_of(node, 0)[slice(node.get("start", 0), node.get("end"))]),)]


RULES = {
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Flatten": flatten,
    "Transpose": transpose,
    "Expand": expand,
    "Tile": tile,
    "Slice": slice_,
    "Split": split,
    "Concat": concat,
    "Pad": pad,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "ConstantOfShape": constant_of_shape,
    "Range": range_,
    "OneHot": one_hot,
    "Trilu": trilu,
    "EyeLike": eye_like,
    "Shape": whole_shape,
    "Size": lambda node, opset: [()],
    **dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow"), window),
}
