/* undin_lanes.h: kernels that work on every channel by itself, a vector of channels at a time.
 *
 * Each value of the input meets one weight and is not shared between outputs, so there is no tile of columns; the sums
 * of a few rows stay in registers. w is packed with its channels padded to a multiple of 4 with zeros.
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
    int x_row, y_row;
    int residual_row;
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
    int add_after;                  /* 1: residual is added after the activation */
} undin_depthwise_shape;

UNDIN_INLINE void undin_depthwise_tile(float *y, const float *x, const float *w, const float *bias, const float *slope,
                                       const float *residual, const undin_depthwise_shape *shape, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->channels), read = UNDIN_SMALLER(UNDIN_PADDED(lanes), UNDIN_LANES);
    undin_vector sum[UNDIN_TILE_ROWS];
    const undin_vector start = bias ? undin_vector_load_first(bias, read) : undin_vector_of(0);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i] = start;
    for (int t = 0; t < shape->taps; ++t) {
        const float *x_tap = x + shape->tap_offset[t];
        const undin_vector w_tap = undin_vector_load_first(w + t * padded, read);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i)
            sum[i] += undin_vector_load_first(x_tap + i * shape->x_row, lanes) * w_tap;
    }
    const undin_vector slopes =
        shape->activation == UNDIN_PRELU ? undin_vector_load_first(slope, read) : undin_vector_of(0);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector added =
            residual ? undin_vector_load_first(residual + i * shape->residual_row, lanes) : undin_vector_of(0);
        if (!shape->add_after) sum[i] += added;
        sum[i] = undin_vector_activate(sum[i], shape->activation, shape->alpha, shape->beta, slopes);
        if (shape->add_after) sum[i] += added;
        undin_vector_store_first(y + i * shape->y_row, sum[i], lanes);
    }
}

/* Depthwise convolution:
 * y[m][c] = activation(bias[c] + sum over t of x[m x_row + tap_offset[t] + c] w[t][c] + residual[m][c])
 *
 * y, residual (rows, channels), w (taps, padded), bias and slope (padded); bias, slope and residual may be NULL. y may
 * be the residual itself, and must overlap nothing else. */
UNDIN_KERNEL void undin_depthwise(float *y, const float *x, const float *w, const float *bias, const float *slope,
                                  const float *residual, const undin_depthwise_shape *shape) {
    UNDIN_FOR_COLUMNS(shape->channels, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, 8, m, height,
            undin_depthwise_tile(y + m * shape->y_row + n, x + m * shape->x_row + n, w + n, bias ? bias + n : bias,
                                 slope ? slope + n : slope,
                                 residual ? residual + m * shape->residual_row + n : residual, shape, height, lanes)));
}

/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, channels, depth; /* rows of y, rows of x are `depth` */
    int x_row, y_row;
    int bias_row;              /* 0: all rows of y have the same bias; else its stride */
    enum undin_activation activation;
    float alpha, beta;         /* of the activation */
} undin_band_mix_shape;

UNDIN_INLINE void undin_band_mix_tile(float *y, const float *x, const float *w, const float *bias, const float *slope,
                                      const undin_band_mix_shape *shape, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->channels), read = UNDIN_SMALLER(UNDIN_PADDED(lanes), UNDIN_LANES);
    undin_vector sum[UNDIN_TILE_ROWS];
    UNDIN_UNROLL for (int i = 0; i < rows; ++i)
        sum[i] = bias ? undin_vector_load_first(bias + i * shape->bias_row, read) : undin_vector_of(0);
    for (int k = 0; k < shape->depth; ++k) {
        const undin_vector x_k = undin_vector_load_first(x + k * shape->x_row, lanes);
        const float *w_k = w + k * shape->rows * padded;
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i] += x_k * undin_vector_load_first(w_k + i * padded, read);
    }
    const undin_vector slopes =
        shape->activation == UNDIN_PRELU ? undin_vector_load_first(slope, read) : undin_vector_of(0);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        sum[i] = undin_vector_activate(sum[i], shape->activation, shape->alpha, shape->beta, slopes);
        undin_vector_store_first(y + i * shape->y_row, sum[i], lanes);
    }
}

/* Mixing of bands, channel by channel (a batched matrix product whose batch is the innermost axis):
 * y[n][c] = activation(bias[n][c] + sum over k of x[k][c] w[k][n][c])
 *
 * y (rows, channels), x (depth, channels), w (depth, rows, padded), bias (padded) or (rows, padded), slope (padded);
 * bias and slope may be NULL. y must overlap nothing else. */
UNDIN_KERNEL void undin_band_mix(float *y, const float *x, const float *w, const float *bias, const float *slope,
                                 const undin_band_mix_shape *shape) {
    UNDIN_FOR_COLUMNS(shape->channels, c, lanes,
        UNDIN_FOR_ROWS(shape->rows, 8, n, height,
            undin_band_mix_tile(y + n * shape->y_row + c, x + c, w + n * UNDIN_PADDED(shape->channels) + c,
                                bias ? bias + n * shape->bias_row + c : bias, slope ? slope + c : slope, shape, height,
                                lanes)));
}

#endif
