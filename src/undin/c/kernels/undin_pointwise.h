/* undin_pointwise.h: what generated loops over single elements call, beside undin_math.h. */
#ifndef UNDIN_POINTWISE_H
#define UNDIN_POINTWISE_H

#include "undin_math.h"
#include "undin_numbers.h"

UNDIN_INLINE float undin_hard_swish(float x) { return x * undin_hard_sigmoid(x, 1.0f / 6, 0.5f); }
UNDIN_INLINE float undin_square(float x) { return x * x; }
UNDIN_INLINE float undin_abs(float x) { return __builtin_fabsf(x); }

/* An index as ONNX has it: negative ones count from the end. Outside of the axis it is brought to its ends, so that
 * nothing else of the memory is ever touched. */
UNDIN_INLINE int undin_index(int64_t index, int length) {
    index += index < 0 ? length : 0;
    return (int)(index < 0 ? 0 : index >= length ? length - 1 : index);
}

/* Of two numbers; a NaN on either side stays, unlike in undin_min and undin_max. */
UNDIN_INLINE float undin_smallest(float a, float b) { return a > b || b != b ? b : a; }
UNDIN_INLINE float undin_largest(float a, float b) { return a < b || b != b ? b : a; }

UNDIN_INLINE int64_t undin_integer_min(int64_t a, int64_t b) { return a < b ? a : b; }
UNDIN_INLINE int64_t undin_integer_max(int64_t a, int64_t b) { return a > b ? a : b; }

/* Division towards 0; by 0 it gives 0, where C knows no answer and processors trap. */
UNDIN_INLINE int64_t undin_divide(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; }

/* The nearest whole number, the even one of two. Larger numbers than 2^23 are whole. */
UNDIN_INLINE float undin_round(float x) {
    const float shift = __builtin_copysignf(8388608.0f, x);
    return __builtin_fabsf(x) < 8388608.0f ? __builtin_copysignf(x + shift - shift, x) : x;
}

/* Integers from floats, towards 0; those beyond the type become its ends, a NaN 0. */
UNDIN_INLINE int32_t undin_whole_int32(float x) {
    return x >= 2147483648.0f ? INT32_MAX : x <= -2147483648.0f ? INT32_MIN : x == x ? (int32_t)x : 0;
}
UNDIN_INLINE int64_t undin_whole_int64(float x) {
    const float end = 9223372036854775808.0f;
    return x >= end ? INT64_MAX : x <= -end ? INT64_MIN : x == x ? (int64_t)x : 0;
}

/* Reductions of `count` floats side by side, with a vector of partial results. */
UNDIN_INLINE float undin_sum(const float *x, int count) {
    undin_vector parts = undin_vector_of(0);
    float lanes[UNDIN_LANES], sum = 0;
    int i = 0;
    for (; i + UNDIN_LANES <= count; i += UNDIN_LANES) parts += undin_vector_load(x + i);
    undin_vector_store(lanes, parts);
    for (; i < count; ++i) sum += x[i];
    for (int lane = 0; lane < UNDIN_LANES; ++lane) sum += lanes[lane];
    return sum;
}
UNDIN_INLINE float undin_sum_of_squares(const float *x, int count) {
    undin_vector parts = undin_vector_of(0);
    float lanes[UNDIN_LANES], sum = 0;
    int i = 0;
    for (; i + UNDIN_LANES <= count; i += UNDIN_LANES) parts += undin_vector_load(x + i) * undin_vector_load(x + i);
    undin_vector_store(lanes, parts);
    for (; i < count; ++i) sum += x[i] * x[i];
    for (int lane = 0; lane < UNDIN_LANES; ++lane) sum += lanes[lane];
    return sum;
}
UNDIN_INLINE float undin_maximum(const float *x, int count) {
    undin_vector parts = undin_vector_of(-__builtin_inff());
    float lanes[UNDIN_LANES], largest = -__builtin_inff();
    int i = 0;
    for (; i + UNDIN_LANES <= count; i += UNDIN_LANES) parts = undin_vector_max(undin_vector_load(x + i), parts);
    undin_vector_store(lanes, parts);
    for (; i < count; ++i) largest = undin_max(x[i], largest);
    for (int lane = 0; lane < UNDIN_LANES; ++lane) largest = undin_max(lanes[lane], largest);
    return largest;
}
UNDIN_INLINE float undin_minimum(const float *x, int count) {
    undin_vector parts = undin_vector_of(__builtin_inff());
    float lanes[UNDIN_LANES], smallest = __builtin_inff();
    int i = 0;
    for (; i + UNDIN_LANES <= count; i += UNDIN_LANES) parts = undin_vector_min(undin_vector_load(x + i), parts);
    undin_vector_store(lanes, parts);
    for (; i < count; ++i) smallest = undin_min(x[i], smallest);
    for (int lane = 0; lane < UNDIN_LANES; ++lane) smallest = undin_min(lanes[lane], smallest);
    return smallest;
}

#endif
