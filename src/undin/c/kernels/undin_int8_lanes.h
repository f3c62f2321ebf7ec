/* undin_int8_lanes.h: the depthwise convolution of undin_lanes.h with weights and activations of 8 bits.
 *
 * A channel meets no other, so no four bytes of a lane belong to one sum: bytes become integers of 32 bits, a vector of
 * channels at a time, and are multiplied as those. What that gains is memory for weights.
 */
#ifndef UNDIN_INT8_LANES_H
#define UNDIN_INT8_LANES_H

#include "undin_int8_matmul.h"
#include "undin_lanes.h"

/* Sizes and strides of x count bytes, those of y floats. */
typedef struct {
    int rows, channels, taps;
    int tap_offset[UNDIN_TAPS_MAX]; /* where the input of each tap begins, from x; may be negative */
    int x_row, y_row;
    int zero_point;                 /* of x */
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
} undin_int8_depthwise_shape;

/* The first `count` bytes as integers, 1 <= count <= UNDIN_LANES, and 0 in the other lanes, whose memory is not touched;
   `higher`, a constant: they are those of activations, kept UNDIN_BYTE_OFFSET higher than they are. */
UNDIN_INLINE undin_integers undin_bytes_load_first(const int8_t *from, int count, int higher) {
    const int is_unsigned = UNDIN_BYTE_OFFSET && higher;
    (void)count, (void)is_unsigned;
#if UNDIN_LANES == 16
    const __m128i bytes = _mm_maskz_loadu_epi8((__mmask16)((1u << count) - 1), from);
    return (undin_integers)(is_unsigned ? _mm512_cvtepu8_epi32(bytes) : _mm512_cvtepi8_epi32(bytes));
#elif UNDIN_LANES == 8
    int64_t eight = 0;
    __builtin_memcpy(&eight, from, (unsigned)count);
    const __m128i bytes = _mm_cvtsi64_si128(eight);
    return (undin_integers)(is_unsigned ? _mm256_cvtepu8_epi32(bytes) : _mm256_cvtepi8_epi32(bytes));
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    int32_t four = 0;
    __builtin_memcpy(&four, from, (unsigned)count);
    __m128i bytes = _mm_cvtsi32_si128(four);
    bytes = _mm_unpacklo_epi8(bytes, bytes); /* each byte four times in its lane */
    bytes = _mm_unpacklo_epi16(bytes, bytes);
    return (undin_integers)(is_unsigned ? _mm_srli_epi32(bytes, 24) : _mm_srai_epi32(bytes, 24));
#elif UNDIN_LANES > 1
    undin_bytes bytes = {0};
    __builtin_memcpy(&bytes, from, (unsigned)count);
    return __builtin_convertvector(bytes, undin_integers);
#else
    return *from;
#endif
}

/* sum + a w, each of at most 9 bits: x86 multiplies integers of 16 bits faster than those of 32. */
UNDIN_INLINE undin_integers undin_add_product(undin_integers sum, undin_integers a, undin_integers w) {
#if UNDIN_LANES > 1 && defined(__SSE2__)
    return undin_add_products_of_pairs(sum, a, w & 0xffff);
#else
    return sum + a * w;
#endif
}

UNDIN_INLINE void undin_int8_depthwise_tile(float *y, const int8_t *x, const int *tap_offset, const int8_t *w,
                                            const int32_t *w_sum, const int32_t *w_zero, const float *scale,
                                            const float *bias, const undin_int8_depthwise_shape *shape, int rows,
                                            int vectors, int lanes) {
    const int padded = UNDIN_PADDED(shape->channels);
    const undin_tile tile = undin_plain_tile(rows, vectors, lanes, 1);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_int8_begin(sum, &tile, w_sum, 0, 0, shape->zero_point);
    for (int t = 0; t < shape->taps; ++t) {
        const int8_t *x_tap = x + tap_offset[t];
        undin_integers w_tap = undin_bytes_load_first(w + t * padded, lanes, 0);
        if (w_zero) w_tap -= undin_int8_load((const int8_t *)w_zero, &tile, 0, 0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i)
            sum[i] = undin_add_product(sum[i], undin_bytes_load_first(x_tap + i * shape->x_row, lanes, 1), w_tap);
    }
    undin_vector result[UNDIN_TILE_SUMS];
    undin_int8_scale(result, sum, &tile, scale, bias, 0);
    undin_tile_finish(result, &tile, lanes, 0, 0, shape->activation, shape->alpha, shape->beta);
    undin_tile_store(y, shape->y_row, result, &tile, lanes);
}

/* Depthwise convolution:
 * y[m][c] = activation(bias[c] + scale[c] * sum over t of
 *                                                 (x[m x_row + tap_offset[t] + c] - zero_point) (w[t][c] - w_zero[c]))
 *
 * y (rows, channels) of floats; x as undin_quantize_bytes writes it; w (taps, padded), w_sum (padded), that of w - w_zero
 * over all taps, w_zero, scale and bias (padded), w_zero and bias may be NULL. y must overlap nothing else. */
UNDIN_INT8_KERNEL void undin_int8_depthwise(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                            const int32_t *w_zero, const float *scale, const float *bias,
                                            const undin_int8_depthwise_shape *sizes) {
    const undin_int8_depthwise_shape copy = *sizes, *const shape = &copy; /* as in undin_matmul */
    const int *tap_offset = sizes->tap_offset;
    UNDIN_FOR_ROWS(shape->rows, undin_depthwise_height(shape->rows), m, height,
        UNDIN_FOR_CHUNKS(shape->channels, 1, n, vectors, lanes,
            undin_int8_depthwise_tile(y + m * shape->y_row + n, x + m * shape->x_row + n, tap_offset, w + n,
                                      w_sum + n, w_zero ? w_zero + n : w_zero, scale + n, bias ? bias + n : bias, shape,
                                      height, vectors, lanes)));
}

#endif
