/* undin_int8_recurrent.h: one time step of GRU and LSTM with weights of 8 bits, and inputs and states that are rounded
 * to 8 bits where they meet weights.
 *
 * The products are sums of integers, in two parts of different scale, that of x and that of h. Gates are floats, and so
 * are the states that go from step to step: what 8 bits lose is lost to the gates alone, and does not add up.
 *
 * Weights are packed in groups of four along the depth, w[k / 4][gate][unit][4]. Gates and padding are as in
 * undin_recurrent.h.
 *
 * Read next: undin_recurrent.h, for the equations.
 */
#ifndef UNDIN_INT8_RECURRENT_H
#define UNDIN_INT8_RECURRENT_H

#include "undin_int8_matmul.h"

/* Sizes, and strides in bytes of x and h, in floats of states. */
typedef struct {
    int rows, inputs, hidden;
    int x_row, h_row, state_row, next_row;
    int zero_point; /* of x */
    int narrow;     /* the weights are, see undin_integer.h */
} undin_int8_recurrent_shape;

/* Weights of both parts, their sums over the depth, the scales of both sums, and the bias: all (..., gate, padded), from
   the first unit of a tile on. */
typedef struct {
    const int8_t *w, *r;
    const int32_t *w_sum, *r_sum;
    const float *w_scale, *r_scale, *bias;
} undin_int8_gate_weights;

/* A tile: `rows` x `gates` gates of `units` vectors of units. */
UNDIN_INLINE undin_tile undin_int8_recurrent_tile(int rows, int gates, int units, int last) {
    undin_tile tile = undin_plain_tile(rows, units, last, 1);
    tile.vectors = tile.row_sums = gates * units;
    return tile;
}

/* Widest tile, in vectors of units: with few rows the gates of several vectors share the steps of the adders. */
UNDIN_INLINE int undin_int8_recurrent_widest(int rows, int gates) {
    return UNDIN_LANES > 1 && rows * gates * 2 <= UNDIN_INT8_SUMS ? UNDIN_INT8_SUMS / (rows * gates) : 1;
}

/* The sums of a tile stay in registers. */
UNDIN_INLINE int undin_int8_recurrent_height(int rows, int row_sums) {
    const int most = UNDIN_LANES == 1 ? 2 : UNDIN_LARGER(1, UNDIN_INT8_SUMS / row_sums);
    return UNDIN_LANES == 1 ? most : UNDIN_DIVIDE_UP(rows, UNDIN_DIVIDE_UP(rows, most));
}

/* Gate vector v of row i of gate `gate`, where the gates of a tile lie one after the other. */
#define UNDIN_GATE(tile, gate, i, v) (((gate) * (tile)->rows + (i)) * (tile)->width + (v))

/* gates += the scaled sums, for `count` gates from `first` on. */
UNDIN_INLINE void undin_int8_add_gates(undin_vector *gates, const undin_integers *sum, const undin_tile *tile,
                                       const float *scale, int padded, int first, int count) {
    UNDIN_OPAQUE(scale);
    UNDIN_UNROLL for (int j = first * tile->width; j < (first + count) * tile->width; ++j) {
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i)
            gates[UNDIN_GATE(tile, j / tile->width, i, j % tile->width)] +=
                undin_integers_to_floats(sum[i * tile->row_sums + j]) * undin_tile_load(scale, padded, tile, j);
    }
}

/* gates = bias + the scaled sums of x w; sum = those of h r, whose scales are their own. */
UNDIN_INLINE void undin_int8_both_products(undin_vector *gates, undin_integers *sum, const undin_tile *tile, int count,
                                           const int8_t *x, const int8_t *h, const undin_int8_gate_weights *weights,
                                           const undin_int8_recurrent_shape *shape) {
    const int padded = UNDIN_PADDED(shape->hidden), w_row = count * padded;
    const float *bias = weights->bias;
    undin_int8_begin(sum, tile, weights->w_sum, padded, 0, shape->zero_point);
    undin_int8_tile_product(sum, tile, x, shape->x_row, weights->w, w_row, padded, shape->inputs, shape->narrow);
    UNDIN_OPAQUE(bias);
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i)
            gates[UNDIN_GATE(tile, j / tile->width, i, j % tile->width)] = undin_tile_load(bias, padded, tile, j);
    }
    undin_int8_add_gates(gates, sum, tile, weights->w_scale, padded, 0, count);
    undin_int8_begin(sum, tile, weights->r_sum, padded, 0, 0);
    undin_int8_tile_product(sum, tile, h, shape->h_row, weights->r, w_row, padded, shape->hidden, shape->narrow);
}

