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

#define UNDIN_LN2_HIGH 0.693145752f /* 12 bits: its product with a whole number is exact */
#define UNDIN_LN2_LOW 1.42860677e-6f

/* exp(r) for |r| <= ln(2) / 2. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(exp_of_small)(UNDIN_FLOAT r) {
    const UNDIN_FLOAT r2 = r * r;
    UNDIN_FLOAT p = r * 1.38141719e-3f + 8.36892201e-3f;
    p = p * r + 4.16684080e-2f;
    p = p * r + 1.66665189e-1f;
    p = p * r + 4.99999933e-1f;
    return p * r2 + r + 1.0f;
}

/* exp(x) / 2^n for n the whole number nearest to x / ln 2; *rounded holds UNDIN_ROUNDER + n. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(exp_mantissa)(UNDIN_FLOAT x, UNDIN_FLOAT *rounded) {
    *rounded = x * 1.44269504f + UNDIN_ROUNDER;
    const UNDIN_FLOAT n = *rounded - UNDIN_ROUNDER;
    return UNDIN_FORM(exp_of_small)(x - n * UNDIN_LN2_HIGH - n * UNDIN_LN2_LOW);
}

/* p 2^n for |n| <= 250, rounded once: in two steps, because 2^n itself may be no float. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(scale)(UNDIN_FLOAT p, UNDIN_FLOAT rounded) {
    const UNDIN_FLOAT half = UNDIN_FORM(from_bits)(((UNDIN_FORM(to_bits)(rounded) >> 1) << 23) + UNDIN_ONE_BITS);
    const UNDIN_FLOAT rest = UNDIN_FORM(from_bits)(
        ((UNDIN_FORM(to_bits)(rounded) - (UNDIN_FORM(to_bits)(rounded) >> 1)) << 23) + UNDIN_ONE_BITS);
    return p * half * rest;
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
    return UNDIN_FORM(scale)(p, rounded);
}

/* 1 / (1 + exp(-x)), at most 3 ulp off; below x = -87, where it is less than 2e-38, at most 2e-38 off. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(sigmoid)(UNDIN_FLOAT x) {
    x = UNDIN_FORM(min)(UNDIN_FORM(max)(x, UNDIN_FORM(of)(-87.0f)), UNDIN_FORM(of)(87.0f));
    return UNDIN_FORM(reciprocal)(1.0f + UNDIN_FORM(exp_of_bounded)(-x));
}

/* tanh(x), at most 6 ulp off, beyond +-1 by 3e-7 at most: a rational function, since exp would lose small results. */
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
    return p * x * UNDIN_FORM(reciprocal)(q);
}

/* tanh(x) and 1 / (1 + exp(-x)) for gates whose weights have 8 bits: at most 6e-5 and 3e-5 off, between -1 and 1 and
   between 0 and 1, rational functions that are less than half the work. x must be no NaN. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(coarse_tanh)(UNDIN_FLOAT x) {
    x = UNDIN_FORM(number_min)(UNDIN_FORM(number_max)(x, UNDIN_FORM(of)(-5.245f)), UNDIN_FORM(of)(5.245f));
    const UNDIN_FLOAT x2 = x * x;
    const UNDIN_FLOAT p = (x2 * 0.0509147607f + 8.14143085f) * x2 + 80.6895218f;
    return p * x / ((x2 + 34.9886436f) * x2 + 80.7094116f);
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(coarse_sigmoid)(UNDIN_FLOAT x) {
    x = UNDIN_FORM(number_min)(UNDIN_FORM(number_max)(x, UNDIN_FORM(of)(-10.49f)), UNDIN_FORM(of)(10.49f));
    const UNDIN_FLOAT x2 = x * x;
    const UNDIN_FLOAT p = (x2 * 0.0127286902f + 8.14143085f) * x2 + 322.758087f;
    return p * x / ((x2 + 139.954575f) * x2 + 1291.35059f) + 0.5f;
}

/* erf(x), at most 7 ulp off, beyond +-1 by 3e-7 at most. */
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
    return p * x * UNDIN_FORM(reciprocal)(q);
}

