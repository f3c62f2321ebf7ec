"""Loops in C that take the time of every call of a function, and a function at the peak of multiply-accumulates.

They are compiled when they are needed. A call from Python would take a good part of a small network's step; these loops
add no more to a call than reading the clock, some 20 ns.
"""

import ctypes
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from undin.compiler.emit.hop import public_name
from undin.compiler.emit.source import Source
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS, Variant

PREFIX = "undin_bench"
MAX_LANES = 16
"""Floats in the widest vector."""

HEADER = """\
#include <stddef.h>

/* Multiply-accumulates of a call of the peak. */
int undin_bench_peak_macs(void);

/* Multiply and accumulate in registers alone; the sums of all lanes go to `result`, so that nothing is left out. */
void undin_bench_peak(float *result);
"""

CODE = """\
#include <time.h>

#include "undin_bench.h"
#include "undin_vector.h"

/* Sums that do not wait for each other, as many as registers hold beside a factor and a summand. */
enum { SUMS = UNDIN_REGISTERS - 4, TERMS = 8192 };

int UNDIN_PUBLIC(peak_macs)(void) { return UNDIN_LANES * SUMS * TERMS; }

void UNDIN_PUBLIC(peak)(float *result) {
    const undin_vector factor = undin_vector_of(0.999f), summand = undin_vector_of(0.001f);
    undin_vector sums[SUMS], total = undin_vector_of(0);
    for (int i = 0; i < SUMS; ++i) sums[i] = undin_vector_of((float)i);
    for (int term = 0; term < TERMS; ++term)
#pragma GCC unroll 32
        for (int i = 0; i < SUMS; ++i) sums[i] = sums[i] * factor + summand;
    for (int i = 0; i < SUMS; ++i) total += sums[i];
    undin_vector_store(result, total);
}

/* Where an argument lies: in even calls, in odd calls, and how much further in every next call. */
typedef struct {
    char *even, *odd;
    size_t stride;
} argument;

static void *at(const argument *argument, size_t call) {
    return (call % 2 ? argument->odd : argument->even) + call * argument->stride;
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}
"""

LOOP_HEADER = """
/* Call a function of {count} pointers `calls` times, and tell how long each call took. */
void undin_bench_time_{count}(void *function, const void *arguments, size_t calls, double *us);
"""

LOOP_CODE = """
void UNDIN_PUBLIC(time_{count})(void *function, const void *arguments, size_t calls, double *us) {{
    void (*const run)({types}) = (void (*)({types}))function;
    double before = now_us();
    for (size_t call = 0; call < calls; ++call) {{
        run({values});
        const double after = now_us();
        us[call] = after - before;
        before = after;
    }}
}}
"""


@dataclass(frozen=True)
class Call:
    """A C function of pointers, to be called again and again.

    Attributes
    ----------
    function : ctypes function
    arguments : ndarray, shape (pointers, 3), uintp
        Address in even calls, address in odd calls, and by how many bytes both move with every call.
    memory : sequence
        What lies there; kept, because addresses alone would not keep it.
    """

    function: Any
    arguments: np.ndarray
    memory: Sequence


class Loops:
    """The loops, compiled and loaded.

    Parameters
    ----------
    counts : iterable of int
        Of pointers that the functions to be timed take.
    variant : str, optional
        Instructions to reach the peak of, a name of `X86_VARIANTS`; the best of this machine if not given.

    Attributes
    ----------
    variant : Variant
    peak : Call
    peak_macs : int
        Multiply-accumulates of one such call.

    Raises
    ------
    OSError
        There is no C compiler, or it failed.
    ValueError
        The machine lacks the instructions.
    """

    def __init__(self, counts: Iterable[int], *, variant: str | None = None):
        counts = sorted({1, *counts})
        # Unlike a model this needs the library of C, for the clock.
        target = replace(TARGETS["native"], freestanding=False)
        with tempfile.TemporaryDirectory(prefix="undin", ignore_cleanup_errors=True) as folder:
            self._library = ctypes.CDLL(str(build(_source(counts), Path(folder), target=target)))
        self.variant = _choose(self._library, target.variants, variant)
        suffix, result = self.variant.in_floats or self.variant.suffix, np.zeros(MAX_LANES, np.float32)
        self.peak = Call(self._library[f"{PREFIX}_peak{suffix}"], same_each_time(result), [result])
        self.peak_macs = self._library[f"{PREFIX}_peak_macs{suffix}"]()

    def time_us(self, call: Call, calls: int) -> np.ndarray:
        """Duration of each of so many calls, (calls,) float64 in µs."""
        durations = np.empty(calls)
        loop = self._library[f"{PREFIX}_time_{len(call.arguments)}"]
        arguments, us = (ctypes.c_void_p(array.ctypes.data) for array in (call.arguments, durations))
        loop(call.function, arguments, ctypes.c_size_t(calls), us)
        return durations


def same_each_time(*arrays: np.ndarray) -> np.ndarray:
    """Arguments that are the same in every call."""
    return np.array([(array.ctypes.data, array.ctypes.data, 0) for array in arrays], np.uintp)


def _source(counts: list[int]) -> Source:
    header, code = HEADER, public_name(PREFIX) + CODE
    for count in counts:
        types = ", ".join(["void *"] * count)
        values = ", ".join(f"at((const argument *)arguments + {i}, call)" for i in range(count))
        header += LOOP_HEADER.format(count=count)
        code += LOOP_CODE.format(count=count, types=types, values=values)
    files = {f"{PREFIX}.h": header, f"{PREFIX}.c": code, f"{PREFIX}_weights.c": "/* None. */\n"}
    return Source(PREFIX, files, arena_bytes=0, weight_bytes=0)


def _choose(library: ctypes.CDLL, variants: Sequence[Variant], name: str | None) -> Variant:
    """The variant of a name, or the best that this machine has."""
    if len(variants) == 1:
        if name is not None:
            raise ValueError(f"code for this machine has no variants, so none is named {name}")
        return variants[0]
    best = library[f"{PREFIX}_variant"]
    best.restype = ctypes.c_char_p
    in_floats = [variant.suffix for variant in variants if not variant.in_floats]  # from the least to the best
    in_floats = in_floats[: in_floats.index(f"_{best().decode()}") + 1]
    known = {v.suffix.removeprefix("_"): v for v in variants if (v.in_floats or v.suffix) in in_floats}
    if name is not None and name not in known:
        raise ValueError(f"this machine lacks the instructions of {name}, it has {', '.join(known)}")
    return known[name or in_floats[-1].removeprefix("_")]
