/* undin_recurrent.h: one time step of GRU, LSTM and RNN for `rows` sequences that share their weights.
 *
 * Weights are packed (k, gate, padded), where padded is hidden rounded up to a multiple of 4, with zeros. One pass over
 * k feeds all gates of a tile of rows while their sums stay in registers, where the activations are then applied: no
 * gate ever meets memory. Gates come in the order of ONNX: z r h (GRU), i o f c (LSTM).
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

UNDIN_INLINE undin_vector undin_recurrent_activate(undin_vector x, const undin_recurrent_shape *shape, int which) {
    if (shape->clip > 0)
        x = undin_vector_min(undin_vector_max(x, undin_vector_of(-shape->clip)), undin_vector_of(shape->clip));
    return undin_vector_activate(x, shape->activation[which], shape->alpha[which], shape->beta[which], x);
}

/* A tile of `rows` x `gates` vectors in rows of `row_sums` sums; `lanes` units of the cell. */
UNDIN_INLINE undin_tile undin_recurrent_tile(int rows, int gates, int row_sums, int lanes) {
    const int read = UNDIN_SMALLER(UNDIN_PADDED(lanes), UNDIN_LANES);
    const undin_tile tile = {.rows = rows,
                             .vectors = gates,
                             .lanes = read,
                             .last_lanes = read,
                             .row_sums = row_sums,
                             .skip = 0,
                             .split = undin_tile_split(rows * row_sums)};
    return tile;
}

/* Sums begin with the bias. */
UNDIN_INLINE void undin_recurrent_begin(undin_vector *sum, const undin_tile *tile, const float *bias, int bias_row,
                                        int padded) {
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j] = undin_tile_load(bias + i * bias_row + j * padded, tile, j);
    }
    undin_tile_begin_split(sum, tile);
}

/* h_next = n + z (h - n) for a tile of rows; h and h_next point to its columns. */
UNDIN_INLINE void undin_gru_blend(float *h_next, const float *h, undin_vector update, undin_vector candidate,
                                  int lanes) {
    const undin_vector old = undin_vector_load_first(h, lanes);
    undin_vector_store_first(h_next, candidate + update * (old - candidate), lanes);
}

UNDIN_INLINE void undin_gru_tile(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const float *reset_bias, const undin_recurrent_shape *shape, int n,
                                 int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden);
    undin_tile tile = undin_recurrent_tile(rows, 3, 4, lanes);
    undin_vector sum[UNDIN_TILE_SUMS];
    const undin_vector reset_start = undin_vector_load_first(reset_bias + n, tile.lanes);
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[4 * i + 3] = reset_start;
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, 3 * padded, padded, shape->inputs);
    tile.skip = 1; /* h r_h is apart from x w_h until it has met the reset gate */
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, 3 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector update = undin_recurrent_activate(sum[4 * i], shape, 0);
        const undin_vector reset = undin_recurrent_activate(sum[4 * i + 1], shape, 0);
        const undin_vector candidate = undin_recurrent_activate(sum[4 * i + 2] + reset * sum[4 * i + 3], shape, 1);
        undin_gru_blend(h_next + i * shape->next_row + n, h + i * shape->state_row + n, update, candidate, lanes);
    }
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
    UNDIN_FOR_COLUMNS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, UNDIN_TILE_SUMS / 4, m, height,
            undin_gru_tile(h_next + m * shape->next_row, x + m * shape->x_row, h + m * shape->state_row, w, r,
                           bias + m * shape->bias_row, reset_bias, shape, n, height, lanes)));
}

/* The gates of the other GRU: z goes to h_next for the time being, reset * h to reset_h. */
UNDIN_INLINE void undin_gru_gates_tile(float *h_next, float *reset_h, const float *x, const float *h, const float *w,
                                       const float *r, const float *bias, const undin_recurrent_shape *shape, int n,
                                       int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, 2, 2, lanes);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, 3 * padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, 3 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector old = undin_vector_load_first(h + i * shape->state_row + n, lanes);
        const undin_vector reset = undin_recurrent_activate(sum[2 * i + 1], shape, 0);
        const undin_vector update = undin_recurrent_activate(sum[2 * i], shape, 0);
        undin_vector_store_first(h_next + i * shape->next_row + n, update, lanes);
        undin_vector_store_first(reset_h + i * shape->hidden + n, reset * old, lanes);
    }
}

UNDIN_INLINE void undin_gru_candidate_tile(float *h_next, const float *reset_h, const float *x, const float *h,
                                           const float *w, const float *r, const float *bias,
                                           const undin_recurrent_shape *shape, int n, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden), gate = 2 * padded + n;
    const undin_tile tile = undin_recurrent_tile(rows, 1, 1, lanes);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + gate, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + gate, 3 * padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, reset_h, shape->hidden, 1, r + gate, 3 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector update = undin_vector_load_first(h_next + i * shape->next_row + n, lanes);
        undin_gru_blend(h_next + i * shape->next_row + n, h + i * shape->state_row + n, update,
                        undin_recurrent_activate(sum[i], shape, 1), lanes);
    }
}