/* x = 2^*exponent (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for x > 0; returns f. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(log_split)(UNDIN_FLOAT x, UNDIN_FLOAT *exponent) {
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f), normal = UNDIN_FORM(of)(1.17549435e-38f);
    const UNDIN_FLOAT scaled = UNDIN_FORM(if_less)(x, normal, x * 8388608.0f, x); /* denormals times 2^23 */
    const UNDIN_FLOAT lowered = UNDIN_FORM(if_less)(x, normal, UNDIN_FORM(of)(23.0f), zero);
    /* Count the bits from sqrt(1/2), not from 1. The exponent becomes a float as the last bits of 2^23 + 2^7. */
    const uint32_t sqrt_half = undin_to_bits(0.707106769f);
    const UNDIN_FLOAT counted = UNDIN_FORM(from_bits)(
        ((UNDIN_FORM(to_bits)(scaled) - sqrt_half + 0x40000000u) >> 23) + undin_to_bits(8388608.0f));
    *exponent = counted - 8388736.0f - lowered;
    return UNDIN_FORM(from_bits)(((UNDIN_FORM(to_bits)(scaled) - sqrt_half) & 0x7fffffu) + sqrt_half) - 1.0f;
}

/* p with log(1 + f) = f - f^2 / 2 + f^3 p. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(log_tail)(UNDIN_FLOAT f) {
    UNDIN_FLOAT p = f * -7.63442989e-2f + 1.27615504e-1f;
    p = p * f - 1.31601951e-1f;
    p = p * f + 1.42017625e-1f;
    p = p * f - 1.66233565e-1f;
    p = p * f + 2.00012267e-1f;
    p = p * f - 2.50008211e-1f;
    return p * f + 3.33333317e-1f;
}

/* Natural logarithm, at most 1 ulp off; log(0) = -inf, NaN below. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(log)(UNDIN_FLOAT x) {
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f), infinity = UNDIN_FORM(of)(undin_from_bits(0x7f800000u));
    UNDIN_FLOAT e;
    const UNDIN_FLOAT f = UNDIN_FORM(log_split)(x, &e), f2 = f * f;
    const UNDIN_FLOAT p = UNDIN_FORM(log_tail)(f) * f * f2 + e * UNDIN_LN2_LOW - 0.5f * f2;
    UNDIN_FLOAT y = f + p + e * UNDIN_LN2_HIGH;
    y = UNDIN_FORM(if_less)(x, infinity, y, x);
    y = UNDIN_FORM(if_less)(zero, x, y, x - infinity);
    return UNDIN_FORM(if_less)(x, zero, infinity - infinity, y);
}

/* The first 12 bits of x: products of two such numbers are exact. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(high_part)(UNDIN_FLOAT x) {
    return UNDIN_FORM(from_bits)(UNDIN_FORM(to_bits)(x) & 0xfffff000u);
}

/* x rounded to a whole number, for x >= 0. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(whole)(UNDIN_FLOAT x) {
    return UNDIN_FORM(if_less)(x, UNDIN_FORM(of)(8388608.0f), x + 8388608.0f - 8388608.0f, x);
}

/* x^y as pow of C, at most 6 ulp off, but 1^NaN is NaN and a denormal y counts as 0.
 *
 * 2^(y log2 |x|), with the logarithm in two floats, because y up to 2^7 times it is an exponent: 31 bits are needed. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(pow)(UNDIN_FLOAT x, UNDIN_FLOAT y) {
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f), infinity = UNDIN_FORM(of)(undin_from_bits(0x7f800000u));
    const UNDIN_FLOAT size = UNDIN_FORM(max)(x, -x);
    UNDIN_FLOAT e;
    const UNDIN_FLOAT f = UNDIN_FORM(log_split)(size, &e);
    /* log2(1 + f) = 2 / ln 2 (s + s^3 / 3 + ...) with s = f / (2 + f) = s_high + s_low. */
    const UNDIN_FLOAT s = f / (f + 2.0f), s_high = UNDIN_FORM(high_part)(s), f_high = UNDIN_FORM(high_part)(f);
    const UNDIN_FLOAT s_low = (f - 2.0f * s_high - s_high * f_high - s_high * (f - f_high)) / (f + 2.0f);
    const UNDIN_FLOAT s2 = s * s;
    UNDIN_FLOAT p = s2 * 3.36628156e-1f + 4.11899724e-1f;
    p = p * s2 + 5.77079789e-1f;
    p = p * s2 + 9.61796692e-1f;
    p = p * s2 * s + s_low * 2.88539008f + s_high * 6.24456778e-4f; /* 2 / ln 2 = 2.884765625 + 6.24e-4 */
    UNDIN_FLOAT log_high = UNDIN_FORM(high_part)(e + (s_high * 2.884765625f + p));
    UNDIN_FLOAT log_low = e - log_high + s_high * 2.884765625f + p;
    log_high = UNDIN_FORM(if_less)(zero, size, UNDIN_FORM(if_less)(size, infinity, log_high, size), size - infinity);
    log_low = UNDIN_FORM(if_less)(zero, size, UNDIN_FORM(if_less)(size, infinity, log_low, zero), zero);
    /* 2^32 times the smallest logarithm but 0 is beyond all exponents. */
    const UNDIN_FLOAT largest = UNDIN_FORM(of)(4294967296.0f), limit = UNDIN_FORM(of)(200.0f);
    const UNDIN_FLOAT bounded = UNDIN_FORM(min)(UNDIN_FORM(max)(y, -largest), largest);
    const UNDIN_FLOAT y_high = UNDIN_FORM(high_part)(bounded);
    UNDIN_FLOAT power = y_high * log_high, power_low = (bounded - y_high) * log_high + bounded * log_low;
    power_low = UNDIN_FORM(if_less)(UNDIN_FORM(max)(power, -power), limit, power_low, zero);
    power = UNDIN_FORM(min)(UNDIN_FORM(max)(power, -limit), limit);
    const UNDIN_FLOAT rounded = power + power_low + UNDIN_ROUNDER;
    const UNDIN_FLOAT fraction = power - (rounded - UNDIN_ROUNDER) + power_low;
    UNDIN_FLOAT result = UNDIN_FORM(scale)(UNDIN_FORM(exp_of_small)(fraction * 0.693147181f), rounded);
    const UNDIN_FLOAT y_size = UNDIN_FORM(max)(y, -y), half = y_size * 0.5f;
    result = UNDIN_FORM(if_less)(y_size, UNDIN_FORM(of)(1.17549435e-38f), UNDIN_FORM(of)(1.0f), result); /* even of 0 */
    /* A negative base: odd powers are negative, others than whole ones do not exist. */
    const UNDIN_FLOAT parted = UNDIN_FORM(max)(y_size - UNDIN_FORM(whole)(y_size), UNDIN_FORM(whole)(y_size) - y_size);
    const UNDIN_FLOAT half_parted = UNDIN_FORM(max)(half - UNDIN_FORM(whole)(half), UNDIN_FORM(whole)(half) - half);
    const UNDIN_FLOAT odd = UNDIN_FORM(if_less)(zero, parted, zero, half_parted); /* 1/2 or 0 */
    const UNDIN_FLOAT sign = UNDIN_FORM(from_bits)(UNDIN_FORM(to_bits)(x) & UNDIN_FORM(to_bits)(
        UNDIN_FORM(if_less)(zero, odd, UNDIN_FORM(of)(-0.0f), zero)));
    result = UNDIN_FORM(from_bits)(UNDIN_FORM(to_bits)(result) | UNDIN_FORM(to_bits)(sign));
    const UNDIN_FLOAT undefined = UNDIN_FORM(if_less)(x, zero, UNDIN_FORM(if_less)(-infinity, x, parted, zero), zero);
    return UNDIN_FORM(if_less)(zero, undefined, infinity - infinity, result);
}

