/* undin_int8_recurrent.h: one time step of GRU and LSTM with weights of 8 bits, inputs and states of 16.
 *
 * The products are sums of integers, in two parts of different scale, that of x and that of h. Gates are floats, and so
 * are the new states until they are rounded to 16 bits again.
 *
 * Weights are packed in groups of four along the depth, w[k / 4][gate][unit][k % 4], gates and padding as in
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

/* sum[i][j] = sum over k of x[i][k] w[k][j] */
UNDIN_INLINE void undin_int8_gates(undin_integers *sum, const undin_tile *tile, const int16_t *x, int x_row,
                                   const int8_t *w, int w_row, int group, int depth) {
    UNDIN_UNROLL for (int i = 0; i < tile->rows * tile->vectors; ++i) sum[i] = undin_integers_of(0);
    for (int k = 0; k < depth; k += 4, w += 4 * w_row) {
        undin_integers w_k[UNDIN_TILE_SUMS];
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) w_k[j] = undin_int8_load(w, tile, group, j);
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
            int32_t even, odd;
            undin_four_shorts(&even, &odd, x + i * x_row + k, depth - k);
            UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
                undin_integers *s = &sum[i * tile->vectors + j];
                *s = undin_add_products_of_pairs(*s, undin_integers_of(even), undin_even_bytes(w_k[j]));
                *s = undin_add_products_of_pairs(*s, undin_integers_of(odd), undin_odd_bytes(w_k[j]));
            }
        }
    }
}

/* Sum j of row i of a tile as a float. */
UNDIN_INLINE undin_vector undin_int8_gate(const undin_integers *sum, const undin_tile *tile, const float *scale,
                                          int group, int i, int j) {
    return undin_integers_to_floats(sum[i * tile->vectors + j]) * undin_tile_load(scale, group, tile, j);
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

/* Run a statement for every row i and vector v of units of a tile; `lanes` of them exist. */
#define UNDIN_FOR_UNITS(tile, last, i, v, lanes, ...)                             \
    UNDIN_UNROLL for (int i = 0; i < (tile).rows; ++i) {                          \
        UNDIN_UNROLL for (int v = 0; v < (tile).width; ++v) {                     \
            const int lanes = v + 1 < (tile).width ? UNDIN_LANES : (last);        \
            (void)lanes;                                                          \
            __VA_ARGS__;                                                          \
        }                                                                         \
    }

UNDIN_INLINE undin_tile undin_int8_recurrent_tile(int rows, int units, int last, int gates) {
    undin_tile tile = undin_plain_tile(rows, units, last, 1);
    tile.vectors = tile.row_sums = gates * units;
    return tile;
}

/* A gate of a GRU has a sum of integers and a float; that of an LSTM too. */
UNDIN_INLINE int undin_int8_recurrent_height(int rows, int gates) {
    const int most = UNDIN_REGISTERS == 32 ? 8 / gates : UNDIN_LANES == 1 ? 1 : 4 / gates;
    return UNDIN_LANES == 1 || most < 1 ? 1 : UNDIN_DIVIDE_UP(rows, UNDIN_DIVIDE_UP(rows, most));
}

/* gates[g] = bias + the scaled sums of x w, and sums = those of h r, which meet another scale. */
UNDIN_INLINE void undin_int8_both_products(undin_vector gates[][UNDIN_TILE_SUMS], undin_integers *sum,
                                           const undin_tile *tile, const int16_t *x, const int16_t *h,
                                           const int8_t *w, const int8_t *r, const float *w_scale, const float *bias,
                                           const undin_int8_recurrent_shape *shape, int count) {
    const int padded = UNDIN_PADDED(shape->hidden), row = count * padded, units = tile->width;
    undin_int8_gates(sum, tile, x, shape->x_row, w, row, padded, shape->inputs);
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            gates[j / units][i * units + j % units] =
                undin_tile_load(bias, padded, tile, j) + undin_int8_gate(sum, tile, w_scale, padded, i, j);
    }
    undin_int8_gates(sum, tile, h, shape->state_row, r, row, padded, shape->hidden);
}

/* `own` is what h holds of the units of this tile. */
UNDIN_INLINE void undin_int8_gru_tile(int16_t *h_next, float *y, const int16_t *x, const int16_t *h,
                                      const int16_t *own, const int8_t *w, const int8_t *r, const float *w_scale,
                                      const float *r_scale, const float *bias, const float *reset_bias,
                                      const undin_int8_recurrent_shape *shape, int rows, int units, int last) {
    const int padded = UNDIN_PADDED(shape->hidden);
    const undin_tile tile = undin_int8_recurrent_tile(rows, units, last, 3);
    const undin_tile gate = undin_plain_tile(rows, units, last, 1);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_vector gates[3][UNDIN_TILE_SUMS]; /* update, reset, candidate */
    undin_vector *const update = gates[0], *const reset = gates[1], *const candidate = gates[2];

    undin_int8_both_products(gates, sum, &tile, x, h, w, r, w_scale, bias, shape, 3);
    UNDIN_UNROLL for (int g = 0; g < 2; ++g) {
        UNDIN_FOR_UNITS(gate, last, i, v, lanes,
                        gates[g][i * units + v] += undin_int8_gate(sum, &tile, r_scale, padded, i, g * units + v));
        undin_tile_activate(gates[g], &gate, 0, units, UNDIN_SIGMOID, 0, 0);
    }
    UNDIN_FOR_UNITS(gate, last, i, v, lanes,
        candidate[i * units + v] += reset[i * units + v] *
            (undin_tile_load(reset_bias, padded, &gate, v) +
             undin_int8_gate(sum, &tile, r_scale, padded, i, 2 * units + v)));
    undin_tile_activate(candidate, &gate, 0, units, UNDIN_TANH, 0, 0);
    UNDIN_FOR_UNITS(gate, last, i, v, lanes, {
        const int at = i * units + v, place = v * UNDIN_LANES;
        const undin_vector old = undin_int8_state_load(own + i * shape->state_row + place, UNDIN_STATE_STEP, lanes);
        const undin_vector next =
            undin_int8_state_store(h_next + i * shape->next_row + place,
                                   candidate[at] + update[at] * (old - candidate[at]), UNDIN_STATE_STEP, lanes);
        undin_vector_store_first(y + i * shape->y_row + place, next, lanes);
    });
}

