/* undin_int8_reference.h: every kernel on small integers as plain loops, to read what it computes and to test the fast
 * one against, bit by bit; the companion of undin_reference.h.
 */
#ifndef UNDIN_INT8_REFERENCE_H
#define UNDIN_INT8_REFERENCE_H

#include "undin_int8_recurrent.h"

/* The nearest integer, ties to even, of |x| below 2^22. */
static inline int undin_nearest_reference(float x) {
    const int down = (int)x - (x < (float)(int)x);
    const float rest = x - (float)down;
    return down + (rest > 0.5f || (rest == 0.5f && (down & 1)));
}

static inline int undin_quantize_reference(float x, const undin_quantize_shape *shape, int low, int high) {
    const float scaled = x * shape->inverse_scale;
    if (scaled < (float)(low - shape->zero_point)) return low;
    if (scaled > (float)(high - shape->zero_point)) return high;
    return undin_nearest_reference(scaled) + shape->zero_point;
}

static inline void undin_quantize_bytes_reference(int8_t *y, const float *x, const undin_quantize_shape *shape) {
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n) {
            const int q = undin_quantize_reference(x[m * shape->x_row + n], shape, -128, 127);
            y[m * shape->y_row + n] = (int8_t)(uint8_t)(q + UNDIN_BYTE_OFFSET);
        }
}

static inline void undin_quantize_shorts_reference(int16_t *y, const float *x, const undin_quantize_shape *shape) {
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n)
            y[m * shape->y_row + n] =
                (int16_t)undin_quantize_reference(x[m * shape->x_row + n], shape, -32767, 32767);
}

static inline void undin_quantize_groups_reference(int8_t *y, const float *x, const undin_quantize_shape *shape) {
    for (int k = 0; k < shape->rows; ++k)
        for (int n = 0; n < shape->columns; ++n) {
            const int q = undin_quantize_reference(x[k * shape->x_row + n], shape, -128, 127);
            y[(k / 4 * shape->columns + n) * 4 + k % 4] = (int8_t)(uint8_t)(q + UNDIN_BYTE_OFFSET);
        }
}

/* A byte as undin_quantize_bytes wrote it, without its zero point. */
static inline int undin_byte_reference(int8_t byte, int zero_point) {
    return (UNDIN_BYTE_OFFSET ? (int)(uint8_t)byte - UNDIN_BYTE_OFFSET : (int)byte) - zero_point;
}

static inline void undin_int8_matmul_reference(float *y, const int8_t *a, const int8_t *w, const int32_t *w_sum,
                                               const float *scale, const float *bias,
                                               const undin_int8_matmul_shape *shape) {
    const int padded = UNDIN_PADDED(shape->columns), groups = (shape->depth + 3) / 4;
    (void)w_sum;
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n) {
            int32_t sum = 0;
            for (int t = 0; t < shape->taps; ++t)
                for (int k = 0; k < shape->depth; ++k)
                    sum += undin_byte_reference(a[m * shape->a_row + shape->tap_offset[t] + k], shape->zero_point) *
                           w[((t * groups + k / 4) * padded + n) * 4 + k % 4];
            const float product = (float)sum * scale[n];
            y[m * shape->y_row + n] = undin_activate(bias ? product + bias[n] : product, shape->activation,
                                                     shape->alpha, shape->beta);
        }
}

static inline void undin_int8_band_mix_reference(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                                 const float *scale, const float *bias,
                                                 const undin_int8_band_mix_shape *shape) {
    const int padded = UNDIN_PADDED(shape->channels);
    (void)w_sum;
    for (int n = 0; n < shape->rows; ++n)
        for (int c = 0; c < shape->channels; ++c) {
            int32_t sum = 0;
            for (int k = 0; k < shape->depth; ++k)
                sum += undin_byte_reference(x[(k / 4 * shape->channels + c) * 4 + k % 4], shape->zero_point) *
                       w[((k / 4 * shape->rows + n) * padded + c) * 4 + k % 4];
            const float product = (float)sum * scale[c];
            y[n * shape->y_row + c] = undin_activate(bias ? product + bias[n * shape->bias_row + c] : product,
                                                     shape->activation, shape->alpha, shape->beta);
        }
}