/* What undin_pow_small gives for 2^-124 <= x < 2^124, without all that others need. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(pow_small_of_normal)(UNDIN_FLOAT x, float y) {
    const float y_high = undin_high_part(y), y_low = y - y_high;
    const uint32_t sqrt_half = undin_to_bits(0.707106769f);
    const UNDIN_FLOAT e = UNDIN_FORM(from_bits)(((UNDIN_FORM(to_bits)(x) - sqrt_half + 0x40000000u) >> 23) +
                                                undin_to_bits(8388608.0f)) - 8388736.0f;
    const UNDIN_FLOAT f =
        UNDIN_FORM(from_bits)(((UNDIN_FORM(to_bits)(x) - sqrt_half) & 0x7fffffu) + sqrt_half) - 1.0f;
    const UNDIN_FLOAT f2 = f * f, power = e * y_high;
    const UNDIN_FLOAT rest = e * y_low + (UNDIN_FORM(log_tail)(f) * f * f2 - 0.5f * f2 + f) * (1.44269504f * y);
    const UNDIN_FLOAT rounded = power + rest + UNDIN_ROUNDER;
    const UNDIN_FLOAT fraction = power - (rounded - UNDIN_ROUNDER) + rest;
    return UNDIN_FORM(exp_of_small)(fraction * 0.693147181f) *
           UNDIN_FORM(from_bits)((UNDIN_FORM(to_bits)(rounded) << 23) + UNDIN_ONE_BITS);
}

/* x^y as undin_pow for one y with 0 < |y| < 1, at most 2 ulp off.
 *
 * 2^(y e) 2^(y log2(1 + f)): so small a power makes errors of the logarithm no larger, and parts of y times a whole
 * number are exact. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(pow_small)(UNDIN_FLOAT x, float y) {
#if UNDIN_LANES == 1 /* the same bits, and a jump is no more than one comparison of the others */
    if (UNDIN_FORM(to_bits)(x) - 0x01800000u < 0x7c000000u) return UNDIN_FORM(pow_small_of_normal)(x, y);
