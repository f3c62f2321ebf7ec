/* undin_int8_reference.h: every kernel on small integers as plain loops, to read what it computes and to test the fast
 * one against, bit by bit; the companion of undin_reference.h.
 */
#ifndef UNDIN_INT8_REFERENCE_H
#define UNDIN_INT8_REFERENCE_H

#include "undin_int8_lanes.h"
#include "undin_int8_recurrent.h"

/* The nearest integer, ties to even, of |x| below 2^22. */
static inline int undin_nearest_reference(float x) {
    const int down = (int)x - (x < (float)(int)x);
    const float rest = x - (float)down;
    return down + (rest > 0.5f || (rest == 0.5f && (down & 1)));
}

static inline int undin_quantize_reference(float x, float scaling, const undin_quantize_shape *shape) {
    const float scaled = x * scaling;
    if (scaled < (float)(-128 - shape->zero_point)) return -128;
    if (scaled > (float)(127 - shape->zero_point)) return 127;
    return undin_nearest_reference(scaled) + shape->zero_point;
}

static inline float undin_scaling_reference(const float *inverse_scale, int n, const undin_quantize_shape *shape) {
    return inverse_scale ? inverse_scale[n] : shape->inverse_scale;
}

static inline void undin_quantize_bytes_reference(int8_t *y, const float *x, const float *inverse_scale,
                                                  const undin_quantize_shape *shape) {
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n) {
            const int q = undin_quantize_reference(x[m * shape->x_row + n],
                                                   undin_scaling_reference(inverse_scale, n, shape), shape);
            y[m * shape->y_row + n] = (int8_t)(uint8_t)(q + UNDIN_BYTE_OFFSET);
        }
}

static inline void undin_quantize_groups_reference(int8_t *y, const float *x, const float *inverse_scale,
                                                   const undin_quantize_shape *shape) {
    for (int k = 0; k < shape->rows; ++k)
        for (int n = 0; n < shape->columns; ++n) {
            const int q = undin_quantize_reference(x[k * shape->x_row + n],
                                                   undin_scaling_reference(inverse_scale, n, shape), shape);
            y[(k / 4 * shape->columns + n) * 4 + k % 4] = (int8_t)(uint8_t)(q + UNDIN_BYTE_OFFSET);
        }
}

/* A byte as undin_quantize_bytes wrote it, without its zero point. */
static inline int undin_byte_reference(int8_t byte, int zero_point) {
    return (UNDIN_BYTE_OFFSET ? (int)(uint8_t)byte - UNDIN_BYTE_OFFSET : (int)byte) - zero_point;
}

static inline void undin_quantize_words_reference(int16_t *y, const float *x, const float *inverse_scale,
                                                  const undin_quantize_shape *shape) {
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n) {
            const float scaled = x[m * shape->x_row + n] * undin_scaling_reference(inverse_scale, n, shape);
            y[m * shape->y_row + n] =
                (int16_t)(scaled < -32768 ? -32768 : scaled > 32767 ? 32767 : undin_nearest_reference(scaled));
        }
}

static inline int16_t undin_word_reference(const int8_t *bytes) {
    int16_t word;
    __builtin_memcpy(&word, bytes, sizeof word);
    return word;
}

/* With integers of 16 bits: offsets and depth count bytes. */
static inline int32_t undin_wide_sum_reference(const int8_t *a, const int8_t *w, int n,
                                               const undin_int8_matmul_shape *shape) {
    const int padded = UNDIN_PADDED(shape->columns), groups = (shape->depth + 3) / 4;
    int32_t sum = 0;
    for (int t = 0; t < shape->taps; ++t)
        for (int k = 0; k < shape->depth; k += 2)
            sum += undin_word_reference(a + shape->tap_offset[t] + k) *
                   undin_word_reference(w + ((t * groups + k / 4) * padded + n) * 4 + k % 4);
    return sum;
}

