"""Where the windows of a convolution meet its input, axis by axis.

Along one axis, runs of output positions that see the same part of the kernel form a `Run`; borders, strides, dilation
and the phases of a transposed convolution all end up as a short list of runs. ``products`` turns each combination of
runs into matrix products.
"""

from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Run:
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


def convolution(*, length_in: int, length_out: int, kernel: int, stride: int, dilation: int, pad: int) -> list[Run]:
    """Runs of one axis of a convolution with `pad` zeros before its input."""

    def taps(position: int) -> tuple[tuple[int, int], ...]:
        first = position * stride - pad
        return tuple((index, index * dilation) for index in range(kernel) if 0 <= first + index * dilation < length_in)

    runs = []
    for inside, group in groupby(range(length_out), key=taps):
        positions = list(group)
        runs.append(Run(positions[0], 1, len(positions), positions[0] * stride - pad, stride, inside))
    return runs


def transposed(*, length_in: int, length_out: int, kernel: int, stride: int, dilation: int, pad: int) -> list[Run]:
    """Runs of one axis of a transposed convolution that cuts `pad` positions off the start of its output.

    Output positions that are a stride apart form a phase, which is a convolution with a part of the kernel.
    """

    def taps(phase: int, step: int) -> tuple[tuple[int, int], ...]:
        found = []
        for index in range(kernel):
            numerator = step * stride + phase + pad - index * dilation
            position, rest = divmod(numerator, stride)
            if not rest and 0 <= position < length_in:
                found.append((index, position - step))
        return tuple(sorted(found, key=lambda tap: tap[1]))

    runs = []
    for phase in range(stride):
        steps = range(len(range(phase, length_out, stride)))
        for inside, group in groupby(steps, key=lambda step, phase=phase: taps(phase, step)):
            positions = list(group)
            runs.append(Run(positions[0] * stride + phase, stride, len(positions), positions[0], 1, inside))
    return runs