#endif
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f), infinity = UNDIN_FORM(of)(undin_from_bits(0x7f800000u));
    const UNDIN_FLOAT size = UNDIN_FORM(max)(x, -x);
    const float y_high = undin_high_part(y), y_low = y - y_high;
    UNDIN_FLOAT e;
    const UNDIN_FLOAT f = UNDIN_FORM(log_split)(size, &e), f2 = f * f;
    const UNDIN_FLOAT rest = e * y_low + (UNDIN_FORM(log_tail)(f) * f * f2 - 0.5f * f2 + f) * (1.44269504f * y), power = e * y_high;
    const UNDIN_FLOAT rounded = power + rest + UNDIN_ROUNDER;
    const UNDIN_FLOAT fraction = power - (rounded - UNDIN_ROUNDER) + rest;
    UNDIN_FLOAT result = UNDIN_FORM(scale)(UNDIN_FORM(exp_of_small)(fraction * 0.693147181f), rounded);
    result = UNDIN_FORM(if_less)(zero, size, result, y > 0 ? zero : infinity);
    result = UNDIN_FORM(if_less)(size, infinity, result, y > 0 ? size : 1.0f / size); /* a NaN is not less */
    return UNDIN_FORM(if_less)(-infinity, x, UNDIN_FORM(if_less)(x, zero, infinity - infinity, result), result);
}

