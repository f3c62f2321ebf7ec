/* undin_int8_recurrent.h: one time step of GRU and LSTM with weights of 8 bits, inputs and states of 16.
 *
 * The products are sums of integers, in two parts of different scale, that of x and that of h. Gates are floats, and so
 * are the new states until they are rounded to 16 bits again.
 *
 * Weights are packed in groups of four along the depth, w[k / 4][gate][unit][4], the four in the order 0, 2, 1, 3, so
 * that the even bytes meet one pair of neighbours and the odd bytes the next. Gates and padding are as in
 * undin_recurrent.h.
 *
 * Read next: undin_recurrent.h, for the equations.
 */
#ifndef UNDIN_INT8_RECURRENT_H
#define UNDIN_INT8_RECURRENT_H

#include "undin_int8_matmul.h"

/* What h of a GRU or an LSTM counts, which lies in [-1, 1], and c of an LSTM: beyond 16, its tanh does not change. */
#define UNDIN_STATE_STEP (1.0f / 32767)
#define UNDIN_CELL_STEP (1.0f / 2048)

/* Sizes, and strides in 16-bit integers, that of y in floats. */
typedef struct {
    int rows, inputs, hidden;
    int x_row, state_row, next_row, y_row;
} undin_int8_recurrent_shape;

/* A tile: `rows` x `gates` gates of a vector of units, `lanes` of which exist. */
UNDIN_INLINE undin_tile undin_int8_recurrent_tile(int rows, int gates, int lanes) {
    undin_tile tile = undin_plain_tile(rows, 1, lanes, 1);
    tile.vectors = tile.row_sums = gates;
    return tile;
}

/* The sums of a tile, and one half of the weights that meet them, stay in registers. */
UNDIN_INLINE int undin_int8_recurrent_height(int rows, int gates) {
    const int most = UNDIN_LANES == 1 ? 2 : UNDIN_REGISTERS == 32 ? 24 / gates : 9 / gates;
    return UNDIN_LANES == 1 ? most : UNDIN_DIVIDE_UP(rows, UNDIN_DIVIDE_UP(rows, most));
}

/* sum[i][j] += sum over k of x[i][k] w[k][j], for a group of which `count` exist, a constant. */
UNDIN_INLINE void undin_int8_gates_group(undin_integers *sum, const undin_tile *tile, const int16_t *x, int x_row,
                                         const int8_t *w, int padded, int count) {
    undin_integers w_k[UNDIN_TILE_SUMS];
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) w_k[j] = undin_int8_load(w, tile, padded, j);
    UNDIN_UNROLL for (int half = 0; half < 2; ++half) {
        undin_integers w_half[UNDIN_TILE_SUMS];
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            w_half[j] = half ? undin_odd_bytes(w_k[j]) : undin_even_bytes(w_k[j]);
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
            const undin_integers x_i = undin_integers_of(undin_two_shorts(x + i * x_row + 2 * half, count - 2 * half));
            UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
                undin_integers *s = &sum[i * tile->vectors + j];
                *s = undin_add_products_of_pairs(*s, x_i, w_half[j]);
            }
        }
    }
}

/* sum[i][j] = sum over k of x[i][k] w[k][j] */
UNDIN_INLINE void undin_int8_gates(undin_integers *sum, const undin_tile *tile, const int16_t *x, int x_row,
                                   const int8_t *w, int padded, int depth) {
    const int w_row = tile->vectors * padded;
    UNDIN_UNROLL for (int i = 0; i < tile->rows * tile->vectors; ++i) sum[i] = undin_integers_of(0);
    int k = 0;
    for (; k + 4 <= depth; k += 4) undin_int8_gates_group(sum, tile, x + k, x_row, w + k * w_row, padded, 4);
    if (depth % 4) undin_int8_gates_group(sum, tile, x + k, x_row, w + k * w_row, padded, depth % 4);
}

