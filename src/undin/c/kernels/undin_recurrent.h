/* undin_recurrent.h: one time step of GRU, LSTM and RNN for `rows` sequences that share their weights.
 *
 * Weights are packed (k, gate, padded), where padded is hidden rounded up with zeros (UNDIN_ROW_PADDED). One pass over
 * k feeds all gates of a tile of rows while their sums stay in registers. An activation is one long chain, so that the
 * few vectors of a tile would mostly wait for themselves: the sums of some tiles go to a small block of memory, and the
 * activations run over all of it. Gates come in the order of ONNX: z r h (GRU), i o f c (LSTM).
 *
 * bias is (gate, padded), the two biases of ONNX added up. Where x w is the same work for many steps, do it before with
 * one undin_matmul over all of them, and pass inputs = 0, its sums as bias, and bias_row.
 *
 * A next state must not overlap the old one: later columns still need that.
 *
 * Read next: undin_tile.h, the inner loop.
 */
#ifndef UNDIN_RECURRENT_H
#define UNDIN_RECURRENT_H

#include "undin_math.h"
#include "undin_tile.h"

/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, inputs, hidden;
    int x_row, state_row, next_row;      /* strides of x, of h and c, of h_next and c_next */
    int bias_row;                        /* 0: all rows begin with the same bias; else the stride of a row of sums */
    enum undin_activation activation[3]; /* GRU: z and r, h; LSTM: i, o and f, c, output; RNN: h */
    float alpha[3], beta[3];             /* of the activations */
    float clip;                          /* what enters an activation is clipped to +-clip; 0: it is not */
} undin_recurrent_shape;

/* A tile of `rows` x `units` vectors of units with `gates` gates each. */
UNDIN_INLINE undin_tile undin_recurrent_tile(int rows, int units, int last, int gates) {
    undin_tile tile = undin_plain_tile(rows, units, last, 1);
    tile.vectors = tile.row_sums = gates * units;
    tile.split = undin_tile_split(rows * gates * units);
    return tile;
}

/* Widest tile, in vectors of units: with few rows the gates of several vectors share the steps of the adders. */
UNDIN_INLINE int undin_recurrent_widest(int rows, int gates) {
    return UNDIN_LANES > 1 && rows * gates * 2 <= UNDIN_TILE_SUMS ? UNDIN_TILE_SUMS / (rows * gates) : 1;
}

/* Sums begin with the bias. */
UNDIN_INLINE void undin_recurrent_begin(undin_vector *sum, const undin_tile *tile, const float *bias, int bias_row,
                                        int padded) {
    UNDIN_OPAQUE(bias);
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j] = undin_tile_load(bias + i * bias_row, padded, tile, j);
    }
    undin_tile_begin_split(sum, tile);
}

/* The sums of `count` gates = activation[which](...). */
UNDIN_INLINE void undin_recurrent_activate(undin_vector *sum, const undin_tile *tile, int gate, int count,
                                           const undin_recurrent_shape *shape, int which) {
    const int first = gate * tile->width, vectors = count * tile->width;
    if (shape->clip > 0) undin_tile_activate(sum, tile, first, vectors, UNDIN_CLIP, -shape->clip, shape->clip);
    undin_tile_activate(sum, tile, first, vectors, shape->activation[which], shape->alpha[which], shape->beta[which]);
}

/* Read or write vector v of row i of a state whose rows are `row` apart; the last vector has `last` lanes. */
UNDIN_INLINE undin_vector undin_state_load(const float *state, int row, const undin_tile *tile, int last, int i,
                                           int v) {
    return undin_vector_load_first(state + i * row + v * UNDIN_LANES, v + 1 < tile->width ? UNDIN_LANES : last);
}
UNDIN_INLINE void undin_state_store(float *state, int row, const undin_tile *tile, int last, int i, int v,
                                    undin_vector x) {
    undin_vector_store_first(state + i * row + v * UNDIN_LANES, x, v + 1 < tile->width ? UNDIN_LANES : last);
}

