"""The constants of undin_fft.h and undin_hop.h: plan and roots of the transform, the two windows.

What they mean is told in c/stream/undin_fft.h; here they are computed, in double precision, and written as C.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from undin.model.stft import analysis_window, synthesis_window


@dataclass(frozen=True)
class Pass:
    """One pass of the complex transform of `n_fft / 2` points.

    Attributes
    ----------
    radix : int
    stride : int
        Product of the radices of the passes before.
    table : ndarray, float32
        For a prime radix above 5 the roots of one, re[radix] and im[radix]; then, but for the last pass, the twiddles
        of each bin of the radix above 0, re[blocks] and im[blocks], blocks = points / (radix · stride).
    """

    radix: int
    stride: int
    table: np.ndarray


def passes(n_fft: int) -> list[Pass]:
    """Plan the complex transform inside a real one.

    Raises
    ------
    ValueError
        If `n_fft` is odd: no transform of half the points exists.
    """
    if n_fft < 2 or n_fft % 2:
        raise ValueError(f"n_fft must be even to be compiled, got {n_fft}")
    points, stride, plan = n_fft // 2, 1, []
    for radix in _radices(points):
        blocks = points // (radix * stride)
        parts = [_roots(np.arange(radix), radix)] if radix > 5 and radix not in (8, 16) else []
        if blocks > 1:
            parts += [_roots(bin_ * np.arange(blocks), radix * blocks) for bin_ in range(1, radix)]
        plan.append(Pass(radix, stride, np.concatenate(parts) if parts else np.zeros(0, np.float32)))
        stride *= radix
    return plan


def _radices(points: int) -> list[int]:
    """Factors of `points`; the power of two comes first, so that all later passes have a stride that fills vectors."""
    twos = (points & -points).bit_length() - 1
    odd = points >> twos
    # 16 in pairs, else 8: few passes over memory, each with enough columns.
    powers = {0: [], 1: [2], 2: [4], 3: [8], 4: [16], 5: [8, 4], 6: [8, 8], 7: [16, 8], 8: [16, 16]}
    radices = [16] * max(0, (twos - 5) // 4)
    radices = sorted([*radices, *powers[twos - 4 * len(radices)]], reverse=True)
    factor = 3
    while odd > 1:
        while odd % factor == 0:
            radices.append(factor)
            odd //= factor
        factor += 2
    return radices


def _roots(turns: np.ndarray, of: int) -> np.ndarray:
    """exp(-2 pi i turns / of), all real parts, then all imaginary parts, float32."""
    angles = -2 * np.pi * (turns % of) / of
    return np.concatenate((np.cos(angles), np.sin(angles))).astype(np.float32)


def rotation(n_fft: int) -> np.ndarray:
    """-i exp(-2 pi i k / n_fft) for k < n_fft / 2, all real parts, then all imaginary parts, float32.

    Those of k and of n_fft / 2 - k are equal but for one sign, to the bit.
    """
    points = n_fft // 2
    both = _roots(np.arange(points) + n_fft / 4, n_fft).reshape(2, points)
    begin = both[:, 1 : (points + 1) // 2]
    both[:, points // 2 + 1 :] = (begin * np.array([[1], [-1]], np.float32))[:, ::-1]
    if points % 2 == 0:
        both[1, points // 2] = 0
    return both.ravel()


def c_source(n_fft: int, window: int, hop: int) -> str:
    """The constants of one model as C, to stand before `#include "undin_hop.h"`.

    Raises
    ------
    ValueError
        If `n_fft` is odd.
    """
    plan = passes(n_fft)
    offsets = np.cumsum([0, *(len(one.table) for one in plan)])
    calls = " ".join(f"PASS({one.radix}, {one.stride}, {offset})" for one, offset in zip(plan, offsets, strict=False))
    twiddles = np.concatenate([one.table for one in plan] or [np.zeros(0)])
    return "\n".join(
        (
            f"#define UNDIN_N_FFT {n_fft}",
            f"#define UNDIN_WINDOW {window}",
            f"#define UNDIN_HOP {hop}",
            f"#define UNDIN_FFT_PASSES(PASS) {calls}",
            _c_array("undin_fft_twiddles", twiddles if len(twiddles) else [0]),
            _c_array("undin_fft_rotation", rotation(n_fft)),
            _c_array("undin_analysis_window", analysis_window(window)),
            # The inverse transform is not scaled.
            _c_array("undin_synthesis_window", synthesis_window(window, hop) / np.float32(n_fft)),
        )
    )


def _c_array(name: str, values: Iterable[float]) -> str:
    numbers = [f"{value:.9g}" for value in values]
    literals = [(number if set(number) & set(".e") else number + ".0") + "f" for number in numbers]
    lines = [", ".join(literals[start : start + 8]) for start in range(0, len(literals), 8)]
    body = ",\n    ".join(lines)
    return f"static const float {name}[{len(literals)}] __attribute__((aligned(64), unused)) = {{\n    {body}}};\n"