/* gates[j][i] = start[j] + the scaled sums of x w; sum = those of h r, which have scales of their own. */
UNDIN_INLINE void undin_int8_both_products(undin_vector *gates, undin_integers *sum, const undin_tile *tile,
                                           const int16_t *x, const int16_t *h, const int8_t *w, const int8_t *r,
                                           const float *w_scale, const float *bias,
                                           const undin_int8_recurrent_shape *shape) {
    const int padded = UNDIN_PADDED(shape->hidden);
    undin_int8_gates(sum, tile, x, shape->x_row, w, padded, shape->inputs);
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i)
            gates[j * tile->rows + i] = undin_tile_load(bias, padded, tile, j) +
                                        undin_integers_to_floats(sum[i * tile->vectors + j]) *
                                            undin_tile_load(w_scale, padded, tile, j);
    }
    undin_int8_gates(sum, tile, h, shape->state_row, r, padded, shape->hidden);
}

/* gates[j][i] += what h adds, for `count` gates from `first` on. */
UNDIN_INLINE void undin_int8_add_recurrent(undin_vector *gates, const undin_integers *sum, const undin_tile *tile,
                                       const float *r_scale, int padded, int first, int count) {
    UNDIN_UNROLL for (int j = first; j < first + count; ++j) {
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i)
            gates[j * tile->rows + i] +=
                undin_integers_to_floats(sum[i * tile->vectors + j]) * undin_tile_load(r_scale, padded, tile, j);
    }
}

UNDIN_INLINE void undin_int8_activate(undin_vector *gates, int count, enum undin_activation activation) {
    undin_activate_vectors((float *)gates, count, activation, 0, 0);
}

/* Lanes of a state, which count steps. */
UNDIN_INLINE undin_vector undin_int8_state_load(const int16_t *state, float step, int lanes) {
    return undin_integers_to_floats(undin_shorts_load_first(state, lanes)) * step;
}

/* Round x to steps and write it; returns what it has become. */
UNDIN_INLINE undin_vector undin_int8_state_store(int16_t *state, undin_vector x, float step, int lanes) {
    const undin_integers rounded = undin_nearest(x * (1 / step), -32767, 32767);
    undin_shorts_store_first(state, rounded, lanes);
    return undin_integers_to_floats(rounded) * step;
}

/* `own` is what h holds of the units of this tile. */
UNDIN_INLINE void undin_int8_gru_tile(int16_t *h_next, float *y, const int16_t *x, const int16_t *h,
                                      const int16_t *own, const int8_t *w, const int8_t *r, const float *w_scale,
                                      const float *r_scale, const float *bias, const float *reset_bias,
                                      const undin_int8_recurrent_shape *shape, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden);
    const undin_tile tile = undin_int8_recurrent_tile(rows, 3, lanes);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_vector gates[3 * UNDIN_TILE_ROWS];
    undin_vector *const update = gates, *const reset = gates + rows, *const candidate = gates + 2 * rows;

    undin_int8_both_products(gates, sum, &tile, x, h, w, r, w_scale, bias, shape);
    undin_int8_add_recurrent(gates, sum, &tile, r_scale, padded, 0, 2);
    undin_int8_activate(update, 2 * rows, UNDIN_SIGMOID);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i)
        candidate[i] += reset[i] * (undin_tile_load(reset_bias, 0, &tile, 0) +
                                    undin_integers_to_floats(sum[i * 3 + 2]) * undin_tile_load(r_scale, padded, &tile, 2));
    undin_int8_activate(candidate, rows, UNDIN_TANH);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector old = undin_int8_state_load(own + i * shape->state_row, UNDIN_STATE_STEP, lanes);
        const undin_vector next = undin_int8_state_store(
            h_next + i * shape->next_row, candidate[i] + update[i] * (old - candidate[i]), UNDIN_STATE_STEP, lanes);
        undin_vector_store_first(y + i * shape->y_row, next, lanes);
    }
}

