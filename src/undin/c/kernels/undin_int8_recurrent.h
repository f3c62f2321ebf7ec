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
    undin_int8_tile_product(sum, tile, x, shape->x_row, weights->w, w_row, padded, shape->inputs, shape->narrow, 0);
    UNDIN_OPAQUE(bias);
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i)
            gates[UNDIN_GATE(tile, j / tile->width, i, j % tile->width)] = undin_tile_load(bias, padded, tile, j);
    }
    undin_int8_add_gates(gates, sum, tile, weights->w_scale, padded, 0, count);
    undin_int8_begin(sum, tile, weights->r_sum, padded, 0, 0);
    undin_int8_tile_product(sum, tile, h, shape->h_row, weights->r, w_row, padded, shape->hidden, shape->narrow, 0);
}

/* Functions of their own, which take no registers from sums. */
UNDIN_OUTLINED void undin_coarse_sigmoids(undin_vector *gates, int count) {
    for (int i = 0; i < count; ++i) gates[i] = undin_vector_coarse_sigmoid(gates[i]);
}
UNDIN_OUTLINED void undin_coarse_tanhs(undin_vector *gates, int count) {
    for (int i = 0; i < count; ++i) gates[i] = undin_vector_coarse_tanh(gates[i]);
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

/* A block of a cell in pairs, see undin_int8_pairs.h: some units, two rows. Gates lie as [row][unit / 2][gate]
   [unit % 2]. */
typedef struct {
    undin_pair_block pairs;
    float of_x[2][UNDIN_PAIR_COLUMNS], of_h[2][UNDIN_PAIR_COLUMNS];
} undin_int8_cell_block;

/* Words of two units. */
UNDIN_INLINE int undin_int8_cell_words(const undin_int8_recurrent_shape *shape, int gates) {
    return gates * (undin_pair_words(UNDIN_DIVIDE_UP(shape->inputs, 4)) +
                    undin_pair_words(UNDIN_DIVIDE_UP(shape->hidden, 4)));
}

UNDIN_INLINE int undin_int8_cell_fits_pairs(const undin_int8_recurrent_shape *shape, int gates) {
    return undin_fits_pairs(shape->rows, UNDIN_DIVIDE_UP(UNDIN_LARGER(shape->inputs, shape->hidden), 4),
                            undin_int8_cell_words(shape, gates));
}

/* Unpack the weights of units n to `end`; returns where those of h begin. A GRU has a bias there, that of its reset. */
UNDIN_OUTLINED const uint32_t *undin_int8_unpack_cell(undin_pair_block *block, const undin_int8_gate_weights *all,
                                                      const float *reset_bias, const undin_int8_recurrent_shape *shape,
                                                      int gates, int n, int end) {
    const int padded = UNDIN_PADDED(shape->hidden), row = 4 * gates * padded;
    const undin_pair_weights w = {all->w, row, UNDIN_DIVIDE_UP(shape->inputs, 4), 0, all->w_scale, all->bias};
    undin_pair_weights r = {all->r, row, UNDIN_DIVIDE_UP(shape->hidden, 4), 0, all->r_scale, 0};
    uint32_t *to = block->weights;
    for (int u = n; u < end; u += 2)
        for (int gate = 0; gate < gates; ++gate) to = undin_unpack_weights(to, &w, gate * padded + u, 1);
    const uint32_t *const of_h = to;
    for (int u = n; u < end; u += 2)
        for (int gate = 0; gate < gates; ++gate) {
            r.bias = reset_bias && gate == 2 ? reset_bias - 2 * padded : 0;
            to = undin_unpack_weights(to, &r, gate * padded + u, 1);
        }
    return of_h;
}

/* Both products of rows m and `next`. */
UNDIN_OUTLINED void undin_int8_cell_products(undin_int8_cell_block *block, const uint32_t *weights_of_h,
                                             const int8_t *x, const int8_t *h,
                                             const undin_int8_recurrent_shape *shape, int pairs, int m, int next) {
    uint32_t *const rows = block->pairs.rows;
    undin_unpack_rows(rows, x + m * shape->x_row, x + next * shape->x_row, shape->inputs, shape->zero_point);
    undin_pair_products(block->of_x[0], block->pairs.weights, rows, UNDIN_DIVIDE_UP(shape->inputs, 4), pairs,
                        sizeof block->of_x[0]);
    undin_unpack_rows(rows, h + m * shape->h_row, h + next * shape->h_row, shape->hidden, 0);
    undin_pair_products(block->of_h[0], weights_of_h, rows, UNDIN_DIVIDE_UP(shape->hidden, 4), pairs,
                        sizeof block->of_h[0]);
}

/* One unit of one row, from its first gate on. */
UNDIN_INLINE void undin_int8_gru_unit(float *h_next, const float *old, const float *of_x, const float *of_h) {
    const float update = undin_coarse_sigmoid(of_x[0] + of_h[0]), reset = undin_coarse_sigmoid(of_x[2] + of_h[2]);
    const float candidate = undin_coarse_tanh(of_x[4] + reset * of_h[4]);
    *h_next = candidate + update * (*old - candidate);
}

UNDIN_OUTLINED void undin_int8_gru_in_pairs(float *h_next, const int8_t *x, const int8_t *h, const float *old,
                                            const undin_int8_gate_weights *all, const float *reset_bias,
                                            const undin_int8_recurrent_shape *shape) {
    undin_int8_cell_block block;
    const int widest = undin_pair_columns(undin_int8_cell_words(shape, 3), 3);
    for (int n = 0; n < shape->hidden; n += widest) {
        const int units = UNDIN_SMALLER(widest, shape->hidden - n);
        const uint32_t *const of_h = undin_int8_unpack_cell(&block.pairs, all, reset_bias, shape, 3, n, n + units);
        for (int m = 0; m < shape->rows; m += 2) {
            const int last = UNDIN_SMALLER(m + 1, shape->rows - 1);
            undin_int8_cell_products(&block, of_h, x, h, shape, 3 * UNDIN_DIVIDE_UP(units, 2), m, last);
            for (int i = m; i <= last; ++i) {
                const float *from_x = block.of_x[i - m], *from_h = block.of_h[i - m];
                const float *before = old + i * shape->state_row + n;
                float *next = h_next + i * shape->next_row + n;
                for (float *const end = next + units; next != end; from_x += 5, from_h += 5) {
                    undin_int8_gru_unit(next++, before++, from_x++, from_h++);
                    if (next == end) break;
                    undin_int8_gru_unit(next++, before++, from_x, from_h);
                }
            }
        }
    }
}

#if defined(UNDIN_ON_HELIUM)
/* A block of a cell on Helium: some units, two rows. Gates lie as [row][unit / 4][gate][unit % 4]. */
typedef struct {
    undin_helium_block both;
    float of_x[2][UNDIN_HELIUM_COLUMNS], of_h[2][UNDIN_HELIUM_COLUMNS];
} undin_int8_helium_cell;

/* Bytes of four units. */
UNDIN_INLINE int undin_int8_helium_bytes(const undin_int8_recurrent_shape *shape, int gates) {
    return gates * (undin_helium_bytes(undin_helium_chunks(shape->inputs)) +
                    undin_helium_bytes(undin_helium_chunks(shape->hidden)));
}

UNDIN_INLINE int undin_int8_cell_fits_helium(const undin_int8_recurrent_shape *shape, int gates) {
    return undin_helium_chunks(UNDIN_LARGER(shape->inputs, shape->hidden)) <= UNDIN_HELIUM_ROW / 16 &&
           undin_int8_helium_bytes(shape, gates) <= UNDIN_HELIUM_BYTES;
}

/* Units of a block: `gates` times as many columns fit. */
UNDIN_INLINE int undin_int8_helium_units(const undin_int8_recurrent_shape *shape, int gates) {
    const int fit = UNDIN_HELIUM_BYTES / undin_int8_helium_bytes(shape, gates) * 4;
    return UNDIN_SMALLER(fit, UNDIN_HELIUM_COLUMNS / gates / 4 * 4);
}

/* Gather the weights of units n to `end`; returns where those of h begin. A GRU has a bias there, that of its reset. */
UNDIN_OUTLINED const int8_t *undin_int8_helium_units_of(int8_t *to, const undin_int8_gate_weights *all,
                                                        const float *reset_bias,
                                                        const undin_int8_recurrent_shape *shape, int gates, int n,
                                                        int end) {
    const int padded = UNDIN_PADDED(shape->hidden), row = 4 * gates * padded;
    const undin_helium_weights w = {all->w,           row,        UNDIN_DIVIDE_UP(shape->inputs, 4), 1,
                                    shape->zero_point, all->w_sum, all->w_scale,                      all->bias};
    undin_helium_weights r = {all->r, row, UNDIN_DIVIDE_UP(shape->hidden, 4), 1, 0, 0, all->r_scale, 0};
    for (int u = n; u < end; u += 4)
        for (int gate = 0; gate < gates; ++gate) to = undin_helium_columns(to, &w, gate * padded + u);
    const int8_t *const of_h = to;
    for (int u = n; u < end; u += 4)
        for (int gate = 0; gate < gates; ++gate) {
            r.bias = reset_bias && gate == 2 ? reset_bias - 2 * padded : 0;
            to = undin_helium_columns(to, &r, gate * padded + u);
        }
    return of_h;
}

/* Both products of rows m and `next`. */
UNDIN_OUTLINED void undin_int8_helium_cell_products(undin_int8_helium_cell *block, const int8_t *weights_of_h,
                                                    const int8_t *x, const int8_t *h,
                                                    const undin_int8_recurrent_shape *shape, int columns, int m,
                                                    int next) {
    int8_t *const rows = block->both.rows;
    undin_helium_rows(rows, x + m * shape->x_row, x + next * shape->x_row, shape->inputs);
    undin_helium_products(block->of_x[0], block->both.weights, rows, undin_helium_chunks(shape->inputs), columns,
                          sizeof block->of_x[0]);
    undin_helium_rows(rows, h + m * shape->h_row, h + next * shape->h_row, shape->hidden);
    undin_helium_products(block->of_h[0], weights_of_h, rows, undin_helium_chunks(shape->hidden), columns,
                          sizeof block->of_h[0]);
}

/* What a cell makes of the gates of one row. */
typedef void (*undin_int8_helium_gates)(float *next, float *c_next, const float *before, float *of_x,
                                        const float *of_h, int units);

UNDIN_OUTLINED void undin_int8_helium_gru_gates(float *next, float *c_next, const float *before, float *of_x,
                                                const float *of_h, int units) {
    float *gates = of_x;
    (void)c_next;
    for (int u = 0; u < units; u += 4, gates += 12, of_h += 12) {
        vst1q_f32(gates, undin_helium_coarse_sigmoid(vaddq_f32(vld1q_f32(gates), vld1q_f32(of_h))));
        const float32x4_t reset =
            undin_helium_coarse_sigmoid(vaddq_f32(vld1q_f32(gates + 4), vld1q_f32(of_h + 4)));
        vst1q_f32(gates + 8, vaddq_f32(vld1q_f32(gates + 8), vmulq_f32(reset, vld1q_f32(of_h + 8))));
    }
    gates = of_x;
    for (int u = 0; u < units; u += 4, gates += 12) vst1q_f32(gates + 8, undin_helium_coarse_tanh(vld1q_f32(gates + 8)));
    for (int u = 0; u < units / 4; ++u, of_x += 12, before += 4, next += 4) {
        UNDIN_UNROLL for (int i = 0; i < 4; ++i) next[i] = of_x[8 + i] + of_x[i] * (before[i] - of_x[8 + i]);
    }
    for (int i = 0; i < units % 4; ++i) next[i] = of_x[8 + i] + of_x[i] * (before[i] - of_x[8 + i]);
}

UNDIN_OUTLINED void undin_int8_helium_lstm_gates(float *next, float *c_next, const float *before, float *of_x,
                                                 const float *of_h, int units) {
    for (int u = 0; u < units; u += 4, of_x += 16, of_h += 16) {
        UNDIN_UNROLL for (int gate = 0; gate < 4; ++gate) {
            const float32x4_t sum = vaddq_f32(vld1q_f32(of_x + 4 * gate), vld1q_f32(of_h + 4 * gate));
            vst1q_f32(of_x + 4 * gate, gate < 3 ? undin_helium_coarse_sigmoid(sum) : undin_helium_coarse_tanh(sum));
        }
        for (int i = 0; i < 4 && u + i < units; ++i) {
            const float cell = of_x[8 + i] * before[u + i] + of_x[i] * of_x[12 + i];
            c_next[u + i] = cell;
            next[u + i] = of_x[4 + i] * undin_coarse_tanh(cell);
        }
    }
}

/* A cell; `before` is the state that goes on by itself, h of a GRU and c of an LSTM. */
UNDIN_OUTLINED void undin_int8_cell_on_helium(float *h_next, float *c_next, const int8_t *x, const int8_t *h,
                                              const float *before, const undin_int8_gate_weights *all,
                                              const float *reset_bias, const undin_int8_recurrent_shape *shape,
                                              int gates, undin_int8_helium_gates finish) {
    undin_int8_helium_cell block;
    const int widest = undin_int8_helium_units(shape, gates);
    for (int n = 0; n < shape->hidden; n += widest) {
        const int units = UNDIN_SMALLER(widest, shape->hidden - n);
        const int8_t *const of_h =
            undin_int8_helium_units_of(block.both.weights, all, reset_bias, shape, gates, n, n + units);
        for (int m = 0; m < shape->rows; m += 2) {
            const int last = UNDIN_SMALLER(m + 1, shape->rows - 1);
            undin_int8_helium_cell_products(&block, of_h, x, h, shape, gates * UNDIN_PADDED(units), m, last);
            for (int i = m; i <= last; ++i) {
                const int next = i * shape->next_row + n;
                finish(h_next + next, c_next + next, before + i * shape->state_row + n, block.of_x[i - m],
                       block.of_h[i - m], units);
            }
        }
    }
}
#endif

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
    undin_coarse_sigmoids(update, 2 * vectors);
    UNDIN_FOR_UNITS(tile, last, i, v, lanes, {
        const int at = i * units + v;
        (void)lanes;
        candidate[at] += reset[at] * (undin_tile_load(reset_bias, 0, &tile, v) +
                                      undin_integers_to_floats(sum[i * tile.row_sums + 2 * units + v]) *
                                          undin_tile_load(weights->r_scale, padded, &tile, 2 * units + v));
    });
    undin_coarse_tanhs(candidate, vectors);
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
#if defined(UNDIN_ON_HELIUM)
    if (undin_int8_cell_fits_helium(shape, 3)) {
        undin_int8_cell_on_helium(h_next, h_next, x, h, old, &all, reset_bias, shape, 3, undin_int8_helium_gru_gates);
        return;
    }
#endif
    if (undin_int8_cell_fits_pairs(shape, 3)) {
        undin_int8_gru_in_pairs(h_next, x, h, old, &all, reset_bias, shape);
        return;
    }
    UNDIN_FOR_CHUNKS(shape->hidden, undin_int8_recurrent_widest(shape->rows, 3), n, units, last, {
        const undin_int8_gate_weights weights = undin_int8_from_unit(&all, n);
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 3 * units), m, height,
            undin_int8_gru_tile(h_next + m * shape->next_row + n, x + m * shape->x_row, h + m * shape->h_row,
                                old + m * shape->state_row + n, &weights, reset_bias + n, shape, height, units, last));
    });
}

