/* undin_reference.h: every kernel as plain loops, to read what it computes and to test the fast one against.
 *
 * Same arguments and shapes as the kernels, no tiles, no vectors; not part of generated code.
 *
 * Read next: undin_matmul.h, undin_lanes.h, undin_recurrent.h, in this order.
 */
#ifndef UNDIN_REFERENCE_H
#define UNDIN_REFERENCE_H

#include "undin_lanes.h"
#include "undin_matmul.h"
#include "undin_recurrent.h"

static inline float undin_finish_reference(float sum, const float *residual, enum undin_activation activation,
                                           float alpha, float beta) {
    return undin_activate(residual ? sum + *residual : sum, activation, alpha, beta);
}

static inline void undin_matmul_reference(float *y, const float *a, const float *w, const float *bias,
                                          const float *residual,
                                          const undin_matmul_shape *shape) {
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n) {
            float sum = bias ? bias[n] : 0.0f;
            for (int t = 0; t < shape->taps; ++t)
                for (int k = 0; k < shape->depth; ++k)
                    sum += a[m * shape->a_row + shape->tap_offset[t] + k * shape->a_step] *
                           w[t * shape->w_tap + k * shape->w_row + n];
            y[m * shape->y_row + n] =
                undin_finish_reference(sum, residual ? residual + m * shape->residual_row + n : residual,
                                       shape->activation, shape->alpha, shape->beta);
        }
}

static inline void undin_depthwise_reference(float *y, const float *x, const float *w, const float *bias,
                                             const float *residual,
                                             const undin_depthwise_shape *shape) {
    for (int m = 0; m < shape->rows; ++m)
        for (int c = 0; c < shape->channels; ++c) {
            float sum = bias ? bias[c] : 0.0f;
            for (int t = 0; t < shape->taps; ++t)
                sum += x[m * shape->x_row + shape->tap_offset[t] + c] * w[t * shape->w_tap + c];
            y[m * shape->y_row + c] =
                undin_finish_reference(sum, residual ? residual + m * shape->residual_row + c : residual,
                                       shape->activation, shape->alpha, shape->beta);
        }
}

static inline void undin_band_mix_reference(float *y, const float *x, const float *w, const float *bias,
                                            const undin_band_mix_shape *shape) {
    for (int n = 0; n < shape->rows; ++n)
        for (int c = 0; c < shape->channels; ++c) {
            float sum = bias ? bias[n * shape->bias_row + c] : 0.0f;
            for (int k = 0; k < shape->depth; ++k)
                sum += x[k * shape->x_row + c] * w[(n * shape->depth + k) * UNDIN_ROW_PADDED(shape->channels) + c];
            y[n * shape->y_row + c] =
                undin_finish_reference(sum, 0, shape->activation, shape->alpha, shape->beta);
        }
}

/* sum over k of x[k] w[k][gate][n] */
static inline float undin_gate_reference(const float *x, const float *w, int depth, int gates, int padded, int gate,
                                         int n) {
    float sum = 0.0f;
    for (int k = 0; k < depth; ++k) sum += x[k] * w[(k * gates + gate) * padded + n];
    return sum;
}

static inline float undin_recurrent_activate_reference(float x, const undin_recurrent_shape *shape, int which) {
    if (shape->clip > 0) x = undin_min(undin_max(x, -shape->clip), shape->clip);
    return undin_activate(x, shape->activation[which], shape->alpha[which], shape->beta[which]);
}

static inline void undin_gru_step_reference(float *h_next, const float *x, const float *h, const float *w,
                                            const float *r, const float *bias, const float *reset_bias,
                                            const undin_recurrent_shape *shape) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n) {
            float from_x[3], from_h[3];
            for (int gate = 0; gate < 3; ++gate) {
                from_x[gate] = bias[m * shape->bias_row + gate * padded + n] +
                               undin_gate_reference(x + m * shape->x_row, w, shape->inputs, 3, padded, gate, n);
                from_h[gate] =
                    undin_gate_reference(h + m * shape->state_row, r, shape->hidden, 3, padded, gate, n);
            }
            const float update = undin_recurrent_activate_reference(from_x[0] + from_h[0], shape, 0);
            const float reset = undin_recurrent_activate_reference(from_x[1] + from_h[1], shape, 0);
            const float candidate =
                undin_recurrent_activate_reference(from_x[2] + reset * (from_h[2] + reset_bias[n]), shape, 1);
            h_next[m * shape->next_row + n] = (1.0f - update) * candidate + update * h[m * shape->state_row + n];
        }
}