/* Run a statement for every row i and vector v of a tile, with the sum of each gate at sum[at + gate * tile.width]. */
#define UNDIN_FOR_TILE(tile, i, v, at, ...)                   \
    UNDIN_UNROLL for (int i = 0; i < (tile).rows; ++i) {      \
        UNDIN_UNROLL for (int v = 0; v < (tile).width; ++v) { \
            const int at = i * (tile).row_sums + v;           \
            __VA_ARGS__;                                      \
        }                                                     \
    }

/* Sums that wait for their activations: so many vectors of each gate, of whole rows of a chunk of units, and no more
   gates than four. */
#if UNDIN_LANES == 1
#define UNDIN_WAITING_VECTORS 16
#else
#define UNDIN_WAITING_VECTORS 32
#endif
#define UNDIN_WAITING_FLOATS (UNDIN_WAITING_VECTORS * UNDIN_LANES)

/* Run a statement for every row i and vector v of sums that wait, which lie at float `at` of each gate. */
#define UNDIN_FOR_WAITING(rows, units, i, v, at, ...)             \
    for (int i = 0; i < (rows); ++i) {                            \
        UNDIN_UNROLL for (int v = 0; v < (units); ++v) {          \
            const int at = (i * (units) + v) * UNDIN_LANES;       \
            __VA_ARGS__;                                          \
        }                                                         \
    }

/* Run a statement that finishes `waiting` rows from row `first` on, once no further tile has room behind row `next`. */
#define UNDIN_FINISH_WAITING(waiting, highest, units, next, all_rows, first, statement)          \
    do {                                                                                         \
        if (((waiting) + (highest)) * (units) > UNDIN_WAITING_VECTORS || (next) == (all_rows)) { \
            const int first = (next) - (waiting);                                                \
            statement;                                                                           \
            (waiting) = 0;                                                                       \
        }                                                                                        \
    } while (0)

/* x = activation(x), `vectors` of it. */
UNDIN_INLINE void undin_waiting_apply(float *x, int vectors, enum undin_activation activation, float alpha, float beta) {
    if (undin_is_transcendental(activation)) {
        undin_activate_vectors(x, vectors, activation, alpha, beta);
        return;
    }
    for (int i = 0; i < vectors * UNDIN_LANES; i += UNDIN_LANES)
        undin_vector_store(x + i, undin_vector_activate(undin_vector_load(x + i), activation, alpha, beta));
}

/* gate = activation[which](gate), `vectors` of it. */
UNDIN_INLINE void undin_waiting_activate(float *gate, int vectors, const undin_recurrent_shape *shape, int which) {
    if (shape->clip > 0) undin_waiting_apply(gate, vectors, UNDIN_CLIP, -shape->clip, shape->clip);
    undin_waiting_apply(gate, vectors, shape->activation[which], shape->alpha[which], shape->beta[which]);
}

/* Write the sums of a gate of a tile to where they wait. */
UNDIN_INLINE void undin_waiting_store(float *gate, const undin_vector *sum, const undin_tile *tile) {
    UNDIN_FOR_TILE(*tile, i, v, at,
        undin_vector_store(gate + (i * tile->width + v) * UNDIN_LANES, sum[at]));
}

/* Sums of a tile: z, reset, x w_h + bias_h and h r_h + reset_bias, each at a place of its own in `gates`. */
UNDIN_INLINE void undin_gru_tile(float *gates, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const float *reset_bias, const undin_recurrent_shape *shape, int n,
                                 int rows, int units, int last) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, units, last, 3);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    if (shape->inputs) {
        undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, 3 * padded, padded, shape->inputs);
        undin_tile_end_split(sum, &tile);
        undin_tile_begin_split(sum, &tile);
    }
    undin_waiting_store(gates + 2 * UNDIN_WAITING_FLOATS, sum + 2 * units, &tile);
    UNDIN_OPAQUE(reset_bias);
    UNDIN_FOR_TILE(tile, i, v, at, sum[at + 2 * units] = undin_tile_load(reset_bias + n, padded, &tile, v));
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, 3 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    undin_waiting_store(gates, sum, &tile);
    undin_waiting_store(gates + UNDIN_WAITING_FLOATS, sum + units, &tile);
    undin_waiting_store(gates + 3 * UNDIN_WAITING_FLOATS, sum + 2 * units, &tile);
}

