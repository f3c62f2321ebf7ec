/* undin_matmul.h: matrix product with bias, residual and activation; every dense layer and every convolution over
 * frequency is one call of it.
 *
 *     y[m][n] = activation(bias[n] + residual[m][n]
 *                          + sum over t, k of a[m a_row + tap_offset[t] + k a_step] w[t depth + k][n])
 *
 * A convolution over frequency needs no copy, because channels lie innermost: the kernel_size * channels inputs of an
 * output band are contiguous, so rows simply overlap (a_row = stride * channels, depth = kernel_size * channels).
 * Kernels with holes (dilation, frames that lie apart) have one tap for each contiguous piece.
 *
 * The product runs in tiles of a few rows by a few vectors of columns whose sums stay in registers for the whole depth.
 * Sizes are constants at every call, so that the compiler unrolls each tile; sizes known only at run time work as
 * well, slowly. Not here: kernels that are sums per channel (undin_lanes.h) and recurrent cells (undin_recurrent.h).
 *
 * Read next: undin_recurrent.h, which keeps the gates of a cell in such a tile.
 */
#ifndef UNDIN_MATMUL_H
#define UNDIN_MATMUL_H

#include "undin_math.h"
#include "undin_tile.h"


/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, columns, depth;
    int taps;                       /* 1 <= taps <= UNDIN_TAPS_MAX */
    int tap_offset[UNDIN_TAPS_MAX]; /* where the input of each tap begins, from a; may be negative */
    int a_row, a_step;              /* a_step = 1 unless a is read transposed */
    int w_row;                      /* at least columns; the rows of tap t begin at row t * depth */
    int y_row;
    int residual_row;
    int padded;                     /* 1: w, bias and slope may be read up to the next multiple of 4 columns */
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
    int add_after;                  /* 1: residual is added after the activation */
} undin_matmul_shape;

/* One tile of the product: `rows` x `vectors` vectors of columns, the last of them `last` lanes wide. */
UNDIN_INLINE void undin_matmul_tile(float *y, const float *a, const float *w, const float *bias, const float *slope,
                                    const float *residual, const undin_matmul_shape *shape, int rows, int vectors,
                                    int last) {
    const undin_tile tile = {
        .rows = rows,
        .vectors = vectors,
        .lanes = UNDIN_LANES,
        .last_lanes = shape->padded ? UNDIN_SMALLER(UNDIN_PADDED(last), UNDIN_LANES) : last,
        .row_sums = vectors,
        .split = undin_tile_split(rows * vectors),
    };
    undin_vector sum[UNDIN_TILE_SUMS];
    UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
        const undin_vector start = bias ? undin_tile_load(bias + j * UNDIN_LANES, &tile, j) : undin_vector_of(0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i * vectors + j] = start;
    }
    undin_tile_begin_split(sum, &tile);
    for (int t = 0; t < shape->taps; ++t)
        undin_tile_product(sum, &tile, a + shape->tap_offset[t], shape->a_row, shape->a_step,
                           w + t * shape->depth * shape->w_row, shape->w_row, UNDIN_LANES, shape->depth);
    undin_tile_end_split(sum, &tile);

    UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
        const int column = j * UNDIN_LANES, lanes = j + 1 < vectors ? UNDIN_LANES : last;
        const undin_vector slope_j =
            shape->activation == UNDIN_PRELU ? undin_tile_load(slope + column, &tile, j) : undin_vector_of(0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
            undin_vector x = sum[i * vectors + j], added = undin_vector_of(0);
            if (residual) added = undin_vector_load_first(residual + i * shape->residual_row + column, lanes);
            if (!shape->add_after) x += added;
            x = undin_vector_activate(x, shape->activation, shape->alpha, shape->beta, slope_j);
            if (shape->add_after) x += added;
            undin_vector_store_first(y + i * shape->y_row + column, x, lanes);
        }
    }
}

/* All rows of a few vectors of columns. */
UNDIN_INLINE void undin_matmul_columns(float *y, const float *a, const float *w, const float *bias, const float *slope,
                                       const float *residual, const undin_matmul_shape *shape, int vectors, int last) {
    const int most = UNDIN_SMALLER(UNDIN_TILE_SUMS / vectors, UNDIN_TILE_ROWS);
    UNDIN_FOR_ROWS(shape->rows, most, m, height,
                   undin_matmul_tile(y + m * shape->y_row, a + m * shape->a_row, w, bias, slope,
                                     residual ? residual + m * shape->residual_row : residual, shape, height, vectors,
                                     last));
}

/* y (rows, columns) = activation(bias + a w + residual)
 *
 * a (rows, taps * depth), w (taps * depth, columns), bias and slope (columns), residual (rows, columns); bias, slope and residual may be NULL. y may be the residual itself, and must overlap nothing else. */
UNDIN_KERNEL void undin_matmul(float *y, const float *a, const float *w, const float *bias, const float *slope,
                               const float *residual, const undin_matmul_shape *shape) {
    const int vectors = UNDIN_DIVIDE_UP(shape->columns, UNDIN_LANES);
#if UNDIN_LANES > 1 /* chunks of equal width, and what remains in the last */
    const int chunks = UNDIN_DIVIDE_UP(vectors, UNDIN_TILE_VECTORS), wide = UNDIN_DIVIDE_UP(vectors, chunks);
    const int rest = vectors - (chunks - 1) * wide, wide_columns = (chunks - 1) * wide * UNDIN_LANES;
#else
    const int wide = UNDIN_TILE_VECTORS, rest = 1, wide_columns = vectors / wide * wide;
#endif
    const int last = shape->columns - (vectors - 1) * UNDIN_LANES;
    for (int n = 0; n < wide_columns; n += wide * UNDIN_LANES)
        undin_matmul_columns(y + n, a, w + n, bias ? bias + n : bias, slope ? slope + n : slope,
                             residual ? residual + n : residual, shape, wide, UNDIN_LANES);
    for (int n = wide_columns; n < shape->columns; n += rest * UNDIN_LANES)
        undin_matmul_columns(y + n, a, w + n, bias ? bias + n : bias, slope ? slope + n : slope,
                             residual ? residual + n : residual, shape, rest, last);
}

#endif