/* GRU whose reset gate acts after the product, see undin_gru_step.
 *
 * h_next, h (rows, hidden) and x (rows, inputs) of 16 bits; y (rows, hidden) is h_next as floats; w (ceil(inputs / 4),
 * 3, padded, 4), r (ceil(hidden / 4), 3, padded, 4), w_scale, r_scale and bias (3, padded), reset_bias (padded).
 * h_next must not be h. */
UNDIN_INT8_KERNEL void undin_int8_gru_step(int16_t *h_next, float *y, const int16_t *x, const int16_t *h, const int8_t *w,
                                      const int8_t *r, const float *w_scale, const float *r_scale, const float *bias,
                                      const float *reset_bias, const undin_int8_recurrent_shape *shape) {
    UNDIN_FOR_VECTORS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 3), m, height,
            undin_int8_gru_tile(h_next + m * shape->next_row + n, y + m * shape->y_row + n, x + m * shape->x_row,
                                h + m * shape->state_row, h + m * shape->state_row + n, w + 4 * n, r + 4 * n, w_scale + n, r_scale + n, bias + n,
                                reset_bias + n, shape, height, lanes)));
}

UNDIN_INLINE void undin_int8_lstm_tile(int16_t *h_next, int16_t *c_next, float *y, const int16_t *x, const int16_t *h,
                                       const int16_t *c, const int8_t *w, const int8_t *r, const float *w_scale,
                                       const float *r_scale, const float *bias,
                                       const undin_int8_recurrent_shape *shape, int rows, int lanes) {
    const undin_tile tile = undin_int8_recurrent_tile(rows, 4, lanes);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_vector gates[4 * UNDIN_TILE_ROWS];
    undin_vector *const input = gates, *const output = gates + rows, *const forget = gates + 2 * rows;
    undin_vector *const cell = gates + 3 * rows;

    undin_int8_both_products(gates, sum, &tile, x, h, w, r, w_scale, bias, shape);
    undin_int8_add_recurrent(gates, sum, &tile, r_scale, UNDIN_PADDED(shape->hidden), 0, 4);
    undin_int8_activate(gates, 3 * rows, UNDIN_SIGMOID);
    undin_int8_activate(cell, rows, UNDIN_TANH);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector old = undin_int8_state_load(c + i * shape->state_row, UNDIN_CELL_STEP, lanes);
        cell[i] = undin_int8_state_store(c_next + i * shape->next_row, forget[i] * old + input[i] * cell[i],
                                         UNDIN_CELL_STEP, lanes);
    }
    undin_int8_activate(cell, rows, UNDIN_TANH);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector next =
            undin_int8_state_store(h_next + i * shape->next_row, output[i] * cell[i], UNDIN_STATE_STEP, lanes);
        undin_vector_store_first(y + i * shape->y_row, next, lanes);
    }
}

/* LSTM, see undin_lstm_step.
 *
 * h_next, c_next, h, c (rows, hidden) and x (rows, inputs) of 16 bits; y (rows, hidden) is h_next as floats; w
 * (ceil(inputs / 4), 4, padded, 4), r (ceil(hidden / 4), 4, padded, 4), w_scale, r_scale and bias (4, padded). h_next
 * must not be h. */
UNDIN_INT8_KERNEL void undin_int8_lstm_step(int16_t *h_next, int16_t *c_next, float *y, const int16_t *x, const int16_t *h,
                                       const int16_t *c, const int8_t *w, const int8_t *r, const float *w_scale,
                                       const float *r_scale, const float *bias,
                                       const undin_int8_recurrent_shape *shape) {
    UNDIN_FOR_VECTORS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 4), m, height,
            undin_int8_lstm_tile(h_next + m * shape->next_row + n, c_next + m * shape->next_row + n,
                                 y + m * shape->y_row + n, x + m * shape->x_row, h + m * shape->state_row,
                                 c + m * shape->state_row + n, w + 4 * n, r + 4 * n, w_scale + n, r_scale + n,
                                 bias + n, shape, height, lanes)));
}

#endif
