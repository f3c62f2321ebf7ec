/* undin_pointwise.h: what generated loops over single elements call, beside undin_math.h. */
#ifndef UNDIN_POINTWISE_H
#define UNDIN_POINTWISE_H

#include "undin_math.h"

UNDIN_INLINE float undin_relu(float x) { return x < 0 ? 0 : x; }
UNDIN_INLINE float undin_leaky_relu(float x, float alpha) { return x < 0 ? alpha * x : x; }
UNDIN_INLINE float undin_elu(float x, float alpha) { return x < 0 ? alpha * (undin_exp(x) - 1) : x; }
UNDIN_INLINE float undin_hard_sigmoid(float x, float alpha, float beta) {
    return undin_min(undin_max(alpha * x + beta, 0), 1);
}
UNDIN_INLINE float undin_square(float x) { return x * x; }
UNDIN_INLINE float undin_abs(float x) { return __builtin_fabsf(x); }

/* An index as ONNX has it: negative ones count from the end. Outside of the axis it is brought to its ends, so that
 * nothing else of the memory is ever touched. */
UNDIN_INLINE int undin_index(int64_t index, int length) {
    index += index < 0 ? length : 0;
    return (int)(index < 0 ? 0 : index >= length ? length - 1 : index);
}

#define UNDIN_MIN(a, b) ((a) < (b) ? (a) : (b))
#define UNDIN_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
