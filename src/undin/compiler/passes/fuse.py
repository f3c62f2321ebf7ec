"""Shorter programs: pointwise steps that feed each other become one loop, recurrent cells step side by side."""

from undin.compiler.ir.program import Pointwise, Program, Recurrence, Step
from undin.compiler.ir.views import Buffer, View

MAX_READS = 12
"""Of one loop: more would not stay in registers."""

MAX_TEXT = 2000
"""Characters of one expression: what reads a value twice repeats how it was computed, which doubles with every step."""

MAX_WEIGHTS = 6144
"""Of recurrent cells that step side by side: more would not stay in a first cache."""


def fuse(program: Program) -> None:
    """Merge every pointwise step into its only reader where that reads each element once; pair recurrent cells."""
    _join_recurrences(program)
    steps = program.steps
    places = {step: i for i, step in enumerate(steps)}
    readers, writers = _uses(steps)
    merged: set[Step] = set()
    for step in steps:
        buffer = step.writes[0].buffer
        if not isinstance(step, Pointwise) or buffer.kind != "arena" or len(writers[buffer]) > 1:
            continue
        found = readers.get(buffer, [])
        reader = found[0] if len(found) == 1 else None
        if not isinstance(reader, Pointwise) or reader.guard != step.guard:
            continue
        between = [other for other in steps[places[step] + 1 : places[reader]] if other not in merged]
        if _merge(step, reader, between):
            merged.add(step)
            for view in step.reads:
                readers[view.buffer] = [other for other in readers[view.buffer] if other not in (step, reader)]
                readers[view.buffer].append(reader)
    program.steps = [step for step in steps if step not in merged]


def _join_recurrences(program: Program) -> None:
    """Let recurrent cells that do not need each other take their steps together, where the last of them stands."""
    steps, place = program.steps, 0
    while place < len(steps):
        other = _partner(steps, place)
        if other is None:
            place += 1
            continue
        first, second = steps[place], steps[other]
        assert isinstance(first, Recurrence) and isinstance(second, Recurrence)
        comment = f"{first.comment}; {second.comment}"
        steps[other] = Recurrence(second.label, comment, runs=[*first.runs, *second.runs], count=first.count)
        del steps[place]


def _partner(steps: list[Step], place: int) -> int | None:
    """The index of the next recurrence of as many steps, where that at `place` may be done as late as there."""
    first = steps[place]
    if not isinstance(first, Recurrence) or first.count == 1 or first.guard:
        return None
    written, read = _buffers(first.writes), _buffers(first.reads)
    for index, step in enumerate(steps[place + 1 :], place + 1):
        if written & _buffers(step.reads) or read & _buffers(step.writes):
            return None
        if isinstance(step, Recurrence) and step.count == first.count and not step.guard:
            weights = sum(run.reads["r"].size for run in (*first.runs, *step.runs))
            return index if weights <= MAX_WEIGHTS else None
        if written & _buffers(step.writes):
            return None
    return None


def _buffers(views: list[View]) -> set[Buffer]:
    return {view.buffer for view in views}


def _uses(steps: list[Step]) -> tuple[dict[Buffer, list[Step]], dict[Buffer, list[Step]]]:
    """Steps that read and that write each buffer, each step once."""
    readers: dict[Buffer, list[Step]] = {}
    writers: dict[Buffer, list[Step]] = {}
    for step in steps:
        asked = [view for view, _ in step.guard]
        for found, views in ((readers, [*step.reads, *asked]), (writers, step.writes)):
            for buffer in dict.fromkeys(view.buffer for view in views):
                found.setdefault(buffer, []).append(step)
    return readers, writers


def _merge(source: Pointwise, reader: Pointwise, between: list[Step]) -> bool:
    """Put the expression of `source` into `reader`; False where that is not possible, as a step between forbids."""
    written = source.writes[0]
    at = [i for i, view in enumerate(reader.reads) if view.buffer is written.buffer]
    if len(source.reads) * len(at) + len(reader.reads) > MAX_READS or (len(at) > 1 and not _is_cheap(source)):
        return False
    mappings = [_axes_of(written, reader.reads[i]) for i in at]
    if any(mapping is None for mapping in mappings):
        return False
    inputs = {view.buffer for view in source.reads}
    if any(view.buffer in inputs for step in between for view in step.writes):
        return False
    if any(view.buffer in inputs for view in reader.writes):
        return False
    reads: list[View] = []
    operands = []
    for i, view in enumerate(reader.reads):
        if i not in at:
            operands.append(_operand(reads, view))
            continue
        mapping = mappings[at.index(i)]
        inner = []
        for read in source.reads:
            strides = tuple(0 if axis is None else read.strides[axis] for axis in mapping)
            inner.append(_operand(reads, View(read.buffer, view.shape, strides, read.offset)))
        operands.append(source.expression.format(*inner))
    expression = reader.expression.format(*operands)
    if len(expression) > MAX_TEXT and len(expression) > 2 * len(reader.expression):
        return False
    reader.reads, reader.expression = reads, expression
    if source.comment != reader.comment and source.label != "copy":
        reader.comment = f"{source.comment}; {reader.comment}" if reader.label != "copy" else source.comment
    if reader.label == "copy":
        reader.label = source.label
    elif source.label not in ("copy", *reader.label.split("_")) and len(reader.label) < 24:
        reader.label = f"{source.label}_{reader.label}"
    return True


def _operand(reads: list[View], view: View) -> str:
    for i, other in enumerate(reads):
        if other == view:
            return f"{{{i}}}"
    reads.append(view)
    return f"{{{len(reads) - 1}}}"


def _is_cheap(step: Pointwise) -> bool:
    return "undin_" not in step.expression.replace("undin_relu", "").replace("undin_square", "")


def _axes_of(written: View, read: View) -> list[int | None] | None:
    """For every axis of `read` the axis of `written` that it walks along; None if it is not the same elements."""
    if read.offset != written.offset:
        return None
    free = {axis for axis, length in enumerate(written.shape) if length > 1}
    mapping: list[int | None] = []
    for length, stride in zip(read.shape, read.strides, strict=True):
        if length == 1:
            mapping.append(None)
            continue
        fitting = [axis for axis in free if written.shape[axis] == length and written.strides[axis] == stride]
        if not fitting:
            return None
        mapping.append(fitting[0])
        free.discard(fitting[0])
    return None if free else mapping