/* The next state of `rows` rows whose sums wait. */
UNDIN_INLINE void undin_gru_finish(float *h_next, const float *h, float *gates, const undin_recurrent_shape *shape,
                                   int rows, int units, int last) {
    const undin_tile tile = undin_recurrent_tile(1, units, last, 3);
    float *const update = gates, *const reset = gates + UNDIN_WAITING_FLOATS;
    float *const candidate = gates + 2 * UNDIN_WAITING_FLOATS, *const from_h = gates + 3 * UNDIN_WAITING_FLOATS;
    undin_waiting_activate(update, rows * units, shape, 0);
    undin_waiting_activate(reset, rows * units, shape, 0);
    for (int at = 0; at < rows * units * UNDIN_LANES; at += UNDIN_LANES)
        undin_vector_store(candidate + at, undin_vector_load(candidate + at) +
                                               undin_vector_load(reset + at) * undin_vector_load(from_h + at));
    undin_waiting_activate(candidate, rows * units, shape, 1);
    UNDIN_FOR_WAITING(rows, units, i, v, at, {
        const undin_vector z = undin_vector_load(update + at), n = undin_vector_load(candidate + at);
        const undin_vector old = undin_state_load(h, shape->state_row, &tile, last, i, v);
        undin_state_store(h_next, shape->next_row, &tile, last, i, v, n + z * (old - n));
    });
}

/* All rows of a few vectors of units. */
UNDIN_INLINE void undin_gru_columns(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                    const float *bias, const float *reset_bias, const undin_recurrent_shape *shape,
                                    int n, int units, int last) {
    float gates[4 * UNDIN_WAITING_FLOATS] __attribute__((aligned(4 * UNDIN_LANES)));
    const int highest = undin_tile_height(shape->rows, 3 * units);
    int waiting = 0;
    UNDIN_FOR_ROWS(shape->rows, highest, m, height, {
        undin_gru_tile(gates + waiting * units * UNDIN_LANES, x + m * shape->x_row, h + m * shape->state_row, w, r,
                       bias + m * shape->bias_row, reset_bias, shape, n, height, units, last);
        waiting += height;
        UNDIN_FINISH_WAITING(waiting, highest, units, m + height, shape->rows, first,
            undin_gru_finish(h_next + n + first * shape->next_row, h + n + first * shape->state_row, gates, shape,
                             waiting, units, last));
    });
}

/* GRU whose reset gate acts after the product (ONNX: linear_before_reset = 1; the GRU of PyTorch):
 *
 *     z = f(x w_z + h r_z + bias_z), reset = f(x w_r + h r_r + bias_r)
 *     n = g(x w_h + bias_h + reset * (h r_h + reset_bias)), h_next = (1 - z) n + z h
 *
 * h_next, h (rows, hidden), x (rows, inputs), w (inputs, 3, padded), r (hidden, 3, padded), bias (3, padded) or
 * (rows, 3, padded), reset_bias (padded). */
UNDIN_KERNEL void undin_gru_step(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const float *reset_bias, const undin_recurrent_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->hidden, undin_recurrent_widest(shape->rows, 3), n, units, last,
        undin_gru_columns(h_next, x, h, w, r, bias, reset_bias, shape, n, units, last));
}

/* The gates of the other GRU: z goes to h_next for the time being, reset * h to reset_h. */
UNDIN_INLINE void undin_gru_gates_tile(float *h_next, float *reset_h, const float *x, const float *h, const float *w,
                                       const float *r, const float *bias, const undin_recurrent_shape *shape, int n,
                                       int rows, int units, int last) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, units, last, 2);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, 3 * padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, 3 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    undin_recurrent_activate(sum, &tile, 0, 2, shape, 0);
    UNDIN_FOR_TILE(tile, i, v, at, {
        const undin_vector old = undin_state_load(h + n, shape->state_row, &tile, last, i, v);
        undin_state_store(h_next + n, shape->next_row, &tile, last, i, v, sum[at]);
        undin_state_store(reset_h + n, shape->hidden, &tile, last, i, v, sum[at + units] * old);
    });
}

