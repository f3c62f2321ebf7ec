"""Views say where elements lie as numpy's strides do, and None where only a copy would."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undin.compiler.ir.views import Buffer, View, joined

pytestmark = pytest.mark.quick

SIZE = 240
ELEMENTS = np.arange(SIZE)
SHAPES = [(SIZE,), (4, 60), (2, 3, 40), (5, 6, 8), (2, 1, 5, 24), (3, 4, 1, 4, 5)]


def elements(view: View) -> np.ndarray:
    """What a view of the buffer 0, 1, 2, … sees."""
    return np.lib.stride_tricks.as_strided(ELEMENTS[view.offset :], view.shape, [8 * step for step in view.strides])


def fresh(shape: tuple[int, ...], **order) -> View:
    return View.dense(Buffer("b", SIZE, np.dtype(np.int64)), shape, **order)


@st.composite
def views(draw) -> tuple[View, np.ndarray]:
    """A view after a few operations, and the array that numpy makes of the same."""
    shape = draw(st.sampled_from(SHAPES))
    view, array = fresh(shape), ELEMENTS.reshape(shape)
    for _ in range(draw(st.integers(0, 4))):
        rank = len(view.shape)
        operation = draw(st.sampled_from(("transpose", "slice", "select", "expand")))
        if operation == "transpose":
            permutation = tuple(draw(st.permutations(range(rank))))
            view, array = view.transpose(permutation), array.transpose(permutation)
        elif operation == "slice" and rank:
            axis = draw(st.integers(0, rank - 1))
            start, stop = (draw(st.integers(0, view.shape[axis] - 1)) for _ in range(2))
            step = draw(st.integers(1, 3))
            if start > stop:
                step = -step
            stop += 1 if step > 0 else -1
            view = view.slice(axis, start, stop, step)
            array = array[(slice(None),) * axis + (slice(start, None if stop < 0 else stop, step),)]
        elif operation == "select" and rank:
            axis = draw(st.integers(0, rank - 1))
            index = draw(st.integers(0, view.shape[axis] - 1))
            view, array = view.select(axis, index), array.take(index, axis)
        elif operation == "expand" and rank < 5:
            wider = (draw(st.integers(1, 3)), *view.shape)
            view, array = view.expand(wider), np.broadcast_to(array, wider)
    return view, array


def divisions(length: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of so many elements, with axes of length 1 among them."""
    factors = [d for d in range(1, length + 1) if length % d == 0]
    return st.lists(st.sampled_from(factors), max_size=4).map(lambda parts: _completed(parts, length))


def _completed(parts: list[int], length: int) -> tuple[int, ...]:
    shape = []
    for part in parts:
        part = np.gcd(part, length)
        shape.append(int(part))
        length //= part
    return (*shape, int(length))


@given(views())
def test_views_see_what_numpy_sees(pair):
    view, array = pair
    np.testing.assert_array_equal(elements(view), array)


@given(views(), st.data())
def test_reshaping_keeps_the_order_of_elements_or_says_that_it_cannot(pair, data):
    view, array = pair
    shape = data.draw(divisions(view.size))
    reshaped = view.reshape(shape)
    if reshaped is not None:
        np.testing.assert_array_equal(elements(reshaped), array.reshape(shape))
        return
    try:  # numpy cannot do it without a copy either
        elements(view).reshape(shape, copy=False)
    except ValueError:
        return
    raise AssertionError(f"{view} can be seen as {shape}")


@given(views(), st.data())
def test_pieces_side_by_side_are_seen_as_one(pair, data):
    view, _ = pair
    axis = data.draw(st.sampled_from([axis for axis, length in enumerate(view.shape) if length > 1] or [None]))
    if axis is None:
        return
    cuts = sorted(data.draw(st.sets(st.integers(1, view.shape[axis] - 1), min_size=1)))
    ends = [0, *cuts, view.shape[axis]]
    pieces = [view.slice(axis, start, stop) for start, stop in pairwise(ends)]
    np.testing.assert_array_equal(elements(joined(pieces, axis)), elements(view))
    mixed = data.draw(st.permutations(pieces))
    whole = joined(mixed, axis)
    if whole is not None:
        np.testing.assert_array_equal(elements(whole), np.concatenate([elements(piece) for piece in mixed], axis))


def test_pieces_of_other_buffers_are_not_joined():
    a, b = fresh((3, 4)), fresh((3, 4))
    assert joined([a, b], 0) is None
    assert joined([a.slice(0, 0, 1), a.slice(0, 2, 3)], 1) is None


@given(st.sampled_from(SHAPES), st.data())
def test_dense_views_fill_their_buffer_in_the_order_of_their_axes(shape, data):
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    view = fresh(shape, order=order)
    np.testing.assert_array_equal(elements(view).transpose(order).reshape(-1), ELEMENTS)
    assert [axis for axis in view.order if shape[axis] > 1] == [axis for axis in order if shape[axis] > 1]