/* What x adds to gate `gate` of `count` of unit n. */
static inline float undin_int8_gate_reference(const int16_t *x, const int8_t *w, const float *scale, int depth,
                                              int count, int padded, int gate, int n) {
    static const int byte[] = {0, 2, 1, 3};
    int32_t sum = 0;
    for (int k = 0; k < depth; ++k) sum += x[k] * w[((k / 4 * count + gate) * padded + n) * 4 + byte[k % 4]];
    return (float)sum * scale[gate * padded + n];
}

static inline float undin_int8_state_reference(int16_t *state, float x, float step) {
    const undin_quantize_shape shape = {.inverse_scale = 1 / step};
    *state = (int16_t)undin_quantize_reference(x, &shape, -32767, 32767);
    return (float)*state * step;
}

static inline void undin_int8_gru_step_reference(int16_t *h_next, float *y, const int16_t *x, const int16_t *h,
                                                 const int8_t *w, const int8_t *r, const float *w_scale,
                                                 const float *r_scale, const float *bias, const float *reset_bias,
                                                 const undin_int8_recurrent_shape *shape) {
    const int padded = UNDIN_PADDED(shape->hidden);
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n) {
            float from_x[3], from_h[3];
            for (int gate = 0; gate < 3; ++gate) {
                from_x[gate] = bias[gate * padded + n] + undin_int8_gate_reference(x + m * shape->x_row, w, w_scale,
                                                                                   shape->inputs, 3, padded, gate, n);
                from_h[gate] = undin_int8_gate_reference(h + m * shape->state_row, r, r_scale, shape->hidden, 3,
                                                         padded, gate, n);
            }
            const float update = undin_sigmoid(from_x[0] + from_h[0]), reset = undin_sigmoid(from_x[1] + from_h[1]);
            const float candidate = undin_tanh(from_x[2] + reset * (reset_bias[n] + from_h[2]));
            const float old = (float)h[m * shape->state_row + n] * UNDIN_STATE_STEP;
            y[m * shape->y_row + n] = undin_int8_state_reference(
                h_next + m * shape->next_row + n, candidate + update * (old - candidate), UNDIN_STATE_STEP);
        }
}

static inline void undin_int8_lstm_step_reference(int16_t *h_next, int16_t *c_next, float *y, const int16_t *x,
                                                  const int16_t *h, const int16_t *c, const int8_t *w,
                                                  const int8_t *r, const float *w_scale, const float *r_scale,
                                                  const float *bias, const undin_int8_recurrent_shape *shape) {
    const int padded = UNDIN_PADDED(shape->hidden);
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n) {
            float sum[4];
            for (int gate = 0; gate < 4; ++gate)
                sum[gate] = bias[gate * padded + n] +
                            undin_int8_gate_reference(x + m * shape->x_row, w, w_scale, shape->inputs, 4, padded,
                                                      gate, n) +
                            undin_int8_gate_reference(h + m * shape->state_row, r, r_scale, shape->hidden, 4, padded,
                                                      gate, n);
            const float old = (float)c[m * shape->state_row + n] * UNDIN_CELL_STEP;
            const float cell = undin_sigmoid(sum[2]) * old + undin_sigmoid(sum[0]) * undin_tanh(sum[3]);
            const float rounded = undin_int8_state_reference(c_next + m * shape->next_row + n, cell, UNDIN_CELL_STEP);
            y[m * shape->y_row + n] = undin_int8_state_reference(
                h_next + m * shape->next_row + n, undin_sigmoid(sum[1]) * undin_tanh(rounded), UNDIN_STATE_STEP);
        }
}

#endif
