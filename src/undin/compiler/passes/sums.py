"""Sums of what products in integers have made, as calls of a kernel.

Such a sum is 0 or a normal number (``lower/int8_weights.py``), so that a processor may add it up with instructions that
take subnormal numbers for zeros. Of other floats nobody knows that.
"""

import numpy as np

from undin.compiler.ir.program import Pointwise, Program, merged_axes
from undin.compiler.ir.views import Buffer

SUMS = {"({0} + {1})": 0, "undin_relu(({0} + {1}))": 1}
"""Expressions that the kernel computes, and whether with Relu."""


def call_sums(program: Program) -> None:
    """Let a kernel compute the steps that add up products in integers, element by element in memory."""
    made: set[Buffer] = set()
    others: set[Buffer] = set()
    for step in program.steps:
        is_sum = False
        if isinstance(step, Pointwise) and _is_sum(step):
            is_sum = all(view.buffer in made - others for view in step.reads)
            if is_sum:
                _call(step)
        for view in step.writes:
            (made if is_sum or step.is_of_integers else others).add(view.buffer)


def _is_sum(step: Pointwise) -> bool:
    """Whether it adds two tensors that lie in memory as the result does."""
    if step.expression not in SUMS or len(step.reads) != 2:
        return False
    views = [*step.writes, *step.reads]
    return all(view.buffer.dtype == np.float32 for view in views) and [
        set(strides) for _, strides in merged_axes(views)
    ] == [{1}]


def _call(step: Pointwise) -> None:
    count, is_relu = step.writes[0].size, SUMS[step.expression]
    step.code = lambda: [f"undin_add_products(y0, x0, x1, {count}, {is_relu});"]
