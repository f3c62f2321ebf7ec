/* undin_math_forms.h: the functions of undin_math.h, written once for a float and for a vector.
 *
 * Included by undin_math.h alone, once with UNDIN_FLOAT = float and UNDIN_FORM(exp) = undin_exp, once with
 * UNDIN_FLOAT = undin_vector and UNDIN_FORM(exp) = undin_vector_exp. Coefficients are minimax fits of our own.
 *
 * Integers are unsigned, where overflow is defined. The power of two nearest to x is found by adding 1.5 * 2^23: the
 * sum has no room for a fraction, so its last bits are the rounded integer.
 */
#define UNDIN_ROUNDER 12582912.0f /* 1.5 * 2^23 */
#define UNDIN_ONE_BITS 0x3f800000u

/* 2^(x / ln 2 - n) for n the whole number nearest to x / ln 2; *rounded holds UNDIN_ROUNDER + n. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(exp_mantissa)(UNDIN_FLOAT x, UNDIN_FLOAT *rounded) {
    *rounded = x * 1.44269504f + UNDIN_ROUNDER;
    const UNDIN_FLOAT n = *rounded - UNDIN_ROUNDER;
    const UNDIN_FLOAT r = x - n * 0.693145752f - n * 1.42860677e-6f; /* ln 2 in two parts: n times the first is exact */
    const UNDIN_FLOAT r2 = r * r;
    UNDIN_FLOAT p = r * 1.38141719e-3f + 8.36892201e-3f;
    p = p * r + 4.16684080e-2f;
    p = p * r + 1.66665189e-1f;
    p = p * r + 4.99999933e-1f;
    return p * r2 + r + 1.0f;
}

/* exp(x) for -87 <= x <= 88, or NaN; at most 1 ulp off. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(exp_of_bounded)(UNDIN_FLOAT x) {
    UNDIN_FLOAT rounded;
    const UNDIN_FLOAT p = UNDIN_FORM(exp_mantissa)(x, &rounded);
    return p * UNDIN_FORM(from_bits)((UNDIN_FORM(to_bits)(rounded) << 23) + UNDIN_ONE_BITS);
}

/* exp(x), at most 1 ulp off. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(exp)(UNDIN_FLOAT x) {
    /* Beyond these the result is 0 or infinite anyway, and n stays where 2^n is a product of two floats. */
    x = UNDIN_FORM(min)(UNDIN_FORM(max)(x, UNDIN_FORM(of)(-104.0f)), UNDIN_FORM(of)(89.0f));
    UNDIN_FLOAT rounded;
    const UNDIN_FLOAT p = UNDIN_FORM(exp_mantissa)(x, &rounded);
    const UNDIN_FLOAT half = UNDIN_FORM(from_bits)(((UNDIN_FORM(to_bits)(rounded) >> 1) << 23) + UNDIN_ONE_BITS);
    const UNDIN_FLOAT rest = UNDIN_FORM(from_bits)(
        ((UNDIN_FORM(to_bits)(rounded) - (UNDIN_FORM(to_bits)(rounded) >> 1)) << 23) + UNDIN_ONE_BITS);
    return p * half * rest;
}

