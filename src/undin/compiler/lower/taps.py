"""Which weights of a kernel each call of a convolution reads: at an edge a part of those that the middle reads.

So that an edge needs no weights of its own, a call says where its first tap lies among the packed ones and how far the
next lies from it. ``windows`` tells which taps an area sees, ``products`` and ``lanes`` write the calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from undin.compiler.ir.views import View
from undin.compiler.lower.windows import Area, Stretch, area

Kernel = tuple[tuple[int, ...], ...]
"""Indices into a kernel, tap by tap."""


@dataclass(frozen=True)
class Taps:
    """What a call reads: every `joined` taps of the kernel that lie one after the other are one of its taps.

    Attributes
    ----------
    pack : int
        Which of the packed kernels.
    first, step : int
        Where its first tap lies in that pack, and how far the next lies from it, in taps of the kernel.
    offsets : list of int
        Where the input of each tap begins, from that of the first.
    joined : int
    """

    pack: int
    first: int
    step: int
    offsets: list[int]
    joined: int


def assign(
    runs: Sequence[list[Stretch]], x: View, y: View, *, distance: int
) -> tuple[list[Kernel], list[tuple[Area, Taps]]]:
    """Find as few packs as serve all areas of a convolution.

    Parameters
    ----------
    runs : sequence of list of Stretch
        Of each spatial axis.
    x, y : View
        Input and output (B, C, …).
    distance : int
        Elements between taps of the input that may be joined; 0: none may be.

    Returns
    -------
    packs : list of Kernel
    calls : list of (Area, Taps)
        The areas with most taps first.
    """
    blocks = [(tuple(product(*([index for index, _ in run.taps] for run in block))), block) for block in product(*runs)]
    packs: list[Kernel] = []
    calls = []
    for kernel, block in sorted(blocks, key=lambda found: -len(found[0])):
        here = area(block, x, y)
        parts = (_part(here.offsets, kernel, pack, number, distance) for number, pack in enumerate(packs))
        taps = next((part for part in parts if part), None)
        if taps is None:
            packs.append(kernel)
            taps = _part(here.offsets, kernel, kernel, len(packs) - 1, distance)
        calls.append((here, taps))
    return packs, calls


def _part(offsets: list[int], kernel: Kernel, pack: Kernel, number: int, distance: int) -> Taps | None:
    """Read `kernel` out of a pack; None where it is no part of it, or has no even step there."""
    if not kernel:
        return Taps(number, 0, 0, [], 1)
    if not set(kernel) <= set(pack):
        return None
    places = [pack.index(tap) for tap in kernel]
    for joined in range(len(kernel), 0, -1):
        starts, groups = places[::joined], [i % joined for i in range(len(kernel))]
        step = starts[1] - starts[0] if len(starts) > 1 else 0
        if (
            len(kernel) % joined == 0
            and (joined == 1 or distance)
            and starts == [starts[0] + i * step for i in range(len(starts))]
            and all(places[i] == places[i - j] + j for i, j in enumerate(groups))
            and all(offsets[i] == offsets[i - j] + j * distance for i, j in enumerate(groups))
        ):
            return Taps(number, starts[0], step, offsets[::joined], joined)
    return None