UNDIN_INLINE void undin_int8_activate(undin_vector *gates, int count, enum undin_activation activation) {
    undin_activate_vectors((float *)gates, count, activation, 0, 0);
}

/* What all gates read, from unit n on. */
UNDIN_INLINE undin_int8_gate_weights undin_int8_from_unit(const undin_int8_gate_weights *weights, int n) {
    const undin_int8_gate_weights from = {weights->w + 4 * n,   weights->r + 4 * n,   weights->w_sum + n,
                                          weights->r_sum + n,   weights->w_scale + n, weights->r_scale + n,
                                          weights->bias + n};
    return from;
}

/* Run a statement for row i and vector v of a tile: `lanes` of its units exist. */
#define UNDIN_FOR_UNITS(tile, last, i, v, lanes, ...)                               \
    UNDIN_UNROLL for (int i = 0; i < (tile).rows; ++i) {                            \
        UNDIN_UNROLL for (int v = 0; v < (tile).width; ++v) {                       \
            const int lanes = v + 1 < (tile).width ? UNDIN_LANES : (last);          \
            __VA_ARGS__;                                                            \
        }                                                                           \
    }

UNDIN_INLINE void undin_int8_gru_tile(float *h_next, const int8_t *x, const int8_t *h, const float *old,
                                      const undin_int8_gate_weights *weights, const float *reset_bias,
                                      const undin_int8_recurrent_shape *shape, int rows, int units, int last) {
    const int padded = UNDIN_PADDED(shape->hidden), vectors = rows * units;
    const undin_tile tile = undin_int8_recurrent_tile(rows, 3, units, last);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_vector gates[UNDIN_TILE_SUMS];
    undin_vector *const update = gates, *const reset = gates + vectors, *const candidate = gates + 2 * vectors;

    undin_int8_both_products(gates, sum, &tile, 3, x, h, weights, shape);
    undin_int8_add_gates(gates, sum, &tile, weights->r_scale, padded, 0, 2);
    undin_int8_activate(update, 2 * vectors, UNDIN_SIGMOID);
    UNDIN_FOR_UNITS(tile, last, i, v, lanes, {
        const int at = i * units + v;
        (void)lanes;
        candidate[at] += reset[at] * (undin_tile_load(reset_bias, 0, &tile, v) +
                                      undin_integers_to_floats(sum[i * tile.row_sums + 2 * units + v]) *
                                          undin_tile_load(weights->r_scale, padded, &tile, 2 * units + v));
    });
    undin_int8_activate(candidate, vectors, UNDIN_TANH);
    UNDIN_FOR_UNITS(tile, last, i, v, lanes, {
        const int at = i * units + v;
        const undin_vector before = undin_vector_load_first(old + i * shape->state_row + v * UNDIN_LANES, lanes);
        undin_vector_store_first(h_next + i * shape->next_row + v * UNDIN_LANES,
                                 candidate[at] + update[at] * (before - candidate[at]), lanes);
    });
}

/* GRU whose reset gate acts after the product, see undin_gru_step.
 *
 * h_next, old (rows, hidden) of floats; x (rows, inputs) as undin_quantize_bytes writes it, h (rows, hidden) what that
 * writes of `old`, which lies in [-1, 1], in steps of 1/127; w (ceil(inputs / 4), 3, padded, 4), r (ceil(hidden / 4), 3,
 * padded, 4), w_sum, r_sum, w_scale, r_scale and bias (3, padded), reset_bias (padded). h_next must overlap nothing else. */
