"""Loops over single elements as loops over vectors, where an element costs so much that compilers must not choose.

They would do that themselves, but gcc computes both sides of every comparison inside exp and its kin, some of them with
numbers so small that processors take a hundred steps for each.
"""

import re
from collections.abc import Sequence

COSTLY = {"exp", "sigmoid", "tanh", "erf", "log", "pow_small", "elu", "scaled_tanh", "softsign", "softplus"}
"""Functions of undin_math_forms.h that are worth it."""

CHEAP = {"relu", "leaky_relu", "thresholded_relu", "bounded_relu", "clip", "affine", "hard_sigmoid"}
"""Others that are there for vectors too; beyond the first argument all have numbers."""

MIN_LENGTH = 8
"""Of an innermost loop: a shorter one would be a part of a vector again and again."""

FUNCTION = re.compile(r"undin_(\w+)\(")
PLAIN = re.compile(r"[\s()+\-*/,]|\{\d+\}|[\d.]+(e[+-]?\d+)?f")
"""All else that stands in an expression of floats."""


def vector_expression(expression: str) -> str | None:
    """An expression of elements ``{0}, {1}, …`` as one of vectors; None where it has no such form or need."""
    names = set(FUNCTION.findall(expression))
    if not names & COSTLY or not names <= COSTLY | CHEAP or PLAIN.sub("", FUNCTION.sub("", expression)):
        return None
    return FUNCTION.sub(r"undin_vector_\1(", expression)


def vector_loop(expression: str, length: int, steps: Sequence[int], places: Sequence[str], variable: str) -> list[str]:
    """The innermost loop over `variable`.

    Parameters
    ----------
    expression : str
        Of vectors.
    length : int
    steps : sequence of int
        Strides of the result and of all operands, 0 or 1.
    places : sequence of str
        Their elements in C at `variable`, ``x0[i * 12 + j]``.
    """

    def lines(lanes: str) -> list[str]:
        part, last = ("", "") if lanes == "UNDIN_LANES" else ("_first", f", {lanes}")
        loads = [
            f"undin_vector_load{part}(&{place}{last})" if step else f"undin_vector_of({place})"
            for step, place in zip(steps[1:], places[1:], strict=True)
        ]
        # Whatever is a number alone becomes a vector by what is added to it.
        return [f"undin_vector_store{part}(&{places[0]}, {expression.format(*loads)}{last});"]

    rest = f"{length} % UNDIN_LANES"
    return [
        f"for (int {variable} = 0; {variable} + UNDIN_LANES <= {length}; {variable} += UNDIN_LANES)",
        *(f"    {line}" for line in lines("UNDIN_LANES")),
        f"if ({rest}) {{",
        f"    const int {variable} = {length} - {rest};",
        *(f"    {line}" for line in lines(rest)),
        "}",
    ]