UNDIN_INLINE void undin_gru_candidate_tile(float *h_next, const float *reset_h, const float *x, const float *h,
                                           const float *w, const float *r, const float *bias,
                                           const undin_recurrent_shape *shape, int n, int rows, int units, int last) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden), gate = 2 * padded + n;
    const undin_tile tile = undin_recurrent_tile(rows, units, last, 1);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + gate, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + gate, 3 * padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, reset_h, shape->hidden, 1, r + gate, 3 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    undin_recurrent_activate(sum, &tile, 0, 1, shape, 1);
    UNDIN_FOR_TILE(tile, i, v, at, {
        const undin_vector update = undin_state_load(h_next + n, shape->next_row, &tile, last, i, v);
        const undin_vector old = undin_state_load(h + n, shape->state_row, &tile, last, i, v);
        undin_state_store(h_next + n, shape->next_row, &tile, last, i, v, sum[at] + update * (old - sum[at]));
    });
}

/* GRU whose reset gate acts before the product (ONNX: linear_before_reset = 0):
 *
 *     n = g(x w_h + (reset * h) r_h + bias_h), all else as in undin_gru_step
 *
 * reset_h (rows, hidden) is room for reset * h. */
UNDIN_KERNEL void undin_gru_reset_first_step(float *h_next, float *reset_h, const float *x, const float *h,
                                             const float *w, const float *r, const float *bias,
                                             const undin_recurrent_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->hidden, undin_recurrent_widest(shape->rows, 2), n, units, last,
        UNDIN_FOR_ROWS(shape->rows, undin_tile_height(shape->rows, 2 * units), m, height,
            undin_gru_gates_tile(h_next + m * shape->next_row, reset_h + m * shape->hidden, x + m * shape->x_row,
                                 h + m * shape->state_row, w, r, bias + m * shape->bias_row, shape, n, height, units,
                                 last)));
    UNDIN_FOR_CHUNKS(shape->hidden, undin_recurrent_widest(shape->rows, 1), n, units, last,
        UNDIN_FOR_ROWS(shape->rows, undin_tile_height(shape->rows, units), m, height,
            undin_gru_candidate_tile(h_next + m * shape->next_row, reset_h + m * shape->hidden, x + m * shape->x_row,
                                     h + m * shape->state_row, w, r, bias + m * shape->bias_row, shape, n, height,
                                     units, last)));
}

/* Sums of a tile: i, o, f and c, each at a place of its own in `gates`. */
UNDIN_INLINE void undin_lstm_tile(float *gates, const float *x, const float *h, const float *w, const float *r,
                                  const float *bias, const undin_recurrent_shape *shape, int n, int rows, int units,
                                  int last) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, units, last, 4);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, 4 * padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, 4 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    for (int gate = 0; gate < 4; ++gate)
        undin_waiting_store(gates + gate * UNDIN_WAITING_FLOATS, sum + gate * units, &tile);
}

/* A gate of an LSTM sees the cell. */
UNDIN_INLINE void undin_lstm_peep(float *gate, const float *c, int c_row, const float *peephole, int rows, int units,
                                  int last) {
    const undin_tile tile = undin_recurrent_tile(1, units, last, 4);
    UNDIN_FOR_WAITING(rows, units, i, v, at,
        undin_vector_store(gate + at, undin_vector_load(gate + at) + undin_state_load(c, c_row, &tile, last, i, v) *
                                                                         undin_tile_load(peephole, 0, &tile, v)));
}

/* The next states of `rows` rows whose sums wait; `peephole` is that of the first of these units. */
UNDIN_INLINE void undin_lstm_finish(float *h_next, float *c_next, const float *c, float *gates, const float *peephole,
                                    const undin_recurrent_shape *shape, int rows, int units, int last) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(1, units, last, 4);
    float *const input = gates, *const output = gates + UNDIN_WAITING_FLOATS;
    float *const forget = gates + 2 * UNDIN_WAITING_FLOATS, *const cell = gates + 3 * UNDIN_WAITING_FLOATS;
    if (peephole) {
        undin_lstm_peep(input, c, shape->state_row, peephole, rows, units, last);
        undin_lstm_peep(forget, c, shape->state_row, peephole + 2 * padded, rows, units, last);
    }
    undin_waiting_activate(input, rows * units, shape, 0);
    undin_waiting_activate(forget, rows * units, shape, 0);
    undin_waiting_activate(cell, rows * units, shape, 1);
    UNDIN_FOR_WAITING(rows, units, i, v, at, {
        const undin_vector old = undin_state_load(c, shape->state_row, &tile, last, i, v);
        const undin_vector next = undin_vector_load(forget + at) * old +
                                  undin_vector_load(input + at) * undin_vector_load(cell + at);
        undin_vector_store(cell + at, next);
        undin_state_store(c_next, shape->next_row, &tile, last, i, v, next);
    });
    if (peephole) undin_lstm_peep(output, c_next, shape->next_row, peephole + padded, rows, units, last);
    undin_waiting_activate(output, rows * units, shape, 0);
    undin_waiting_apply(cell, rows * units, shape->activation[2], shape->alpha[2], shape->beta[2]);
    UNDIN_FOR_WAITING(rows, units, i, v, at,
        undin_state_store(h_next, shape->next_row, &tile, last, i, v,
                          undin_vector_load(output + at) * undin_vector_load(cell + at)));
}