static inline void undin_gru_reset_first_step_reference(float *h_next, float *reset_h, const float *x, const float *h,
                                                        const float *w, const float *r, const float *bias,
                                                        const undin_recurrent_shape *shape) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    for (int m = 0; m < shape->rows; ++m) {
        const float *x_m = x + m * shape->x_row, *h_m = h + m * shape->state_row, *bias_m = bias + m * shape->bias_row;
        float *reset_m = reset_h + m * shape->hidden, *next_m = h_next + m * shape->next_row;
        for (int n = 0; n < shape->hidden; ++n) {
            float gates[2];
            for (int gate = 0; gate < 2; ++gate)
                gates[gate] = undin_recurrent_activate_reference(
                    bias_m[gate * padded + n] + undin_gate_reference(x_m, w, shape->inputs, 3, padded, gate, n) +
                        undin_gate_reference(h_m, r, shape->hidden, 3, padded, gate, n),
                    shape, 0);
            next_m[n] = gates[0];
            reset_m[n] = gates[1] * h_m[n];
        }
        for (int n = 0; n < shape->hidden; ++n) {
            const float candidate = undin_recurrent_activate_reference(
                bias_m[2 * padded + n] + undin_gate_reference(x_m, w, shape->inputs, 3, padded, 2, n) +
                    undin_gate_reference(reset_m, r, shape->hidden, 3, padded, 2, n),
                shape, 1);
            next_m[n] = (1.0f - next_m[n]) * candidate + next_m[n] * h_m[n];
        }
    }
}

static inline void undin_lstm_step_reference(float *h_next, float *c_next, const float *x, const float *h,
                                             const float *c, const float *w, const float *r, const float *bias,
                                             const float *peephole, const undin_recurrent_shape *shape) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n) {
            const float old = c[m * shape->state_row + n];
            float sum[4];
            for (int gate = 0; gate < 4; ++gate)
                sum[gate] = bias[m * shape->bias_row + gate * padded + n] +
                            undin_gate_reference(x + m * shape->x_row, w, shape->inputs, 4, padded, gate, n) +
                            undin_gate_reference(h + m * shape->state_row, r, shape->hidden, 4, padded, gate, n);
            const float input_peep = peephole ? peephole[n] * old : 0.0f;
            const float forget_peep = peephole ? peephole[2 * padded + n] * old : 0.0f;
            const float input = undin_recurrent_activate_reference(sum[0] + input_peep, shape, 0);
            const float forget = undin_recurrent_activate_reference(sum[2] + forget_peep, shape, 0);
            const float cell = forget * old + input * undin_recurrent_activate_reference(sum[3], shape, 1);
            const float output_peep = peephole ? peephole[padded + n] * cell : 0.0f;
            const float output = undin_recurrent_activate_reference(sum[1] + output_peep, shape, 0);
            c_next[m * shape->next_row + n] = cell;
            h_next[m * shape->next_row + n] =
                output * undin_activate(cell, shape->activation[2], shape->alpha[2], shape->beta[2]);
        }
}

static inline void undin_rnn_step_reference(float *h_next, const float *x, const float *h, const float *w,
                                            const float *r, const float *bias, const undin_recurrent_shape *shape) {
    const int padded = UNDIN_ROW_PADDED(shape->hidden);
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n)
            h_next[m * shape->next_row + n] = undin_recurrent_activate_reference(
                bias[m * shape->bias_row + n] +
                    undin_gate_reference(x + m * shape->x_row, w, shape->inputs, 1, padded, 0, n) +
                    undin_gate_reference(h + m * shape->state_row, r, shape->hidden, 1, padded, 0, n),
                shape, 0);
}

#endif
