"""Weights as integers of 8 bits, each column with its own scale, and how they lie in memory."""

from dataclasses import dataclass

import numpy as np

from undin.compiler.lower.calls import padded

GROUP = 4
"""Weights of one column that lie together."""

MAX = 127
"""Of weights that are rounded here, and nearly of the sum of two neighbours with one sign: so they are narrow."""

NARROW = 128
"""Of the sum of two neighbours with one sign, so that their products with unsigned bytes fit into 16 bits."""

TOLERANCE = 1e-4
"""Of weights that are multiples of a scale, in that scale: what float32 makes of them, scaled again by a norm."""

MAX_WIDE = 32767
"""Of weights of 16 bits."""

MAX_SUM = 65000
"""Of the weights of a column without their signs, of 16 bits: times 32768 it is a number of 32 bits, rounding apart."""

LEAST = 2.0**-60
"""Of scales and of biases other than 0: then no sum of integers, scaled and with its bias, is subnormal, nor is a gate,
and a processor that takes such numbers for zeros computes the same bits (``c/kernels/undin_int8_helium.h``)."""

FIRST = 16
"""Weights of a column that show at once whether a scale may fit."""


@dataclass(frozen=True, eq=False)
class WholeWeights:
    """What `round_weights` or `round_wide` has made.

    Attributes
    ----------
    parts : list of ndarray, shape (…, depth, columns), int8 or int16
    zeros : ndarray, shape (columns,), int32, optional
        What stands for 0; None where that is 0 in all columns.
    scale : ndarray, shape (columns,), float32
        By which they are multiplied.
    are_narrow : bool
        As undin_integer.h says.
    """

    parts: list[np.ndarray]
    zeros: np.ndarray | None
    scale: np.ndarray
    are_narrow: bool


def round_weights(*parts: np.ndarray, may_have_zeros: bool = False) -> WholeWeights:
    """Round weights; those that are integers times a scale already, as a quantised file has them, are found again.

    Parameters
    ----------
    *parts : ndarray, shape (…, depth, columns), float32
        Of one product: what begins at a multiple of four along the depth in memory, is a part or a row of one.
    may_have_zeros : bool
        There is a kernel for zero points other than 0.
    """
    columns = parts[0].shape[-1]
    flat = np.concatenate([part.reshape(-1, columns) for part in parts])
    scale, zeros, is_known = known_scale(flat)
    is_known &= (may_have_zeros | (zeros == 0)) & (scale >= LEAST)
    zeros = np.where(is_known, zeros, 0)
    largest = np.maximum(np.abs(flat).max(axis=0, initial=0), _sums_of_neighbours(parts))
    own = np.where(largest > 0, np.maximum(largest / MAX, LEAST), 1).astype(np.float32)
    scale = np.where(is_known, scale, own)
    whole = [(np.rint(part / scale) + zeros).astype(np.int8) for part in parts]
    are_narrow = bool((_sums_of_neighbours(whole) <= NARROW).all())
    return WholeWeights(whole, zeros if zeros.any() else None, scale, are_narrow)


def round_wide(*parts: np.ndarray) -> WholeWeights:
    """Round weights that meet integers of 16 bits to as many, so that no sum of their products leaves 32 bits."""
    columns = parts[0].shape[-1]
    flat = np.abs(np.concatenate([part.reshape(-1, columns) for part in parts]), dtype=np.float64)
    needed = np.maximum(flat.sum(0) / MAX_SUM, flat.max(0, initial=0) / MAX_WIDE)
    scale = np.where(needed > 0, np.maximum(needed, LEAST), 1).astype(np.float32)
    whole = [np.rint(part / scale).astype(np.int16) for part in parts]
    return WholeWeights(whole, None, scale, False)


def _sums_of_neighbours(parts: list[np.ndarray] | tuple[np.ndarray, ...]) -> np.ndarray:
    """Largest sum of two neighbours with the same sign in each column, without it."""
    found = []
    for part in parts:
        wide = part.astype(np.float64)
        even, odd = wide[..., 0 : part.shape[-2] // 2 * 2 : 2, :], wide[..., 1::2, :]
        sums = np.where(even * odd > 0, np.abs(even + odd), 0)
        found.append(sums.reshape(-1, part.shape[-1]).max(axis=0, initial=0))
    return np.max(found, axis=0)


def known_scale(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales of columns that are multiples of one, over a range of 8 bits.

    Parameters
    ----------
    weights : ndarray, shape (depth, columns)

    Returns
    -------
    scale : ndarray, shape (columns,), float32
    zeros : ndarray, shape (columns,), int32
        What is to be added to the multiples, so that they lie in [-128, 127]: 0 where they do.
    is_known : ndarray of bool, shape (columns,)
    """
    largest = np.abs(weights).max(axis=0, initial=0)
    scale, left = np.ones_like(largest, np.float32), largest > 0
    is_known = ~left
    for steps in (*range(MAX, 0, -1), *range(255, MAX, -1)):  # those first that need no zero but 0
        tried = np.flatnonzero(left & ~is_known)
        tried = tried[_fits(weights[:FIRST, tried], largest[tried] / np.float32(steps))]
        tried = tried[_fits(weights[:, tried], largest[tried] / np.float32(steps))]
        scale[tried], is_known[tried] = largest[tried] / np.float32(steps), True
    low, high = (np.rint(edge(axis=0, initial=0) / scale) for edge in (weights.min, weights.max))
    zeros = np.where(low < -128, -128 - low, np.where(high > 127, 127 - high, 0))
    return scale, zeros.astype(np.int32), is_known


def _fits(weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Which columns are multiples of their scale over a range of 8 bits."""
    counts = weights / scale
    near = np.rint(counts)
    is_near = (np.abs(counts - near) < TOLERANCE).all(axis=0)
    return is_near & (near.max(axis=0, initial=0) - near.min(axis=0, initial=0) <= 255)


def pack_groups(weights: np.ndarray) -> np.ndarray:
    """(…, depth, columns) as (…, ceil(depth / 4), padded columns, 4), filled up with zeros; with 2 of 16 bits for 4."""
    *outer, depth, columns = weights.shape
    group = GROUP // weights.dtype.itemsize
    filled = np.pad(weights, [(0, 0)] * len(outer) + [(0, -depth % group), (0, padded(columns) - columns)])
    return filled.reshape(*outer, -1, group, padded(columns)).swapaxes(-1, -2)


def pack_row(numbers: np.ndarray) -> np.ndarray:
    """Numbers of columns, (…, columns), as many as there are padded columns; floats below `LEAST` are 0."""
    numbers = np.where(np.abs(numbers) < LEAST, numbers.dtype.type(0), numbers)
    return np.pad(numbers, [(0, 0)] * (numbers.ndim - 1) + [(0, padded(numbers.shape[-1]) - numbers.shape[-1])])
