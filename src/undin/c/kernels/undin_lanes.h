/* undin_lanes.h: kernels that work on every channel by itself, a vector of channels at a time.
 *
 * A channel meets no other, so that a vector of the input is multiplied by a vector of weights; the sums of a few rows
 * stay in registers. w is packed with its channels padded to a multiple of 4 with zeros.
 *
 * Read next: undin_matmul.h, for kernels that mix channels.
 */
#ifndef UNDIN_LANES_H
#define UNDIN_LANES_H

#include "undin_math.h"
#include "undin_tile.h"

/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, channels, taps;
    int tap_offset[UNDIN_TAPS_MAX]; /* where the input of each tap begins, from x; may be negative */
    int x_row, w_tap, y_row;        /* w_tap: from the weights of one tap to those of the next */
    int residual_row;
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
} undin_depthwise_shape;

/* Each multiplication has its own load of x, so that few sums suffice. */
UNDIN_INLINE int undin_depthwise_height(int rows) {
    return UNDIN_LANES == 1 || rows % 8 == 0 ? 8 : UNDIN_DIVIDE_UP(rows, UNDIN_DIVIDE_UP(rows, 8));
}

UNDIN_INLINE void undin_depthwise_tile(float *y, const float *x, const int *tap_offset, const float *w,
                                       const float *bias, const float *residual, const undin_depthwise_shape *shape,
                                       int rows, int vectors, int lanes) {
    const undin_tile tile = undin_plain_tile(rows, vectors, lanes, 1);
    undin_vector sum[UNDIN_TILE_SUMS];
    const int has_bias = bias != 0;
    UNDIN_OPAQUE(bias);
    const undin_vector start = has_bias ? undin_tile_load(bias, 0, &tile, 0) : undin_vector_of(0);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i] = start;
    for (int t = 0; t < shape->taps; ++t) {
        const float *x_tap = x + tap_offset[t];
        const undin_vector w_tap = undin_tile_load(w + t * shape->w_tap, 0, &tile, 0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i)
            sum[i] += undin_vector_load_first(x_tap + i * shape->x_row, lanes) * w_tap;
    }
    undin_tile_finish(sum, &tile, lanes, residual, shape->residual_row, shape->activation, shape->alpha, shape->beta);
    undin_tile_store(y, shape->y_row, sum, &tile, lanes);
}

/* Depthwise convolution:
 * y[m][c] = activation(bias[c] + sum over t of x[m x_row + tap_offset[t] + c] w[t w_tap + c] + residual[m][c])
 *
 * y, residual (rows, channels), w (taps, padded), bias (padded); bias and residual may be NULL. y may be
 * the residual itself, and must overlap nothing else. */
UNDIN_KERNEL void undin_depthwise(float *y, const float *x, const float *w, const float *bias,
                                  const float *residual, const undin_depthwise_shape *sizes) {
    const undin_depthwise_shape copy = *sizes, *const shape = &copy; /* as in undin_matmul */
    const int *tap_offset = sizes->tap_offset;
    /* All channels of a few rows before the next: rows that lie far apart would not stay in the first cache. */
    UNDIN_FOR_ROWS(shape->rows, undin_depthwise_height(shape->rows), m, height,
        UNDIN_FOR_CHUNKS(shape->channels, 1, n, vectors, lanes,
            undin_depthwise_tile(y + m * shape->y_row + n, x + m * shape->x_row + n, tap_offset, w + n,
                                 bias ? bias + n : bias,
                                 residual ? residual + m * shape->residual_row + n : residual, shape, height, vectors,
                                 lanes)));
}

/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, channels, depth; /* rows of y, rows of x are `depth` */
    int x_row, y_row;
    int bias_row;              /* 0: all rows of y have the same bias; else its stride */
    enum undin_activation activation;
    float alpha, beta;         /* of the activation */
} undin_band_mix_shape;

/* The weights, used but once, are far more than all else. A tile is as wide as registers allow, so that it reads each of
   its rows of them from beginning to end. */
UNDIN_INLINE void undin_band_mix_tile(float *y, const float *x, const float *w, const float *bias,
                                      const undin_band_mix_shape *shape, int rows, int vectors, int last) {
    const int padded = UNDIN_ROW_PADDED(shape->channels);
    const undin_tile tile = undin_plain_tile(rows, vectors, last, 1);
    undin_vector sum[UNDIN_TILE_SUMS];
    const int has_bias = bias != 0;
    UNDIN_OPAQUE(bias);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < vectors; ++j)
            sum[i * vectors + j] = has_bias ? undin_tile_load(bias + i * shape->bias_row, 0, &tile, j)
                                            : undin_vector_of(0);
    }
    for (int k = 0; k < shape->depth; ++k) {
        const float *x_k = x + k * shape->x_row, *w_k = w + k * padded;
        UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
            const undin_vector x_j =
                undin_vector_load_first(x_k + j * UNDIN_LANES, j + 1 < vectors ? UNDIN_LANES : last);
            UNDIN_UNROLL for (int i = 0; i < rows; ++i)
                sum[i * vectors + j] += x_j * undin_tile_load(w_k + i * shape->depth * padded, 0, &tile, j);
        }
    }
    undin_tile_finish(sum, &tile, last, 0, 0, shape->activation, shape->alpha, shape->beta);
    undin_tile_store(y, shape->y_row, sum, &tile, last);
}

UNDIN_INLINE void undin_band_mix_columns(float *y, const float *x, const float *w, const float *bias,
                                         const undin_band_mix_shape *shape, int vectors, int last) {
    const int padded = UNDIN_ROW_PADDED(shape->channels);
    UNDIN_FOR_ROWS(shape->rows, undin_tile_height(shape->rows, vectors), n, height,
        undin_band_mix_tile(y + n * shape->y_row, x, w + n * shape->depth * padded,
                            bias ? bias + n * shape->bias_row : bias, shape, height, vectors, last));
}

/* Mixing of bands, channel by channel (a batched matrix product whose batch is the innermost axis):
 * y[n][c] = activation(bias[n][c] + sum over k of x[k][c] w[n][k][c])
 *
 * y (rows, channels), x (depth, channels), w (rows, depth, UNDIN_ROW_PADDED(channels)), bias (padded) or (rows, padded);
 * bias may be NULL. y must overlap nothing else. */
UNDIN_KERNEL void undin_band_mix(float *y, const float *x, const float *w, const float *bias,
                                 const undin_band_mix_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->channels, UNDIN_LANES > 1 ? UNDIN_TILE_SUMS : 3, c, vectors, last,
        undin_band_mix_columns(y + c, x + c, w + c, bias ? bias + c : bias, shape, vectors, last));
}

#endif