UNDIN_INT8_KERNEL void undin_int8_gru_step(float *h_next, const int8_t *x, const int8_t *h, const float *old,
                                           const int8_t *w, const int8_t *r, const int32_t *w_sum,
                                           const int32_t *r_sum, const float *w_scale, const float *r_scale,
                                           const float *bias, const float *reset_bias,
                                           const undin_int8_recurrent_shape *shape) {
    const undin_int8_gate_weights all = {w, r, w_sum, r_sum, w_scale, r_scale, bias};
    UNDIN_FOR_CHUNKS(shape->hidden, undin_int8_recurrent_widest(shape->rows, 3), n, units, last, {
        const undin_int8_gate_weights weights = undin_int8_from_unit(&all, n);
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 3 * units), m, height,
            undin_int8_gru_tile(h_next + m * shape->next_row + n, x + m * shape->x_row, h + m * shape->h_row,
                                old + m * shape->state_row + n, &weights, reset_bias + n, shape, height, units, last));
    });
}

UNDIN_INLINE void undin_int8_lstm_tile(float *h_next, float *c_next, const int8_t *x, const int8_t *h, const float *c,
                                       const undin_int8_gate_weights *weights,
                                       const undin_int8_recurrent_shape *shape, int rows, int units, int last) {
    const int vectors = rows * units;
    const undin_tile tile = undin_int8_recurrent_tile(rows, 4, units, last);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_vector gates[UNDIN_TILE_SUMS];
    undin_vector *const input = gates, *const output = gates + vectors, *const forget = gates + 2 * vectors;
    undin_vector *const cell = gates + 3 * vectors;

    undin_int8_both_products(gates, sum, &tile, 4, x, h, weights, shape);
    undin_int8_add_gates(gates, sum, &tile, weights->r_scale, UNDIN_PADDED(shape->hidden), 0, 4);
    undin_int8_activate(gates, 3 * vectors, UNDIN_SIGMOID);
    undin_int8_activate(cell, vectors, UNDIN_TANH);
    UNDIN_FOR_UNITS(tile, last, i, v, lanes, {
        const int at = i * units + v;
        const undin_vector before = undin_vector_load_first(c + i * shape->state_row + v * UNDIN_LANES, lanes);
        cell[at] = forget[at] * before + input[at] * cell[at];
        undin_vector_store_first(c_next + i * shape->next_row + v * UNDIN_LANES, cell[at], lanes);
    });
    undin_int8_activate(cell, vectors, UNDIN_TANH);
    UNDIN_FOR_UNITS(tile, last, i, v, lanes,
        undin_vector_store_first(h_next + i * shape->next_row + v * UNDIN_LANES,
                                 output[i * units + v] * cell[i * units + v], lanes));
}

/* LSTM, see undin_lstm_step.
 *
 * h_next, c_next, c (rows, hidden) of floats; x (rows, inputs) and h (rows, hidden) of bytes, as for undin_int8_gru_step;
 * w (ceil(inputs / 4), 4, padded, 4), r (ceil(hidden / 4), 4, padded, 4), w_sum, r_sum, w_scale, r_scale and bias
 * (4, padded). h_next and c_next must overlap nothing else. */
UNDIN_INT8_KERNEL void undin_int8_lstm_step(float *h_next, float *c_next, const int8_t *x, const int8_t *h,
                                            const float *c, const int8_t *w, const int8_t *r, const int32_t *w_sum,
                                            const int32_t *r_sum, const float *w_scale, const float *r_scale,
                                            const float *bias, const undin_int8_recurrent_shape *shape) {
    const undin_int8_gate_weights all = {w, r, w_sum, r_sum, w_scale, r_scale, bias};
    UNDIN_FOR_CHUNKS(shape->hidden, undin_int8_recurrent_widest(shape->rows, 4), n, units, last, {
        const undin_int8_gate_weights weights = undin_int8_from_unit(&all, n);
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 4 * units), m, height,
            undin_int8_lstm_tile(h_next + m * shape->next_row + n, c_next + m * shape->next_row + n,
                                 x + m * shape->x_row, h + m * shape->h_row, c + m * shape->state_row + n, &weights,
                                 shape, height, units, last));
    });
}

#endif
