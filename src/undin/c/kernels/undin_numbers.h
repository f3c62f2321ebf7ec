/* undin_numbers.h: numbers of 16 bits at the borders of a network, whole numbers, remainders, sines. */
#ifndef UNDIN_NUMBERS_H
#define UNDIN_NUMBERS_H

#include <stdint.h>

#include "undin_math.h"

/* A float of 16 bits: sign, 5 bits of exponent, 10 of mantissa. Its bits, moved up, are those of a float whose exponent
 * is 112 too small; a product puts that right, for numbers below the smallest exponent too. */
UNDIN_INLINE float undin_float_of_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    uint32_t bits = rest >= 0x0f800000 ? rest + 0x70000000 : 0;
    float x;
    if (bits) {
        __builtin_memcpy(&x, &bits, 4);
    } else {
        __builtin_memcpy(&x, &rest, 4);
        x *= 0x1p112f;
    }
    return sign ? -x : x;
}

/* The nearest such number, the even one of two. */
UNDIN_INLINE uint16_t undin_half_of_float(float x) {
    uint32_t bits, sign;
    __builtin_memcpy(&bits, &x, 4);
    sign = (bits >> 16) & 0x8000, bits &= 0x7fffffff;
    if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (bits >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* beyond 65504 and a half step */
    if (bits < 0x38800000) {                                  /* below 2^-14: in steps of 2^-24 */
        float magnitude = __builtin_fabsf(x) + 0.5f;
        __builtin_memcpy(&bits, &magnitude, 4);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    bits += 0xfff + ((bits >> 13) & 1);
    return (uint16_t)(sign | ((bits - 0x38000000) >> 13));
}

/* Whole numbers below and above; those from 2^23 on are whole. */
UNDIN_INLINE float undin_floor(float x) {
    const float whole = __builtin_fabsf(x) < 8388608.0f ? (float)(int32_t)x : x;
    return whole > x ? whole - 1 : __builtin_copysignf(whole, x);
}
UNDIN_INLINE float undin_ceil(float x) { return -undin_floor(-x); }

UNDIN_INLINE float undin_sign(float x) { return x > 0 ? 1 : x < 0 ? -1 : x != x ? x : 0; }

/* What division leaves: with the sign of the dividend; of the divisor. Of integers, 0 where that is 0. */
UNDIN_INLINE float undin_remainder(float a, float b) {
    uint32_t dividend, divisor, sign, bits;
    int exponent, last;
    __builtin_memcpy(&dividend, &a, 4);
    __builtin_memcpy(&divisor, &b, 4);
    sign = dividend & 0x80000000, dividend &= 0x7fffffff, divisor &= 0x7fffffff;
    if (divisor > 0x7f800000 || dividend >= 0x7f800000 || divisor == 0) return __builtin_nanf("");
    if (dividend < divisor) return a;
    /* Long division in binary: mantissas of 24 bits as integers, and their exponents. */
    exponent = (int)(dividend >> 23), last = (int)(divisor >> 23);
    dividend = exponent ? (dividend & 0x7fffff) | 0x800000 : dividend, exponent += !exponent;
    divisor = last ? (divisor & 0x7fffff) | 0x800000 : divisor, last += !last;
    for (; dividend < 0x800000; --exponent) dividend <<= 1;
    for (; divisor < 0x800000; --last) divisor <<= 1;
    for (; exponent > last; --exponent) dividend = (dividend >= divisor ? dividend - divisor : dividend) << 1;
    dividend = dividend >= divisor ? dividend - divisor : dividend;
    for (; exponent < 1; ++exponent) dividend >>= 1;
    for (; dividend < 0x800000 && exponent > 1; --exponent) dividend <<= 1;
    bits = sign | (dividend & 0x800000 ? (uint32_t)exponent << 23 | (dividend & 0x7fffff) : dividend);
    __builtin_memcpy(&a, &bits, 4);
    return a;
}
UNDIN_INLINE int64_t undin_integer_remainder(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
UNDIN_INLINE int64_t undin_integer_modulo(int64_t a, int64_t b) {
    const int64_t rest = undin_integer_remainder(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Whole powers, modulo 2^64; of negative exponents what division towards 0 leaves of the result. */
UNDIN_INLINE int64_t undin_integer_pow(int64_t base, int64_t exponent) {
    uint64_t result = 1, square = (uint64_t)base;
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    for (; exponent; exponent /= 2, square *= square) result *= exponent % 2 ? square : 1;
    return (int64_t)result;
}

/* Any power of 1, and the 0th of any number, are 1, even where the other is a NaN. */
UNDIN_INLINE float undin_power(float x, float y) { return x == 1 || y == 0 ? 1 : undin_pow(x, y); }

/* pow(x, 1/2) and pow(x, -1/2), which differ from a square root at -0 and at minus infinity. */
UNDIN_INLINE float undin_pow_half(float x) { return x == -__builtin_inff() ? -x : __builtin_sqrtf(x) + 0.0f; }
UNDIN_INLINE float undin_pow_minus_half(float x) { return 1.0f / undin_pow_half(x); }

/* Sine and cosine, to 1e-7 up to |x| of 1e5. x is brought to a quarter turn around 0 in double precision; there both are
 * polynomials, those of Taylor, whose next term is below half a unit in the last place. */
UNDIN_INLINE float undin_quarter_wave(float x, int shift) {
    const double turns = (double)x * 0.63661977236758134308; /* quarters */
    const double limit = 1e15, bound = turns > limit ? limit : turns < -limit ? -limit : turns;
    const int64_t quarter = (int64_t)(bound < 0 ? bound - 0.5 : bound + 0.5);
    const double r = (bound - (double)quarter) * 1.57079632679489661923, s = r * r;
    const int which = (int)((uint64_t)(quarter + shift) & 3);
    const double sine = r * (1 + s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 + s * (1.0 / 362880)))));
    const double cosine = 1 + s * (-1.0 / 2 + s * (1.0 / 24 + s * (-1.0 / 720 + s * (1.0 / 40320 - s / 3628800))));
    if (!(__builtin_fabsf(x) < __builtin_inff())) return __builtin_nanf("");
    return (float)(which == 0 ? sine : which == 1 ? cosine : which == 2 ? -sine : -cosine);
}
UNDIN_INLINE float undin_sin(float x) { return undin_quarter_wave(x, 0); }
UNDIN_INLINE float undin_cos(float x) { return undin_quarter_wave(x, 1); }

/* Angles, to 1e-7. A tangent is brought to within a sixteenth of a half turn of one whose angle is known, where the next
 * term of the polynomial, that of Taylor, is below 1e-11. */
UNDIN_INLINE float undin_atan(float x) {
    const double size = __builtin_fabsf(x), t = size > 1 ? 1 / size : size;
    const double near = t < 0.19891236737965800691 ? 0 : t < 0.66817863791929891999 ? 0.41421356237309504880 : 1;
    const double known = near == 0 ? 0 : near == 1 ? 0.78539816339744830962 : 0.39269908169872415481;
    const double r = (t - near) / (1 + t * near), s = r * r;
    const double rest = r * (1 + s * (-1.0 / 3 + s * (1.0 / 5 + s * (-1.0 / 7 + s * (1.0 / 9 + s * (-1.0 / 11 + s / 13))))));
    return __builtin_copysignf((float)(size > 1 ? 1.57079632679489661923 - known - rest : known + rest), x);
}
UNDIN_INLINE float undin_asin(float x) { return undin_atan(x / __builtin_sqrtf((1 - x) * (1 + x))); }
UNDIN_INLINE float undin_acos(float x) { return 2 * undin_atan(__builtin_sqrtf((1 - x) / (1 + x))); }

#endif
