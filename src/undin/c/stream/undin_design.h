/* undin_design.h: the functions that filters are designed with, in single precision and without a library. */
#ifndef UNDIN_DESIGN_H
#define UNDIN_DESIGN_H

#include <stdint.h>

#include "undin_eight.h"

#define UNDIN_PI 3.14159265f

/* sin(pi x) for |x| <= 2, to 1e-7 of full scale. */
UNDIN_INLINE float undin_sin_pi(float x) {
    if (x > 1) x -= 2;
    if (x < -1) x += 2;
    if (x > 0.5f) x = 1 - x;
    if (x < -0.5f) x = -1 - x;
    const float square = UNDIN_PI * x * (UNDIN_PI * x);
    float series = 1;
    for (int k = 12; k > 0; k -= 2) series = 1 - square / (float)(k * (k + 1)) * series; /* Taylor, to x^13 */
    return UNDIN_PI * x * series;
}

/* sin(pi n / d) / (pi n / d), for d > 0. The angle is reduced as a whole number, before anything is rounded. */
UNDIN_INLINE float undin_sinc(int64_t numerator, int64_t denominator) {
    if (numerator == 0) return 1;
    const float angle = (float)(numerator % (2 * denominator)) / (float)denominator;
    return undin_sin_pi(angle) / (UNDIN_PI * ((float)numerator / (float)denominator));
}

/* Half of a period of a raised cosine: (1 - cos(2 pi n / d)) / 2, for 0 <= n <= d. */
UNDIN_INLINE float undin_hann(int numerator, int denominator) {
    const float sine = undin_sin_pi((float)numerator / (float)denominator);
    return sine * sine;
}

/* Modified Bessel function of the first kind and order 0, by its power series (Abramowitz and Stegun 9.6.12), x < 10. */
UNDIN_INLINE float undin_bessel_i0(float x) {
    const float square = 0.25f * x * x;
    float series = 1;
    for (int k = 24; k > 0; --k) series = 1 + square / (float)(k * k) * series;
    return series;
}

/* Kaiser's window at a place from -1 to 1 of its width, 1 in the middle. */
UNDIN_INLINE float undin_kaiser(float place, float beta) {
    const float rest = 1 - place * place;
    return undin_bessel_i0(beta * __builtin_sqrtf(rest > 0 ? rest : 0)) / undin_bessel_i0(beta);
}

/* Divide values by their sum, so that a constant stays one. */
UNDIN_INLINE void undin_normalise(float *values, int count) {
    float sum = 0;
    for (int i = 0; i < count; ++i) sum += values[i];
    for (int i = 0; i < count; ++i) values[i] /= sum;
}

#endif
