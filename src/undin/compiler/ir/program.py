"""What a graph becomes: a list of steps, each a C function on strided views of buffers.

``lower`` makes programs, ``fuse`` shortens them, `plan` gives their buffers places, `emit` writes them as C.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from undin.compiler.ir.vector_loops import MIN_LENGTH, vector_expression, vector_loop
from undin.compiler.ir.views import Buffer, View

C_TYPES = {
    "float32": "float",
    "int64": "int64_t",
    "int32": "int32_t",
    "bool": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "uint8": "uint8_t",
    "float16": "uint16_t",
    "float64": "double",
}


VARIABLES = "ijklmnopq"
"""Of loops, from the outermost."""


@dataclass(eq=False)
class Step:
    """A C function of its own.

    Attributes
    ----------
    label : str
        What it does, a part of the function's name.
    comment : str
        Tensors and shapes, in one line.
    writes, reads : list of View
        The function gets a pointer to the first element of each: ``y0, y1, …`` and ``x0, x1, …``.
    code : callable
        Returns the body in C, lines without indentation beyond their nesting.
    guard : list of tuple of View and bool
        Truths, and what each must be for the step to run.
    is_of_integers : bool
        Its floats are sums of integers, each with a scale and a bias, and at most without what is negative.
    """

    label: str
    comment: str
    writes: list[View]
    reads: list[View]
    code: Callable[[], list[str]] = field(default=list, repr=False)
    guard: list[tuple[View, bool]] = field(default_factory=list, kw_only=True)
    is_of_integers: bool = field(default=False, kw_only=True)

    @property
    def uses(self) -> list[View]:
        """All that it writes, reads or asks."""
        return [*self.writes, *self.reads, *(view for view, _ in self.guard)]


@dataclass(eq=False)
class Pointwise(Step):
    """Elements computed one by one: ``y0[i] = expression of {0}[i], {1}[i], …``.

    All views have the shape of ``writes[0]``; an axis of stride 0 is broadcast.
    """

    expression: str = "{0}"

    def __post_init__(self) -> None:
        self.code = self._loops

    def _loops(self) -> list[str]:
        views = [*self.writes, *self.reads]
        names = [*(f"y{i}" for i in range(len(self.writes))), *(f"x{i}" for i in range(len(self.reads)))]
        axes = merged_axes(views)
        elements = [element(name, [axis[1][i] for axis in axes]) for i, name in enumerate(names)]
        vectors = vector_expression(self.expression) if len(self.writes) == 1 else None
        if vectors and axes and axes[-1][0] >= MIN_LENGTH and axes[-1][1][0] == 1 and set(axes[-1][1]) <= {0, 1}:
            if all(view.buffer.dtype == np.float32 for view in views):
                inner = vector_loop(vectors, *axes[-1], elements, VARIABLES[len(axes) - 1])
                return nest([axis[0] for axis in axes[:-1]], inner)
        statement = f"{elements[0]} = {self.expression.format(*elements[len(self.writes) :])};"
        return nest([axis[0] for axis in axes], [statement])


@dataclass(frozen=True)
class CellRun:
    """Steps of a recurrent cell through time.

    Attributes
    ----------
    writes, reads : dict of str to View
        By the names that `call` knows.
    call : callable
        Returns the call for one step in C, given the index of the step, the names of the operands in the function, and
        whether the step is not the first.
    """

    writes: dict[str, View]
    reads: dict[str, View]
    call: Callable[[str, dict[str, str], bool], str]


@dataclass(eq=False)
class Recurrence(Step):
    """Recurrent cells that take `count` steps side by side.

    They do not wait for each other, so that a processor works on all at once where each alone would wait for itself.
    """

    writes: list[View] = field(init=False)
    reads: list[View] = field(init=False)
    runs: list[CellRun] = field(default_factory=list)
    count: int = 1

    def __post_init__(self) -> None:
        self.writes = [view for run in self.runs for view in run.writes.values()]
        self.reads = [view for run in self.runs for view in run.reads.values()]
        self.code = self._steps

    def _steps(self) -> list[str]:
        writes, reads, calls = iter(range(len(self.writes))), iter(range(len(self.reads))), []
        for run in self.runs:
            names = {name: f"y{next(writes)}" for name in run.writes} | {name: f"x{next(reads)}" for name in run.reads}
            calls.append((run, names))
        lines = [run.call("0", names, False) for run, names in calls]
        if self.count > 1:
            past = [run.call("t", names, True) for run, names in calls]
            lines += nest([self.count - 1], past, variables=["t"], first=1)
        return lines


@dataclass(eq=False)
class Program:
    """A step of a network as calls on buffers.

    Attributes
    ----------
    name : str
    inputs, outputs : dict of str to Buffer
        By the names of the ONNX file, in its order.
    steps : list of Step
    in_integers : bool
        Some of them call kernels on small integers.
    states : dict of str to str
        As those of a graph.
    """

    name: str
    inputs: dict[str, Buffer]
    outputs: dict[str, Buffer]
    steps: list[Step]
    in_integers: bool = False
    states: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"    {step.label}: {step.comment}" for step in self.steps)])


def merged_axes(views: Iterable[View]) -> list[tuple[int, list[int]]]:
    """Axes to loop over, outermost first: ``(length, [stride of each view])``.

    They follow the memory of the first view; axes that are one run in every view are joined.
    """
    views = list(views)
    order = [axis for axis in views[0].order if views[0].shape[axis] != 1]
    axes: list[tuple[int, list[int]]] = []
    for axis in order:
        length, strides = views[0].shape[axis], [view.strides[axis] for view in views]
        if axes and axes[-1][1] == [stride * length for stride in strides]:
            axes[-1] = (axes[-1][0] * length, strides)
        else:
            axes.append((length, strides))
    return axes


def place(strides: Iterable[int], *, constant: int = 0, variables: Iterable[str] = VARIABLES) -> str:
    """The index ``i * 12 + j * 4 + k + constant`` for loop variables i, j, k, … with these strides."""
    terms = [
        variable if stride == 1 else f"{variable} * {stride}"
        for variable, stride in zip(variables, strides, strict=False)
        if stride
    ]
    return " + ".join([*terms, *([str(constant)] if constant or not terms else [])]).replace("+ -", "- ")


def element(name: str, strides: Iterable[int], *, constant: int = 0, variables: Iterable[str] = VARIABLES) -> str:
    """``name[…]`` at such an index."""
    return f"{name}[{place(strides, constant=constant, variables=variables)}]"


def nest(lengths: Sequence[int], body: list[str], *, variables: Sequence[str] = VARIABLES, first: int = 0) -> list[str]:
    """Loops over variables i, j, k, … around a body, each from `first` on."""
    lines, depth = [], 0
    for variable, length in zip(variables, lengths, strict=False):
        lines.append("    " * depth + f"for (int {variable} = {first}; {variable} < {first + length}; ++{variable})")
        depth += 1
    if len(body) > 1 and lengths:
        lines[-1] += " {"
        lines += ["    " * depth + line for line in body] + ["    " * (depth - 1) + "}"]
    else:
        lines += ["    " * depth + line for line in body]
    return lines


def literal(value: np.generic | float, dtype: np.dtype) -> str:
    """A number as C writes it."""
    if dtype != np.float32:
        return f"INT64_C({int(value)})" if dtype == np.int64 else str(int(value))
    value = np.float32(value)
    if np.isnan(value):
        return '__builtin_nanf("")'
    if np.isinf(value):
        return "__builtin_inff()" if value > 0 else "-__builtin_inff()"
    text = np.format_float_scientific(value, unique=True, trim="0") if value else "0.0"
    return f"{text}f"
