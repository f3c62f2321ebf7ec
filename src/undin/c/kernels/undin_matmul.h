/* undin_matmul.h: matrix product with bias, residual and activation; every dense layer and every convolution over
 * frequency is one call of it.
 *
 *     y[m][n] = activation(bias[n] + residual[m][n]
 *                          + sum over t, k of a[m a_row + tap_offset[t] + k a_step] w[t w_tap + k w_row + n])
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
    int w_row;                      /* at least columns */
    int w_tap;                      /* from the weights of one tap to those of the next */
    int y_row;
    int residual_row;
    int padded;                     /* 1: w and bias may be read up to the next multiple of 4 columns */
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
} undin_matmul_shape;

/* One tile of the product: `rows` x `vectors` vectors of columns, the last of them `last` lanes wide. */
UNDIN_INLINE void undin_matmul_tile(float *y, const float *a, const int *tap_offset, const float *w,
                                    const float *bias, const float *residual, const undin_matmul_shape *shape,
                                    int rows, int vectors, int last) {
    const undin_tile tile = undin_plain_tile(rows, vectors, last, shape->padded);
    undin_vector sum[UNDIN_TILE_SUMS];
    const int has_bias = bias != 0;
    UNDIN_OPAQUE(bias);
    UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
        const undin_vector start = has_bias ? undin_tile_load(bias, 0, &tile, j) : undin_vector_of(0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i * vectors + j] = start;
    }
    undin_tile_begin_split(sum, &tile);
    for (int t = 0; t < shape->taps; ++t)
        undin_tile_product(sum, &tile, a + tap_offset[t], shape->a_row, shape->a_step,
                           w + t * shape->w_tap, shape->w_row, 0, shape->depth);
    undin_tile_end_split(sum, &tile);

    undin_tile_finish(sum, &tile, last, residual, shape->residual_row, shape->activation, shape->alpha, shape->beta);
    undin_tile_store(y, shape->y_row, sum, &tile, last);
}

/* All rows of a few vectors of columns. */
UNDIN_INLINE void undin_matmul_columns(float *y, const float *a, const int *tap_offset, const float *w,
                                       const float *bias, const float *residual, const undin_matmul_shape *shape,
                                       int vectors, int last) {
    UNDIN_FOR_ROWS(shape->rows, undin_tile_height(shape->rows, vectors), m, height,
                   undin_matmul_tile(y + m * shape->y_row, a + m * shape->a_row, tap_offset, w, bias,
                                     residual ? residual + m * shape->residual_row : residual, shape, height, vectors,
                                     last));
}

/* y (rows, columns) = activation(bias + a w + residual)
 *
 * a (rows, taps, depth), w (taps, depth, columns), bias (columns), residual (rows, columns); bias and residual
 * may be NULL. y may be the residual itself, and must overlap nothing else. */
UNDIN_KERNEL void undin_matmul(float *y, const float *a, const float *w, const float *bias, const float *residual,
                               const undin_matmul_shape *sizes) {
    /* clang makes no constants of a struct that is read by a variable index, as tap_offset is: part the two. */
    const undin_matmul_shape copy = *sizes, *const shape = &copy;
    const int *tap_offset = sizes->tap_offset;
    const int widest = undin_tile_widest(shape->rows, UNDIN_DIVIDE_UP(shape->columns, UNDIN_LANES),
                                         shape->taps * shape->depth);
    UNDIN_FOR_CHUNKS(shape->columns, widest, n, vectors, last,
        undin_matmul_columns(y + n, a, tap_offset, w + n, bias ? bias + n : bias, residual ? residual + n : residual,
                             shape, vectors, last));
}

#endif
