"""Calls of a kernel with the same sizes share one function: compilers take most of their time for kernels.

Each call of a kernel is compiled for its own sizes. Borders on both sides of a convolution, the two directions of a
recurrent cell, its first step and the others often have the same, and so have layers that differ in strides alone.
"""

import re
from collections import Counter
from collections.abc import Sequence

WRITTEN = {
    "undin_matmul": 1,
    "undin_depthwise": 1,
    "undin_band_mix": 1,
    "undin_gru_step": 1,
    "undin_gru_reset_first_step": 2,
    "undin_lstm_step": 2,
    "undin_rnn_step": 1,
}
"""Kernels, and how many of their first arguments they write; all are floats."""

CALL = re.compile(rf"\b({'|'.join(WRITTEN)})\(([^{{}}]*), (&\(undin_\w+\)\{{.*?\}})\);")

Call = re.Match[str]
Key = tuple[str, tuple[bool, ...], str]
"""A kernel, which of its arguments are there, and its sizes."""


def share(functions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Functions for calls that occur more than once, and the given functions with calls of these."""
    calls = [call for text in functions for call in CALL.finditer(text)]
    counts, inside = Counter(map(_key, calls)), {_key(call) for call in calls if _reads_what_it_writes(call)}
    names: dict[Key, str] = {}

    def replaced(call: Call) -> str:
        key = _key(call)
        if counts[key] == 1:
            return call[0]
        name = names.setdefault(key, f"{call[1].removeprefix('undin_')}_of_{len(names)}")
        return f"{name}({', '.join(argument for argument in _arguments(call) if argument != '0')});"

    changed = [CALL.sub(replaced, text) for text in functions]
    pointers = {key: "*" if key in inside else "*restrict " for key in names}
    return [_definition(name, *key, pointer=pointers[key]) for key, name in names.items()], changed


def _arguments(call: Call) -> list[str]:
    return call[2].split(", ")


def _key(call: Call) -> Key:
    return call[1], tuple(argument != "0" for argument in _arguments(call)), call[3]


def _reads_what_it_writes(call: Call) -> bool:
    """Whether a tensor that it writes is one of those that it reads: an earlier state, or what is added."""
    tensors = [argument.split(" ")[0] for argument in _arguments(call)]
    written = tensors[: WRITTEN[call[1]]]
    return any(tensor in written for tensor in tensors[len(written) :])


def _definition(name: str, kernel: str, is_there: Sequence[bool], sizes: str, *, pointer: str) -> str:
    """A function that is one call."""
    kinds = ["float " if index < WRITTEN[kernel] else "const float " for index in range(len(is_there))]
    parameters = [f"{kind}{pointer}p{i}" for i, kind in enumerate(kinds) if is_there[i]]
    arguments = [f"p{i}" if there else "0" for i, there in enumerate(is_there)]
    return f"static void {name}({', '.join(parameters)}) {{\n    {kernel}({', '.join(arguments)}, {sizes});\n}}\n"
