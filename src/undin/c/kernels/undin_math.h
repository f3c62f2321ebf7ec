/* undin_math.h: transcendental functions without branches, tables or libc, and the activations of the kernels.
 *
 * Every function has two forms from one text, undin_math_forms.h: undin_exp(float), which compilers vectorise inside
 * plain loops, and undin_vector_exp(undin_vector), which kernels call. A NaN gives a NaN (but NaN^0 = 1); infinities,
 * zeros and denormals give what mathematics says. tests/c/kernels/test_math.py proves the stated errors; an ulp
 * is the distance of neighbouring floats at the exact result.
 *
 * Read next: undin_math_forms.h (the functions), then undin_tile.h (where activations are applied).
 */
#ifndef UNDIN_MATH_H
#define UNDIN_MATH_H

#include "undin_vector.h"

/* What undin_math_forms.h needs of a form, here of one float; undin_vector.h has the same of a vector. */
UNDIN_INLINE uint32_t undin_to_bits(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}
UNDIN_INLINE float undin_from_bits(uint32_t bits) {
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}
UNDIN_INLINE float undin_of(float x) { return x; }
UNDIN_INLINE float undin_max(float x, float limit) { return x < limit ? limit : x; }
UNDIN_INLINE float undin_min(float x, float limit) { return x > limit ? limit : x; }
UNDIN_INLINE float undin_if_less(float a, float b, float yes, float no) { return a < b ? yes : no; }
UNDIN_INLINE float undin_reciprocal(float x) { return 1.0f / x; }
UNDIN_INLINE float undin_sqrt(float x) { return __builtin_sqrtf(x); }

/* Activations, named as in ONNX; alpha and beta as there. */
enum undin_activation {
    UNDIN_IDENTITY,
    UNDIN_RELU,             /* max(0, x) */
    UNDIN_LEAKY_RELU,       /* x < 0 ? alpha x : x */
    UNDIN_SIGMOID,          /* 1 / (1 + exp(-x)) */
    UNDIN_TANH,             /* tanh(x) */
    UNDIN_ELU,              /* x < 0 ? alpha (exp(x) - 1) : x */
    UNDIN_HARD_SIGMOID,     /* max(0, min(1, alpha x + beta)) */
    UNDIN_CLIP,             /* max(alpha, min(beta, x)) */
    UNDIN_AFFINE,           /* alpha x + beta */
    UNDIN_THRESHOLDED_RELU, /* x > alpha ? x : 0 */
    UNDIN_SCALED_TANH,      /* alpha tanh(beta x) */
    UNDIN_SOFTSIGN,         /* x / (1 + |x|) */
    UNDIN_SOFTPLUS,         /* log(1 + exp(x)) */
    UNDIN_BOUNDED_RELU,     /* max(beta, x < 0 ? alpha x : x): not of ONNX, of some wake words */
};

#define UNDIN_FLOAT float
#define UNDIN_FORM(name) undin_##name
#include "undin_math_forms.h"
#undef UNDIN_FLOAT
#undef UNDIN_FORM

#define UNDIN_FLOAT undin_vector
#define UNDIN_FORM(name) undin_vector_##name
#include "undin_math_forms.h"
#undef UNDIN_FLOAT
#undef UNDIN_FORM

/* Activations that need so many constants that they are better called than merged into a kernel. */
#define UNDIN_TRANSCENDENTAL(CASE)                         \
    CASE(UNDIN_SIGMOID) CASE(UNDIN_TANH) CASE(UNDIN_ELU)   \
    CASE(UNDIN_SCALED_TANH) CASE(UNDIN_SOFTSIGN) CASE(UNDIN_SOFTPLUS)

UNDIN_INLINE int undin_is_transcendental(enum undin_activation activation) {
#define UNDIN_CASE(name) || activation == name
    return 0 UNDIN_TRANSCENDENTAL(UNDIN_CASE);
#undef UNDIN_CASE
}

/* x (vectors * UNDIN_LANES) = activation(x), for those that are transcendental. */
UNDIN_OUTLINED void undin_activate_vectors(float *x, int vectors, enum undin_activation activation, float alpha,
                                           float beta) {
    /* Those of gates, where a call for each number would take a fifth of the time. */
    if (activation == UNDIN_SIGMOID || activation == UNDIN_TANH) {
        for (int i = 0; i < vectors * UNDIN_LANES; i += UNDIN_LANES) {
            const undin_vector number = undin_vector_load(x + i);
            undin_vector_store(x + i, activation == UNDIN_TANH ? undin_vector_tanh(number) : undin_vector_sigmoid(number));
        }
        return;
    }
#define UNDIN_CASE(name)                                                                                \
    case name:                                                                                          \
        for (int i = 0; i < vectors * UNDIN_LANES; i += UNDIN_LANES)                                    \
            undin_vector_store(x + i, undin_vector_activate(undin_vector_load(x + i), name, alpha, beta)); \
        break;
    switch (activation) {
        UNDIN_TRANSCENDENTAL(UNDIN_CASE)
    default:
        break;
    }
#undef UNDIN_CASE
}

#endif
