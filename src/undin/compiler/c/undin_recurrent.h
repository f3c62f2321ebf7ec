/* undin_recurrent.h: one time step of GRU for `rows` sequences that share their weights.
 *
 * Weights are packed (k, gate, hidden padded to a multiple of 4 with zeros), so that one pass over k feeds all gates of
 * a tile of rows while their sums stay in registers, where sigmoid and tanh are then applied: no gate ever meets
 * memory. Gates are in the order of ONNX: z, r, h for GRU.
 *
 * In all functions h_next must not overlap h: later columns still need the old state.
 *
 * Read next: undin_matmul.h, whose tile this uses.
 */
#ifndef UNDIN_RECURRENT_H
#define UNDIN_RECURRENT_H

#include "undin_matmul.h"

/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, inputs, hidden;
    int x_row, h_row, h_next_row;
    int bias_row; /* 0: all rows begin with the same bias; else bias holds a row of sums for each */
} undin_recurrent_shape;

#define UNDIN_PADDED(columns) (((columns) + 3) / 4 * 4)

/* Sums begin with bias (gate, padded). */
UNDIN_INLINE void undin_recurrent_begin(undin_vector *sum, const undin_tile *tile, const float *bias, int bias_row,
                                        int padded) {
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j] = undin_tile_load(bias + i * bias_row + j * padded, tile, j);
    }
}

/* GRU, linear_before_reset = 1: a tile of `rows` x one vector of units. */
UNDIN_INLINE void undin_gru_tile(float *h_next, const float *x, const float *h, const float *h_columns, const float *w,
                                 const float *r, const float *bias, const float *reset_bias,
                                 const undin_recurrent_shape *shape, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden), w_row = 3 * padded;
    const int read = UNDIN_SMALLER(UNDIN_PADDED(lanes), UNDIN_LANES);
    const undin_tile from_x = {
        .rows = rows, .vectors = 3, .lanes = read, .last_lanes = read, .row_sums = 4, .split = undin_tile_split(4 * rows)};
    const undin_tile from_h = {.rows = rows,
                               .vectors = 3,
                               .lanes = read,
                               .last_lanes = read,
                               .row_sums = 4,
                               .skip = 1,
                               .split = undin_tile_split(4 * rows)};
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &from_x, bias, shape->bias_row, padded);
    const undin_vector reset_start = undin_vector_load_first(reset_bias, read);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i * 4 + 3] = reset_start;
    undin_tile_begin_split(sum, &from_x);
    undin_tile_product(sum, &from_x, x, shape->x_row, 1, w, w_row, padded, shape->inputs);
    undin_tile_product(sum, &from_h, h, shape->h_row, 1, r, w_row, padded, shape->hidden);
    undin_tile_end_split(sum, &from_x);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector update = undin_vector_sigmoid(sum[i * 4]);
        const undin_vector reset = undin_vector_sigmoid(sum[i * 4 + 1]);
        const undin_vector candidate = undin_vector_tanh(sum[i * 4 + 2] + reset * sum[i * 4 + 3]);
        const undin_vector old = undin_vector_load_first(h_columns + i * shape->h_row, lanes);
        undin_vector_store_first(h_next + i * shape->h_next_row, candidate + update * (old - candidate), lanes);
    }
}

/* h_next (rows, hidden) = GRU(x (rows, inputs), h (rows, hidden)), linear_before_reset = 1:
 *
 *     z = sigmoid(x w_z + h r_z + bias_z), r = sigmoid(x w_r + h r_r + bias_r)
 *     n = tanh(x w_n + bias_n + r * (h r_n + reset_bias)), h_next = (1 - z) * n + z * h
 *
 * w (inputs, 3, padded), r (hidden, 3, padded), bias (3, padded) or, with bias_row, (rows, 3, padded) where x w was
 * added already (inputs = 0), reset_bias (padded). */
UNDIN_INLINE void undin_gru_step(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const float *reset_bias, const undin_recurrent_shape *shape) {
    const int most = UNDIN_TILE_SUMS / 4;
    const int blocks = UNDIN_DIVIDE_UP(shape->rows, most);
    const int tall = UNDIN_DIVIDE_UP(shape->rows, blocks);
    const int tall_rows = (blocks - (tall * blocks - shape->rows)) * tall;
    for (int n = 0; n < shape->hidden; n += UNDIN_LANES) {
        const int lanes = UNDIN_SMALLER(UNDIN_LANES, shape->hidden - n);
        int m = 0;
        for (; m < tall_rows; m += tall)
            undin_gru_tile(h_next + m * shape->h_next_row + n, x + m * shape->x_row, h + m * shape->h_row,
                           h + m * shape->h_row + n, w + n, r + n, bias + m * shape->bias_row + n, reset_bias + n, shape,
                           tall, lanes);
        for (; m < shape->rows; m += tall - 1)
            undin_gru_tile(h_next + m * shape->h_next_row + n, x + m * shape->x_row, h + m * shape->h_row,
                           h + m * shape->h_row + n, w + n, r + n, bias + m * shape->bias_row + n, reset_bias + n, shape,
                           tall - 1, lanes);
    }
}

#endif