UNDIN_OUTLINED void undin_int8_lstm_in_pairs(float *h_next, float *c_next, const int8_t *x, const int8_t *h,
                                             const float *c, const undin_int8_gate_weights *all,
                                             const undin_int8_recurrent_shape *shape) {
    undin_int8_cell_block block;
    const int widest = undin_pair_columns(undin_int8_cell_words(shape, 4), 4);
    for (int n = 0; n < shape->hidden; n += widest) {
        const int units = UNDIN_SMALLER(widest, shape->hidden - n);
        const uint32_t *const of_h = undin_int8_unpack_cell(&block.pairs, all, 0, shape, 4, n, n + units);
        for (int m = 0; m < shape->rows; m += 2) {
            const int last = UNDIN_SMALLER(m + 1, shape->rows - 1);
            undin_int8_cell_products(&block, of_h, x, h, shape, 4 * UNDIN_DIVIDE_UP(units, 2), m, last);
            for (int i = m; i <= last; ++i)
                for (int u = 0; u < units; ++u) {
                    const int at = u / 2 * 8 + u % 2, next = i * shape->next_row + n + u;
                    const float *from_x = block.of_x[i - m] + at, *from_h = block.of_h[i - m] + at;
                    const float input = undin_coarse_sigmoid(from_x[0] + from_h[0]);
                    const float output = undin_coarse_sigmoid(from_x[2] + from_h[2]);
                    const float forget = undin_coarse_sigmoid(from_x[4] + from_h[4]);
                    const float candidate = undin_coarse_tanh(from_x[6] + from_h[6]);
                    const float cell = forget * c[i * shape->state_row + n + u] + input * candidate;
                    c_next[next] = cell;
                    h_next[next] = output * undin_coarse_tanh(cell);
                }
        }
    }
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
    undin_coarse_sigmoids(gates, 3 * vectors);
    undin_coarse_tanhs(cell, vectors);
    UNDIN_FOR_UNITS(tile, last, i, v, lanes, {
        const int at = i * units + v;
        const undin_vector before = undin_vector_load_first(c + i * shape->state_row + v * UNDIN_LANES, lanes);
        cell[at] = forget[at] * before + input[at] * cell[at];
        undin_vector_store_first(c_next + i * shape->next_row + v * UNDIN_LANES, cell[at], lanes);
    });
    undin_coarse_tanhs(cell, vectors);
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
#if defined(UNDIN_ON_HELIUM)
    if (undin_int8_cell_fits_helium(shape, 4)) {
        undin_int8_cell_on_helium(h_next, c_next, x, h, c, &all, 0, shape, 4, undin_int8_helium_lstm_gates);
        return;
    }
#endif
    if (undin_int8_cell_fits_pairs(shape, 4)) {
        undin_int8_lstm_in_pairs(h_next, c_next, x, h, c, &all, shape);
        return;
    }
    UNDIN_FOR_CHUNKS(shape->hidden, undin_int8_recurrent_widest(shape->rows, 4), n, units, last, {
        const undin_int8_gate_weights weights = undin_int8_from_unit(&all, n);
        UNDIN_FOR_ROWS(shape->rows, undin_int8_recurrent_height(shape->rows, 4 * units), m, height,
            undin_int8_lstm_tile(h_next + m * shape->next_row + n, c_next + m * shape->next_row + n,
                                 x + m * shape->x_row, h + m * shape->h_row, c + m * shape->state_row + n, &weights,
                                 shape, height, units, last));
    });
}

#endif