/* Activations, named as in ONNX; alpha and beta as there. A NaN stays one. */
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(relu)(UNDIN_FLOAT x) { return UNDIN_FORM(max)(x, UNDIN_FORM(of)(0.0f)); }
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(leaky_relu)(UNDIN_FLOAT x, float alpha) {
    return UNDIN_FORM(if_less)(x, UNDIN_FORM(of)(0.0f), x * alpha, x);
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(bounded_relu)(UNDIN_FLOAT x, float alpha, float beta) {
    return UNDIN_FORM(max)(UNDIN_FORM(leaky_relu)(x, alpha), UNDIN_FORM(of)(beta));
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(thresholded_relu)(UNDIN_FLOAT x, float alpha) {
    const UNDIN_FLOAT zero = UNDIN_FORM(of)(0.0f);
    return UNDIN_FORM(if_less)(UNDIN_FORM(of)(alpha), x, x, UNDIN_FORM(min)(UNDIN_FORM(max)(x, zero), zero));
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(elu)(UNDIN_FLOAT x, float alpha) {
    return UNDIN_FORM(if_less)(x, UNDIN_FORM(of)(0.0f), (UNDIN_FORM(exp)(x) - 1.0f) * alpha, x);
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(clip)(UNDIN_FLOAT x, float alpha, float beta) {
    return UNDIN_FORM(max)(UNDIN_FORM(min)(x, UNDIN_FORM(of)(beta)), UNDIN_FORM(of)(alpha));
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(affine)(UNDIN_FLOAT x, float alpha, float beta) { return x * alpha + beta; }
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(hard_sigmoid)(UNDIN_FLOAT x, float alpha, float beta) {
    return UNDIN_FORM(clip)(UNDIN_FORM(affine)(x, alpha, beta), 0.0f, 1.0f);
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(scaled_tanh)(UNDIN_FLOAT x, float alpha, float beta) {
    return UNDIN_FORM(tanh)(x * beta) * alpha;
}
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(softsign)(UNDIN_FLOAT x) { return x / (UNDIN_FORM(max)(x, -x) + 1.0f); }
UNDIN_INLINE UNDIN_FLOAT UNDIN_FORM(softplus)(UNDIN_FLOAT x) {
    const UNDIN_FLOAT distance = UNDIN_FORM(min)(x, -x);
    return UNDIN_FORM(max)(x, UNDIN_FORM(of)(0.0f)) + UNDIN_FORM(log)(UNDIN_FORM(exp)(distance) + 1.0f);
}

/* activation(x) with its constants. The activation is a constant where it is called. */
UNDIN_KERNEL UNDIN_FLOAT UNDIN_FORM(activate)(UNDIN_FLOAT x, enum undin_activation activation, float alpha, float beta) {
    switch (activation) {
    case UNDIN_IDENTITY:
        return x;
    case UNDIN_RELU:
        return UNDIN_FORM(relu)(x);
    case UNDIN_LEAKY_RELU:
        return UNDIN_FORM(leaky_relu)(x, alpha);
    case UNDIN_SIGMOID:
        return UNDIN_FORM(sigmoid)(x);
    case UNDIN_TANH:
        return UNDIN_FORM(tanh)(x);
    case UNDIN_ELU:
        return UNDIN_FORM(elu)(x, alpha);
    case UNDIN_HARD_SIGMOID:
        return UNDIN_FORM(hard_sigmoid)(x, alpha, beta);
    case UNDIN_CLIP:
        return UNDIN_FORM(clip)(x, alpha, beta);
    case UNDIN_AFFINE:
        return UNDIN_FORM(affine)(x, alpha, beta);
    case UNDIN_THRESHOLDED_RELU:
        return UNDIN_FORM(thresholded_relu)(x, alpha);
    case UNDIN_SCALED_TANH:
        return UNDIN_FORM(scaled_tanh)(x, alpha, beta);
    case UNDIN_SOFTSIGN:
        return UNDIN_FORM(softsign)(x);
    case UNDIN_SOFTPLUS:
        return UNDIN_FORM(softplus)(x);
    case UNDIN_BOUNDED_RELU:
        return UNDIN_FORM(bounded_relu)(x, alpha, beta);
    }
    return x;
}

#undef UNDIN_ROUNDER
#undef UNDIN_ONE_BITS
#undef UNDIN_LN2_HIGH
#undef UNDIN_LN2_LOW
