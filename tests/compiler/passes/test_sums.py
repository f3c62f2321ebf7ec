"""What a processor may add up that takes subnormal numbers for zeros: products in integers, and nothing else."""

import numpy as np
import pytest

from undin.compiler.ir.program import Pointwise, Program, Step
from undin.compiler.ir.views import Buffer, View
from undin.compiler.passes.sums import call_sums

pytestmark = pytest.mark.quick
FLOATS = np.dtype(np.float32)


def tensor(*shape: int) -> View:
    return View.dense(Buffer("tensor", int(np.prod(shape)), FLOATS), shape)


def code_of(*steps: Step) -> list[str]:
    """The code of the last of some steps."""
    call_sums(Program("steps", {}, {}, list(steps)))
    return steps[-1].code()


def product(to: View) -> Step:
    return Step("int8_conv", "", [to], [], is_of_integers=True)


def total(to: View, *of: View, expression: str = "({0} + {1})") -> Step:
    return Pointwise("add", "", [to], list(of), expression=expression)


def test_sums_of_products_and_of_such_sums():
    a, b, c, d = (tensor(3, 4) for _ in range(4))
    first = total(c, a, b, expression="undin_relu(({0} + {1}))")
    assert code_of(product(a), product(b), first, total(d, c, a)) == ["undin_add_products(y0, x0, x1, 12, 0);"]
    assert first.code() == ["undin_add_products(y0, x0, x1, 12, 1);"]


@pytest.mark.parametrize("between", ["nothing", "others", "both"])
def test_other_floats_are_added_as_ever(between):
    a, b, c = (tensor(3, 4) for _ in range(3))
    others = {"nothing": [], "others": [Step("copy", "", [b], [])], "both": [product(b), Step("copy", "", [b], [])]}
    assert "undin_add_products" not in "".join(code_of(product(a), *others[between], total(c, a, b)))


def test_elements_must_lie_as_those_of_the_sum():
    a, b, c = tensor(3, 4), tensor(4, 3), tensor(3, 4)
    turned = View(b.buffer, (3, 4), (1, 3))
    assert "undin_add_products" not in "".join(code_of(product(a), product(b), total(c, a, turned)))


def test_differences_are_no_sums():
    a, b, c = (tensor(8) for _ in range(3))
    step = total(c, a, b, expression="({0} - {1})")
    assert "undin_add_products" not in "".join(code_of(product(a), product(b), step))
