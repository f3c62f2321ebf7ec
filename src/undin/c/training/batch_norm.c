/* batch_norm.c: batch normalisation, with or without a rectifier (ReLU) after it, for training on CPUs.
 *
 *     y = max(0, scale x + shift)
 *
 * where scale and shift hold the statistics of the batch. Forward and backward are two passes each: sums over all rows,
 * which the caller turns into one factor a channel (and adds up over processes), then the product with these factors.
 * The rectifier's output is not kept for its gradient, but known again from x.
 *
 * Arrays are contiguous, (rows, CHANNELS). Read next: BatchNorm in nn/batch_norm.py, with the equations.
 */
#include <stddef.h>
#include <string.h>

#include "undin_math.h"

enum { VECTORS = (CHANNELS + UNDIN_LANES - 1) / UNDIN_LANES, ROWS_A_SUM = 512 };

/* The lanes of vector v of a row, of which the last may be short. */
#define LANES(v) (CHANNELS - (v) * UNDIN_LANES < UNDIN_LANES ? CHANNELS - (v) * UNDIN_LANES : UNDIN_LANES)
#define LOAD(from, v) undin_vector_load_first((from) + (v) * UNDIN_LANES, LANES(v))
#define STORE(to, v, x) undin_vector_store_first((to) + (v) * UNDIN_LANES, x, LANES(v))
#define FOR_VECTORS(v) UNDIN_UNROLL for (int v = 0; v < VECTORS; ++v)

UNDIN_INLINE undin_vector rectified(undin_vector x) { return undin_vector_max(x, undin_vector_of(0)); }

/* The gradient where the rectifier lets it through. */
UNDIN_INLINE undin_vector passed(undin_vector gradient, undin_vector y) {
    return undin_vector_if_less(undin_vector_of(0), y, gradient, undin_vector_of(0));
}

/* Add two rows of sums to `total` (2, CHANNELS). Sums of few rows are floats, their sums are doubles, so that nothing is
   lost with many rows. */
UNDIN_INLINE void add_up(double *total, const undin_vector *sum) {
    float row[UNDIN_LANES * VECTORS];
    for (int which = 0; which < 2; ++which) {
        memcpy(row, sum + which * VECTORS, sizeof row);
        for (int c = 0; c < CHANNELS; ++c) total[which * CHANNELS + c] += row[c];
    }
}

/* total (2, CHANNELS): the sums of x and of its squares */
void undin_batch_norm_sums(ptrdiff_t rows, const float *x, double *total) {
    memset(total, 0, sizeof(double) * 2 * CHANNELS);
    for (ptrdiff_t first = 0; first < rows; first += ROWS_A_SUM) {
        const ptrdiff_t end = rows - first < ROWS_A_SUM ? rows : first + ROWS_A_SUM;
        undin_vector sum[2 * VECTORS];
        memset(sum, 0, sizeof sum);
        for (ptrdiff_t row = first; row < end; ++row) {
            FOR_VECTORS(v) {
                const undin_vector value = LOAD(x + row * CHANNELS, v);
                sum[v] += value;
                sum[VECTORS + v] += value * value;
            }
        }
        add_up(total, sum);
    }
}

/* y = scale x + shift, and its positive part alone if `rectify` */
void undin_batch_norm_apply(ptrdiff_t rows, int rectify, const float *x, const float *scale, const float *shift,
                            float *y) {
    undin_vector a[VECTORS], b[VECTORS];
    FOR_VECTORS(v) a[v] = LOAD(scale, v), b[v] = LOAD(shift, v);
    for (ptrdiff_t row = 0; row < rows; ++row) {
        FOR_VECTORS(v) {
            const undin_vector value = LOAD(x + row * CHANNELS, v) * a[v] + b[v];
            STORE(y + row * CHANNELS, v, rectify ? rectified(value) : value);
        }
    }
}

/* total (2, CHANNELS): the sums of the gradient before the rectifier, and of its product with x */
void undin_batch_norm_gradient_sums(ptrdiff_t rows, int rectify, const float *gradient, const float *x,
                                    const float *scale, const float *shift, double *total) {
    undin_vector a[VECTORS], b[VECTORS];
    FOR_VECTORS(v) a[v] = LOAD(scale, v), b[v] = LOAD(shift, v);
    memset(total, 0, sizeof(double) * 2 * CHANNELS);
    for (ptrdiff_t first = 0; first < rows; first += ROWS_A_SUM) {
        const ptrdiff_t end = rows - first < ROWS_A_SUM ? rows : first + ROWS_A_SUM;
        undin_vector sum[2 * VECTORS];
        memset(sum, 0, sizeof sum);
        for (ptrdiff_t row = first; row < end; ++row) {
            FOR_VECTORS(v) {
                const undin_vector value = LOAD(x + row * CHANNELS, v);
                undin_vector g = LOAD(gradient + row * CHANNELS, v);
                if (rectify) g = passed(g, value * a[v] + b[v]);
                sum[v] += g;
                sum[VECTORS + v] += g * value;
            }
        }
        add_up(total, sum);
    }
}

/* x_gradient = scale g + slope x + offset, where g is the gradient before the rectifier */
void undin_batch_norm_gradient(ptrdiff_t rows, int rectify, const float *gradient, const float *x, const float *scale,
                               const float *shift, const float *slope, const float *offset, float *x_gradient) {
    undin_vector a[VECTORS], b[VECTORS], c[VECTORS], d[VECTORS];
    FOR_VECTORS(v) a[v] = LOAD(scale, v), b[v] = LOAD(shift, v), c[v] = LOAD(slope, v), d[v] = LOAD(offset, v);
    for (ptrdiff_t row = 0; row < rows; ++row) {
        FOR_VECTORS(v) {
            const undin_vector value = LOAD(x + row * CHANNELS, v);
            undin_vector g = LOAD(gradient + row * CHANNELS, v);
            if (rectify) g = passed(g, value * a[v] + b[v]);
            STORE(x_gradient + row * CHANNELS, v, a[v] * g + (c[v] * value + d[v]));
        }
    }
}
