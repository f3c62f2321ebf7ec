/* undin_eight.h: sums of floats in eight lanes, in the same order on every processor, so that all compute the same bits.
 *
 * To be compiled with -ffp-contract=off. A vector of eight is one register with AVX and two with SSE, NEON or
 * WebAssembly; compilers split it where there is none. It never crosses a function, where its size would be part of the
 * binary interface.
 */
#ifndef UNDIN_EIGHT_H
#define UNDIN_EIGHT_H

#include "undin_vector.h"

typedef float undin_eight __attribute__((vector_size(32)));
typedef float undin_eight_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

#define UNDIN_LOAD_EIGHT(from) (*(const undin_eight_unaligned *)(from))
#define UNDIN_STORE_EIGHT(to, x) (*(undin_eight_unaligned *)(to) = (x))
#define UNDIN_SUM_OF_EIGHT(x) ((((x)[0] + (x)[4]) + ((x)[1] + (x)[5])) + (((x)[2] + (x)[6]) + ((x)[3] + (x)[7])))

/* Without vectors a sum is long, and has one copy. */
#if UNDIN_LANES > 1
#define UNDIN_SUM UNDIN_INLINE
#else
#define UNDIN_SUM UNDIN_OUTLINED
#endif

/* Sum of squares. */
UNDIN_SUM float undin_energy(const float *x, int count) {
    undin_eight sums = {0};
    int i = 0;
    for (; i + 8 <= count; i += 8) sums += UNDIN_LOAD_EIGHT(x + i) * UNDIN_LOAD_EIGHT(x + i);
    float energy = UNDIN_SUM_OF_EIGHT(sums);
    for (; i < count; ++i) energy += x[i] * x[i];
    return energy;
}

/* Sum of products; `count` is a multiple of 8. */
UNDIN_SUM float undin_dot(const float *x, const float *y, int count) {
    undin_eight even = {0}, odd = {0};
    int i = 0;
    for (; i + 16 <= count; i += 16) {
        even += UNDIN_LOAD_EIGHT(x + i) * UNDIN_LOAD_EIGHT(y + i);
        odd += UNDIN_LOAD_EIGHT(x + i + 8) * UNDIN_LOAD_EIGHT(y + i + 8);
    }
    if (i < count) even += UNDIN_LOAD_EIGHT(x + i) * UNDIN_LOAD_EIGHT(y + i);
    const undin_eight sums = even + odd;
    return UNDIN_SUM_OF_EIGHT(sums);
}

/* Inputs that are filtered together, with the same filters. */
#define UNDIN_MAX_TOGETHER 4

/* A matrix of an even number of `rows` by 8, times as many samples of each of `count` inputs: eight outputs of each. */
UNDIN_INLINE void undin_eight_outputs(const float *restrict matrix, int rows, const float *const *x, int count,
                                      float *restrict out);

/* The same with twice as many columns, sixteen outputs of each, for which a sample need be loaded but once. */
UNDIN_INLINE void undin_two_eights(const float *restrict matrix, int rows, const float *const *x, int count,
                                   float *restrict out);

#if UNDIN_LANES == 1

/* Eight neighbouring columns of a matrix, `rows` rows each `next_row` floats after the last, times samples. Where there is
 * no vector one of eight would lie in memory; these are registers, and sum in the same order. */
__attribute__((noinline, unused)) static void undin_eight_columns(const float *restrict matrix, int next_row, int rows,
                                                                  const float *restrict x, int next_x,
                                                                  float *restrict out) {
    float a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    for (int row = 0; row < rows; ++row) {
        const float sample = *x;
        a += matrix[0] * sample;
        b += matrix[1] * sample;
        c += matrix[2] * sample;
        d += matrix[3] * sample;
        e += matrix[4] * sample;
        f += matrix[5] * sample;
        g += matrix[6] * sample;
        h += matrix[7] * sample;
        matrix += next_row;
        x += next_x;
    }
    const float sums[8] = {a, b, c, d, e, f, g, h};
    for (int k = 0; k < 8; ++k) out[k] = sums[k];
}

UNDIN_INLINE void undin_eight_outputs(const float *restrict matrix, int rows, const float *const *x, int count,
                                      float *restrict out) {
    for (int i = 0; i < count; ++i, out += 8) {
        float odd[8];
        undin_eight_columns(matrix, 16, rows / 2, x[i], 2, out);
        undin_eight_columns(matrix + 8, 16, rows / 2, x[i] + 1, 2, odd);
        for (int k = 0; k < 8; ++k) out[k] += odd[k];
    }
}

UNDIN_INLINE void undin_two_eights(const float *restrict matrix, int rows, const float *const *x, int count,
                                   float *restrict out) {
    for (int i = 0; i < count; ++i, out += 16) {
        undin_eight_columns(matrix, 16, rows, x[i], 1, out);
        undin_eight_columns(matrix + 8, 16, rows, x[i], 1, out + 8);
    }
}

#else

UNDIN_INLINE void undin_eight_outputs(const float *restrict matrix, int rows, const float *const *x, int count,
                                      float *restrict out) {
    undin_eight even[UNDIN_MAX_TOGETHER], odd[UNDIN_MAX_TOGETHER];
    for (int i = 0; i < count; ++i) even[i] = odd[i] = (undin_eight){0};
    for (int row = 0; row < rows; row += 2) {
        const undin_eight taps = UNDIN_LOAD_EIGHT(matrix + 8 * row), more = UNDIN_LOAD_EIGHT(matrix + 8 * row + 8);
        for (int i = 0; i < count; ++i) even[i] += taps * x[i][row];
        for (int i = 0; i < count; ++i) odd[i] += more * x[i][row + 1];
    }
    for (int i = 0; i < count; ++i) UNDIN_STORE_EIGHT(out + 8 * i, even[i] + odd[i]);
}

UNDIN_INLINE void undin_two_eights(const float *restrict matrix, int rows, const float *const *x, int count,
                                   float *restrict out) {
    undin_eight left[UNDIN_MAX_TOGETHER], right[UNDIN_MAX_TOGETHER];
    for (int i = 0; i < count; ++i) left[i] = right[i] = (undin_eight){0};
    for (int row = 0; row < rows; ++row) {
        const undin_eight taps = UNDIN_LOAD_EIGHT(matrix + 16 * row), more = UNDIN_LOAD_EIGHT(matrix + 16 * row + 8);
        for (int i = 0; i < count; ++i) {
            left[i] += taps * x[i][row];
            right[i] += more * x[i][row];
        }
    }
    for (int i = 0; i < count; ++i) {
        UNDIN_STORE_EIGHT(out + 16 * i, left[i]);
        UNDIN_STORE_EIGHT(out + 16 * i + 8, right[i]);
    }
}

#endif

#endif