/* GRU whose reset gate acts after the product, see undin_gru_step.
 *
 * h_next, h (rows, hidden) and x (rows, inputs) of 16 bits; y (rows, hidden) is h_next as floats; w (ceil(inputs / 4),
 * 3, padded, 4), r (ceil(hidden / 4), 3, padded, 4), w_scale, r_scale and bias (3, padded), reset_bias (padded).
 * h_next must not be h. */
UNDIN_KERNEL void undin_int8_gru_step(int16_t *h_next, float *y, const int16_t *x, const int16_t *h, const int8_t *w,
                                      const int8_t *r, const float *w_scale, const float *r_scale, const float *bias,
                                      const float *reset_bias, const undin_int8_recurrent_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->hidden, 1, n, units, last,
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 3), m, height,
            undin_int8_gru_tile(h_next + m * shape->next_row + n, y + m * shape->y_row + n, x + m * shape->x_row,
                                h + m * shape->state_row, h + m * shape->state_row + n, w + 4 * n, r + 4 * n, w_scale + n, r_scale + n, bias + n,
                                reset_bias + n, shape, height, units, last)));
}

UNDIN_INLINE void undin_int8_lstm_tile(int16_t *h_next, int16_t *c_next, float *y, const int16_t *x, const int16_t *h,
                                       const int16_t *c, const int8_t *w, const int8_t *r, const float *w_scale,
                                       const float *r_scale, const float *bias,
                                       const undin_int8_recurrent_shape *shape, int rows, int units, int last) {
    const int padded = UNDIN_PADDED(shape->hidden);
    const undin_tile tile = undin_int8_recurrent_tile(rows, units, last, 4);
    const undin_tile gate = undin_plain_tile(rows, units, last, 1);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_vector gates[4][UNDIN_TILE_SUMS]; /* input, output, forget, cell */
    undin_vector *const input = gates[0], *const output = gates[1], *const forget = gates[2], *const cell = gates[3];

    undin_int8_both_products(gates, sum, &tile, x, h, w, r, w_scale, bias, shape, 4);
    UNDIN_UNROLL for (int g = 0; g < 4; ++g) {
        UNDIN_FOR_UNITS(gate, last, i, v, lanes,
                        gates[g][i * units + v] += undin_int8_gate(sum, &tile, r_scale, padded, i, g * units + v));
        undin_tile_activate(gates[g], &gate, 0, units, g < 3 ? UNDIN_SIGMOID : UNDIN_TANH, 0, 0);
    }
    UNDIN_FOR_UNITS(gate, last, i, v, lanes, {
        const int at = i * units + v, place = v * UNDIN_LANES;
        const undin_vector old = undin_int8_state_load(c + i * shape->state_row + place, UNDIN_CELL_STEP, lanes);
        cell[at] = undin_int8_state_store(c_next + i * shape->next_row + place,
                                          forget[at] * old + input[at] * cell[at], UNDIN_CELL_STEP, lanes);
    });
    undin_tile_activate(cell, &gate, 0, units, UNDIN_TANH, 0, 0);
    UNDIN_FOR_UNITS(gate, last, i, v, lanes, {
        const int at = i * units + v, place = v * UNDIN_LANES;
        const undin_vector next = undin_int8_state_store(h_next + i * shape->next_row + place, output[at] * cell[at],
                                                         UNDIN_STATE_STEP, lanes);
        undin_vector_store_first(y + i * shape->y_row + place, next, lanes);
    });
}

/* LSTM, see undin_lstm_step.
 *
 * h_next, c_next, h, c (rows, hidden) and x (rows, inputs) of 16 bits; y (rows, hidden) is h_next as floats; w
 * (ceil(inputs / 4), 4, padded, 4), r (ceil(hidden / 4), 4, padded, 4), w_scale, r_scale and bias (4, padded). h_next
 * must not be h. */
UNDIN_KERNEL void undin_int8_lstm_step(int16_t *h_next, int16_t *c_next, float *y, const int16_t *x, const int16_t *h,
                                       const int16_t *c, const int8_t *w, const int8_t *r, const float *w_scale,
                                       const float *r_scale, const float *bias,
                                       const undin_int8_recurrent_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->hidden, 1, n, units, last,
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 4), m, height,
            undin_int8_lstm_tile(h_next + m * shape->next_row + n, c_next + m * shape->next_row + n,
                                 y + m * shape->y_row + n, x + m * shape->x_row, h + m * shape->state_row,
                                 c + m * shape->state_row + n, w + 4 * n, r + 4 * n, w_scale + n, r_scale + n,
                                 bias + n, shape, height, units, last)));
}

#endif