/* GRU whose reset gate acts before the product (ONNX: linear_before_reset = 0):
 *
 *     n = g(x w_h + (reset * h) r_h + bias_h), all else as in undin_gru_step
 *
 * reset_h (rows, hidden) is room for reset * h. */
UNDIN_KERNEL void undin_gru_reset_first_step(float *h_next, float *reset_h, const float *x, const float *h,
                                             const float *w, const float *r, const float *bias,
                                             const undin_recurrent_shape *shape) {
    UNDIN_FOR_COLUMNS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, UNDIN_TILE_SUMS / 2, m, height,
            undin_gru_gates_tile(h_next + m * shape->next_row, reset_h + m * shape->hidden, x + m * shape->x_row,
                                 h + m * shape->state_row, w, r, bias + m * shape->bias_row, shape, n, height, lanes)));
    UNDIN_FOR_COLUMNS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, UNDIN_TILE_ROWS, m, height,
            undin_gru_candidate_tile(h_next + m * shape->next_row, reset_h + m * shape->hidden, x + m * shape->x_row,
                                     h + m * shape->state_row, w, r, bias + m * shape->bias_row, shape, n, height,
                                     lanes)));
}

UNDIN_INLINE void undin_lstm_tile(float *h_next, float *c_next, const float *x, const float *h, const float *c,
                                  const float *w, const float *r, const float *bias, const float *peephole,
                                  const undin_recurrent_shape *shape, int n, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, 4, 4, lanes);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, 4 * padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, 4 * padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
        const undin_vector old = undin_vector_load_first(c + i * shape->state_row + n, lanes);
        undin_vector input = sum[4 * i], output = sum[4 * i + 1], forget = sum[4 * i + 2];
        if (peephole) {
            input += old * undin_vector_load_first(peephole + n, tile.lanes);
            forget += old * undin_vector_load_first(peephole + 2 * padded + n, tile.lanes);
        }
        input = undin_recurrent_activate(input, shape, 0);
        forget = undin_recurrent_activate(forget, shape, 0);
        const undin_vector cell = forget * old + input * undin_recurrent_activate(sum[4 * i + 3], shape, 1);
        if (peephole) output += cell * undin_vector_load_first(peephole + padded + n, tile.lanes);
        output = undin_recurrent_activate(output, shape, 0);
        undin_vector_store_first(c_next + i * shape->next_row + n, cell, lanes);
        output *= undin_vector_activate(cell, shape->activation[2], shape->alpha[2], shape->beta[2], cell);
        undin_vector_store_first(h_next + i * shape->next_row + n, output, lanes);
    }
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
    UNDIN_FOR_COLUMNS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, UNDIN_TILE_SUMS / 4, m, height,
            undin_lstm_tile(h_next + m * shape->next_row, c_next + m * shape->next_row, x + m * shape->x_row,
                            h + m * shape->state_row, c + m * shape->state_row, w, r, bias + m * shape->bias_row,
                            peephole, shape, n, height, lanes)));
}

UNDIN_INLINE void undin_rnn_tile(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const undin_recurrent_shape *shape, int n, int rows, int lanes) {
    const int padded = UNDIN_PADDED(shape->hidden);
    const undin_tile tile = undin_recurrent_tile(rows, 1, 1, lanes);
    undin_vector sum[UNDIN_TILE_SUMS];
    undin_recurrent_begin(sum, &tile, bias + n, shape->bias_row, padded);
    undin_tile_product(sum, &tile, x, shape->x_row, 1, w + n, padded, padded, shape->inputs);
    undin_tile_product(sum, &tile, h, shape->state_row, 1, r + n, padded, padded, shape->hidden);
    undin_tile_end_split(sum, &tile);
    UNDIN_UNROLL for (int i = 0; i < rows; ++i)
        undin_vector_store_first(h_next + i * shape->next_row + n, undin_recurrent_activate(sum[i], shape, 0), lanes);
}

/* RNN: h_next = f(x w + h r + bias)
 *
 * h_next, h (rows, hidden), x (rows, inputs), w (inputs, padded), r (hidden, padded), bias (padded) or
 * (rows, padded). */
UNDIN_KERNEL void undin_rnn_step(float *h_next, const float *x, const float *h, const float *w, const float *r,
                                 const float *bias, const undin_recurrent_shape *shape) {
    UNDIN_FOR_COLUMNS(shape->hidden, n, lanes,
        UNDIN_FOR_ROWS(shape->rows, UNDIN_TILE_ROWS, m, height,
            undin_rnn_tile(h_next + m * shape->next_row, x + m * shape->x_row, h + m * shape->state_row, w, r,
                           bias + m * shape->bias_row, shape, n, height, lanes)));
}

#endif