static inline void undin_int8_matmul_reference(float *y, const int8_t *a, const int8_t *w, const int32_t *w_sum,
                                               const int32_t *w_zero, const float *scale, const float *bias,
                                               const undin_int8_matmul_shape *shape) {
    const int padded = UNDIN_PADDED(shape->columns), groups = (shape->depth + 3) / 4;
    (void)w_sum;
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->columns; ++n) {
            int32_t sum = shape->wide ? undin_wide_sum_reference(a + m * shape->a_row, w, n, shape) : 0;
            for (int t = 0; t < shape->taps && !shape->wide; ++t)
                for (int k = 0; k < shape->depth; ++k)
                    sum += undin_byte_reference(a[m * shape->a_row + shape->tap_offset[t] + k], shape->zero_point) *
                           (w[((t * groups + k / 4) * padded + n) * 4 + k % 4] - (w_zero ? w_zero[n] : 0));
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

static inline void undin_int8_depthwise_reference(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                                  const int32_t *w_zero, const float *scale, const float *bias,
                                                  const undin_int8_depthwise_shape *shape) {
    const int padded = UNDIN_PADDED(shape->channels);
    (void)w_sum;
    for (int m = 0; m < shape->rows; ++m)
        for (int c = 0; c < shape->channels; ++c) {
            int32_t sum = 0;
            for (int t = 0; t < shape->taps; ++t)
                sum += undin_byte_reference(x[m * shape->x_row + shape->tap_offset[t] + c], shape->zero_point) *
                       (w[t * padded + c] - (w_zero ? w_zero[c] : 0));
            const float product = (float)sum * scale[c];
            y[m * shape->y_row + c] = undin_activate(bias ? product + bias[c] : product, shape->activation,
                                                     shape->alpha, shape->beta);
        }
}

/* What x adds to gate `gate` of `count` of unit n. */
static inline float undin_int8_gate_reference(const int8_t *x, int zero_point, const int8_t *w, const float *scale,
                                              int depth, int count, int padded, int gate, int n) {
    int32_t sum = 0;
    for (int k = 0; k < depth; ++k)
        sum += undin_byte_reference(x[k], zero_point) * w[((k / 4 * count + gate) * padded + n) * 4 + k % 4];
    return (float)sum * scale[gate * padded + n];
}

static inline void undin_int8_gru_step_reference(float *h_next, const int8_t *x, const int8_t *h, const float *old,
                                                 const int8_t *w, const int8_t *r, const int32_t *w_sum,
                                                 const int32_t *r_sum, const float *w_scale, const float *r_scale,
                                                 const float *bias, const float *reset_bias,
                                                 const undin_int8_recurrent_shape *shape) {
    const int padded = UNDIN_PADDED(shape->hidden);
    (void)w_sum, (void)r_sum;
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n) {
            float from_x[3], from_h[3];
            for (int gate = 0; gate < 3; ++gate) {
                from_x[gate] = bias[gate * padded + n] +
                               undin_int8_gate_reference(x + m * shape->x_row, shape->zero_point, w, w_scale,
                                                         shape->inputs, 3, padded, gate, n);
                from_h[gate] = undin_int8_gate_reference(h + m * shape->h_row, 0, r, r_scale, shape->hidden, 3, padded,
                                                         gate, n);
            }
            const float update = undin_coarse_sigmoid(from_x[0] + from_h[0]);
            const float reset = undin_coarse_sigmoid(from_x[1] + from_h[1]);
            const float candidate = undin_coarse_tanh(from_x[2] + reset * (reset_bias[n] + from_h[2]));
            const float before = old[m * shape->state_row + n];
            h_next[m * shape->next_row + n] = candidate + update * (before - candidate);
        }
}

static inline void undin_int8_lstm_step_reference(float *h_next, float *c_next, const int8_t *x, const int8_t *h,
                                                  const float *c, const int8_t *w, const int8_t *r,
                                                  const int32_t *w_sum, const int32_t *r_sum, const float *w_scale,
                                                  const float *r_scale, const float *bias,
                                                  const undin_int8_recurrent_shape *shape) {
    const int padded = UNDIN_PADDED(shape->hidden);
    (void)w_sum, (void)r_sum;
    for (int m = 0; m < shape->rows; ++m)
        for (int n = 0; n < shape->hidden; ++n) {
            float sum[4];
            for (int gate = 0; gate < 4; ++gate)
                sum[gate] = bias[gate * padded + n] +
                            undin_int8_gate_reference(x + m * shape->x_row, shape->zero_point, w, w_scale,
                                                      shape->inputs, 4, padded, gate, n) +
                            undin_int8_gate_reference(h + m * shape->h_row, 0, r, r_scale, shape->hidden, 4, padded,
                                                      gate, n);
            const float before = c[m * shape->state_row + n];
            const float input = undin_coarse_sigmoid(sum[0]), forget = undin_coarse_sigmoid(sum[2]);
            const float cell = forget * before + input * undin_coarse_tanh(sum[3]);
            c_next[m * shape->next_row + n] = cell;
            h_next[m * shape->next_row + n] = undin_coarse_sigmoid(sum[1]) * undin_coarse_tanh(cell);
        }
}

#endif