/* 1 / (1 + exp(-x)), at most 3 ulp off; below x = -87, where it is less than 2e-38, at most 2e-38 off. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(sigmoid)(UNDIN_FLOAT x) {
    x = UNDIN_FORM(min)(UNDIN_FORM(max)(x, UNDIN_FORM(of)(-87.0f)), UNDIN_FORM(of)(87.0f));
    return 1.0f / (1.0f + UNDIN_FORM(exp_of_bounded)(-x));
}

/* tanh(x), at most 3 ulp off: a rational function, since exp would lose the small results. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(tanh)(UNDIN_FLOAT x) {
    x = UNDIN_FORM(min)(UNDIN_FORM(max)(x, UNDIN_FORM(of)(-9.02f)), UNDIN_FORM(of)(9.02f));
    const UNDIN_FLOAT x2 = x * x;
    UNDIN_FLOAT p = x2 * 1.33176821e-8f + 2.05825431e-5f;
    UNDIN_FLOAT q = x2 * 7.76146779e-7f + 3.28300314e-4f;
    p = p * x2 + 3.49398166e-3f;
    q = q * x2 + 2.58708773e-2f;
    p = p * x2 + 1.33796752e-1f;
    q = q * x2 + 4.67129906e-1f;
    p = p * x2 + 9.99999979e-1f;
    q = q * x2 + 1.0f;
    return p * x / q;
}

/* erf(x), at most 3 ulp off. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(erf)(UNDIN_FLOAT x) {
    x = UNDIN_FORM(min)(UNDIN_FORM(max)(x, UNDIN_FORM(of)(-3.93f)), UNDIN_FORM(of)(3.93f));
    const UNDIN_FLOAT x2 = x * x;
    UNDIN_FLOAT p = x2 * 2.04191031e-6f + 2.84774955e-4f;
    UNDIN_FLOAT q = x2 * 3.80016925e-5f + 1.16498249e-3f;
    p = p * x2 + 3.77877478e-3f;
    q = q * x2 + 1.49957792e-2f;
    p = p * x2 + 5.27876655e-2f;
    q = q * x2 + 1.14250060e-1f;
    p = p * x2 + 1.90766497e-1f;
    q = q * x2 + 5.02395130e-1f;
    p = p * x2 + 1.12837915f;
    q = q * x2 + 1.0f;
    return p * x / q;
}

/* Natural logarithm, at most 2 ulp off; log(0) = -inf, NaN below. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(log)(UNDIN_FLOAT x) {
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f), normal = UNDIN_FORM(of)(1.17549435e-38f);
    const UNDIN_FLOAT scaled = UNDIN_FORM(if_less)(x, normal, x * 8388608.0f, x); /* denormals times 2^23 */
    const UNDIN_FLOAT lowered = UNDIN_FORM(if_less)(x, normal, UNDIN_FORM(of)(23.0f), zero);
    /* scaled = 2^exponent (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)): count the bits from sqrt(1/2), not from 1. The
       exponent becomes a float as the last bits of 2^23 + 2^7. */
    const float sqrt_half = 0.707106769f;
    const UNDIN_FLOAT whole = UNDIN_FORM(from_bits)(
        ((UNDIN_FORM(to_bits)(scaled) - undin_to_bits(sqrt_half) + 0x40000000u) >> 23) + undin_to_bits(8388608.0f));
    const UNDIN_FLOAT exponent = whole - 8388736.0f;
    const UNDIN_FLOAT f = UNDIN_FORM(from_bits)(((UNDIN_FORM(to_bits)(scaled) - undin_to_bits(sqrt_half)) & 0x7fffffu) +
                                                undin_to_bits(sqrt_half)) - 1.0f;
    const UNDIN_FLOAT e = exponent - lowered, f2 = f * f;
    UNDIN_FLOAT p = f * -7.63442989e-2f + 1.27615504e-1f;
    p = p * f - 1.31601951e-1f;
    p = p * f + 1.42017625e-1f;
    p = p * f - 1.66233565e-1f;
    p = p * f + 2.00012267e-1f;
    p = p * f - 2.50008211e-1f;
    p = p * f + 3.33333317e-1f;
    p = p * f * f2 + e * 1.42860677e-6f - 0.5f * f2;
    UNDIN_FLOAT y = f + p + e * 0.693145752f;
    /* An infinite x stays; 0 gives -1/0; anything below gives NaN. */
    y = UNDIN_FORM(if_less)(x, UNDIN_FORM(from_bits)(UNDIN_FORM(to_bits)(zero) + 0x7f800000u), y, x);
    y = UNDIN_FORM(if_less)(zero, x, y, x - UNDIN_FORM(from_bits)(UNDIN_FORM(to_bits)(zero) + 0x7f800000u));
    return UNDIN_FORM(if_less)(x, zero, UNDIN_FORM(from_bits)(UNDIN_FORM(to_bits)(zero) + 0x7fc00000u), y);
}

/* activation(x) with its constants; slope is for UNDIN_PRELU alone. The activation is a constant where it is called. */
UNDIN_KERNEL UNDIN_FLOAT UNDIN_FORM(activate)(UNDIN_FLOAT x, enum undin_activation activation, float alpha, float beta,
                                              UNDIN_FLOAT slope) {
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f);
    switch (activation) {
    case UNDIN_IDENTITY:
        return x;
    case UNDIN_RELU:
        return UNDIN_FORM(max)(x, zero);
    case UNDIN_LEAKY_RELU:
        return UNDIN_FORM(if_less)(x, zero, x * alpha, x);
    case UNDIN_PRELU:
        return UNDIN_FORM(if_less)(x, zero, x * slope, x);
    case UNDIN_SIGMOID:
        return UNDIN_FORM(sigmoid)(x);
    case UNDIN_TANH:
        return UNDIN_FORM(tanh)(x);
    case UNDIN_ELU:
        return UNDIN_FORM(if_less)(x, zero, (UNDIN_FORM(exp)(x) - 1.0f) * alpha, x);
    case UNDIN_HARD_SIGMOID:
        return UNDIN_FORM(max)(UNDIN_FORM(min)(x * alpha + beta, UNDIN_FORM(of)(1.0f)), zero);
    case UNDIN_CLIP:
        return UNDIN_FORM(max)(UNDIN_FORM(min)(x, UNDIN_FORM(of)(beta)), UNDIN_FORM(of)(alpha));
    case UNDIN_AFFINE:
        return x * alpha + beta;
    case UNDIN_THRESHOLDED_RELU:
        return UNDIN_FORM(if_less)(UNDIN_FORM(of)(alpha), x, x, x * 0.0f);
    case UNDIN_SCALED_TANH:
        return UNDIN_FORM(tanh)(x * beta) * alpha;
    case UNDIN_SOFTSIGN:
        return x / (UNDIN_FORM(max)(x, -x) + 1.0f);
    case UNDIN_SOFTPLUS:
        return UNDIN_FORM(max)(x, zero) + UNDIN_FORM(log)(UNDIN_FORM(exp)(UNDIN_FORM(min)(x, -x)) + 1.0f);
    }
    return x;
}