/* All rows of a few vectors of units. */
UNDIN_INLINE void undin_lstm_columns(float *h_next, float *c_next, const float *x, const float *h, const float *c,
                                     const float *w, const float *r, const float *bias, const float *peephole,
                                     const undin_recurrent_shape *shape, int n, int units, int last) {
    float gates[4 * UNDIN_WAITING_FLOATS] __attribute__((aligned(4 * UNDIN_LANES)));
    const int highest = undin_tile_height(shape->rows, 4 * units);
    int waiting = 0;
    UNDIN_FOR_ROWS(shape->rows, highest, m, height, {
        undin_lstm_tile(gates + waiting * units * UNDIN_LANES, x + m * shape->x_row, h + m * shape->state_row, w, r,
                        bias + m * shape->bias_row, shape, n, height, units, last);
        waiting += height;
        UNDIN_FINISH_WAITING(waiting, highest, units, m + height, shape->rows, first,
            undin_lstm_finish(h_next + n + first * shape->next_row, c_next + n + first * shape->next_row,
                              c + n + first * shape->state_row, gates, peephole ? peephole + n : peephole, shape,
                              waiting, units, last));
    });
}

/* LSTM:
 *
 *     i = f(x w_i + h r_i + bias_i + p_i c), forget = f(... + p_f c), c_next = forget c + i g(x w_c + h r_c + bias_c)
 *     o = f(x w_o + h r_o + bias_o + p_o c_next), h_next = o activation[2](c_next)
 *
 * h_next, c_next, h, c (rows, hidden), x (rows, inputs), w (inputs, 4, padded), r (hidden, 4, padded), bias (4, padded)
 * or (rows, 4, padded), peephole (3, padded) for i, o, f, or NULL. c_next may be c itself. */
UNDIN_KERNEL void undin_lstm_step(float *h_next, float *c_next, const float *x, const float *h, const float *c,
                                  const float *w, const float *r, const float *bias, const float *peephole,
                                  const undin_recurrent_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->hidden, undin_recurrent_widest(shape->rows, 4), n, units, last,
        undin_lstm_columns(h_next, c_next, x, h, c, w, r, bias, peephole, shape, n, units, last));
}

UNDIN_INLINE void undin_rnn_tile(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const undin_recurrent_shape *shape, int n, int rows, int units,
                                 int last) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, units, last, 1);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    undin_recurrent_activate(sum, &tile, 0, 1, shape, 0);
    undin_tile_store(h_next + n, shape->next_row, sum, &tile, last);
}

/* RNN: h_next = f(x w + h r + bias)
 *
 * h_next, h (rows, hidden), x (rows, inputs), w (inputs, padded), r (hidden, padded), bias (padded) or
 * (rows, padded). */
UNDIN_KERNEL void undin_rnn_step(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const undin_recurrent_shape *shape) {
    UNDIN_FOR_CHUNKS(shape->hidden, undin_recurrent_widest(shape->rows, 1), n, units, last,
        UNDIN_FOR_ROWS(shape->rows, undin_tile_height(shape->rows, units), m, height,
            undin_rnn_tile(h_next + m * shape->next_row, x + m * shape->x_row, h + m * shape->state_row, w, r,
                           bias + m * shape->bias_row, shape, n, height, units, last)));
}

#endif
