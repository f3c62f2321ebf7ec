"""Places for what lies between the steps: every buffer of the arena gets an offset, and those that do not live at the
same time share memory."""

from undin.compiler.ir.program import Program
from undin.compiler.ir.views import Buffer

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


def plan(program: Program) -> tuple[dict[Buffer, int], int]:
    """Place the buffers of a program's arena.

    The largest first, each at the lowest offset where it meets no other that lives at the same time.

    Returns
    -------
    offsets : dict of Buffer to int
        Bytes.
    size : int
        Bytes of the arena.
    """
    lives: dict[Buffer, tuple[int, int]] = {}
    for index, step in enumerate(program.steps):
        for view in step.uses:
            if view.buffer.kind == "arena":
                first, _ = lives.get(view.buffer, (index, index))
                lives[view.buffer] = (first, index)
    sizes = {buffer: -(-buffer.size * buffer.dtype.itemsize // ALIGNMENT) * ALIGNMENT for buffer in lives}
    offsets: dict[Buffer, int] = {}
    for buffer in sorted(lives, key=lambda buffer: (-sizes[buffer], lives[buffer])):
        first, last = lives[buffer]
        neighbours = sorted(
            (offsets[other], sizes[other]) for other in offsets if lives[other][0] <= last and first <= lives[other][1]
        )
        offset = 0
        for start, size in neighbours:
            if offset + sizes[buffer] <= start:
                break
            offset = max(offset, start + size)
        offsets[buffer] = offset
    return offsets, max((offsets[buffer] + sizes[buffer] for buffer in offsets), default=0)
