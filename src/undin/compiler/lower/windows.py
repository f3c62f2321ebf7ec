"""Where the windows of a convolution meet its input, axis by axis.

Along one axis, output positions that see the same part of the kernel form a `Stretch`; borders, strides, dilation and
the phases of a transposed convolution all end up as a short list of stretches. ``products`` turns each combination of
stretches into matrix products.
"""

from dataclasses import dataclass
from functools import partial
from itertools import groupby, product

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes.windows import slides, transposed_slides
from undin.compiler.ir.views import View


@dataclass(frozen=True)
class Window:
    """What a node says about one spatial axis: its kernel, and `pad` positions before the first of the input."""

    length_in: int
    length_out: int
    kernel: int
    stride: int
    dilation: int
    pad: int
    pad_after: int


def windows(node: Node, kernel: tuple[int, ...], *, is_transposed: bool = False) -> list[Window]:
    """The window of each spatial axis of a convolution or a pooling."""
    lengths = node.inputs[0].shape[2:]
    found = (
        transposed_slides(node, lengths, kernel)
        if is_transposed
        else slides(node, lengths, kernel, is_pool=node.operator in ("MaxPool", "AveragePool"))
    )
    return [
        Window(length, slide.count, slide.kernel, slide.stride, slide.dilation, slide.before, slide.after)
        for length, slide in zip(lengths, found, strict=True)
    ]


@dataclass(frozen=True)
class Stretch:
    """Output positions ``out_start + n·out_step``, n < count; their taps read input ``in_start + n·in_step + offset``.

    Attributes
    ----------
    taps : tuple of (int, int)
        Index into the kernel, and offset into the input, of every tap that lies inside the input.
    """

    out_start: int
    out_step: int
    count: int
    in_start: int
    in_step: int
    taps: tuple[tuple[int, int], ...]


def convolution(window: Window) -> list[Stretch]:
    """Stretches of one axis of a convolution with `pad` zeros before its input."""

    def taps(position: int) -> tuple[tuple[int, int], ...]:
        first = position * window.stride - window.pad
        offsets = ((index, index * window.dilation) for index in range(window.kernel))
        return tuple((index, offset) for index, offset in offsets if 0 <= first + offset < window.length_in)

    # Between the borders, which are short, every position sees the whole kernel.
    reach = (window.kernel - 1) * window.dilation
    begin = min(-(-window.pad // window.stride), window.length_out)
    end = min((window.length_in - 1 - reach + window.pad) // window.stride + 1, window.length_out)
    positions = range(window.length_out)
    middle = [positions[begin:end]] if begin < end else []
    borders = [positions[:begin], positions[end:]] if middle else [positions]
    groups = [list(group) for border in borders for _, group in groupby(border, key=taps)]
    stretches = []
    for group in sorted([*groups, *middle], key=lambda group: group[0]):
        first = group[0] * window.stride - window.pad
        stretches.append(Stretch(group[0], 1, len(group), first, window.stride, taps(group[0])))
    return stretches


def transposed(window: Window) -> list[Stretch]:
    """Stretches of one axis of a transposed convolution that cuts `pad` positions off the start of its output.

    Output positions that are a stride apart form a phase, which is a convolution with a part of the kernel.
    """
    stride = window.stride

    def taps(phase: int, step: int) -> tuple[tuple[int, int], ...]:
        found = []
        for index in range(window.kernel):
            position, rest = divmod(step * stride + phase + window.pad - index * window.dilation, stride)
            if not rest and 0 <= position < window.length_in:
                found.append((index, position - step))
        return tuple(sorted(found, key=lambda tap: tap[1]))

    stretches = []
    for phase in range(stride):
        steps = range(len(range(phase, window.length_out, stride)))
        for inside, group in groupby(steps, key=partial(taps, phase)):
            positions = list(group)
            stretches.append(Stretch(positions[0] * stride + phase, stride, len(positions), positions[0], 1, inside))
    return stretches


ENOUGH_ROWS = 24
"""Positions along one axis that a kernel works on as well as on more."""


@dataclass(frozen=True)
class Area:
    """Output positions that see the same part of a kernel, as rows for a kernel in C and loops around it.

    Attributes
    ----------
    x_start, y_start : int
        Where the first position reads with its first tap, and writes.
    offsets : list of int
        Of the taps from the first of them.
    rows, x_row, y_row : int
        One axis: its positions, and the steps between them.
    loops : list of (int, int, int)
        The other axes: positions, and the steps of the input and of the output.
    """

    x_start: int
    y_start: int
    offsets: list[int]
    rows: int
    x_row: int
    y_row: int
    loops: list[tuple[int, int, int]]


def area(block: tuple[Stretch, ...], x: View, y: View) -> Area:
    """The area of one run on each spatial axis of views (B, C, …)."""
    x_steps, y_steps = x.strides[2:], y.strides[2:]
    offsets = [
        sum(offset * step for (_, offset), step in zip(taps, x_steps, strict=True))
        for taps in product(*(run.taps for run in block))
    ]
    start = sum(run.in_start * step for run, step in zip(block, x_steps, strict=True)) + offsets[0] if offsets else 0
    steps = [
        (run.count, run.in_step * x_step, run.out_step * y_step)
        for run, x_step, y_step in zip(block, x_steps, y_steps, strict=True)
    ]
    # Neighbours in memory share lines of the cache and pages, if there are enough of them for some tiles.
    rows = max(range(len(steps)), key=lambda axis: (min(steps[axis][0], ENOUGH_ROWS), -abs(steps[axis][2]), axis))
    others = [step for axis, step in enumerate(steps) if axis != rows]
    return Area(
        start,
        sum(run.out_start * step for run, step in zip(block, y_steps, strict=True)),
        [offset - offsets[0] for offset in offsets],
        *steps[rows],
        [loop for loop in [(x.shape[0], x.strides[0], y.strides[0]), *others] if loop[0] > 1],
    )
