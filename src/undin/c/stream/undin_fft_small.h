/* undin_fft_small.h: complex arithmetic on vectors, and the Fourier transforms of 2, 3, 4, 5, 8 and 16 points in place.
 *
 * A vector holds the same point of neighbouring transforms. Read next: undin_fft.h, which builds the large ones of them.
 */
#ifndef UNDIN_FFT_SMALL_H
#define UNDIN_FFT_SMALL_H

#include "undin_vector.h"

typedef struct {
    undin_vector re, im;
} undin_fft_complex;

UNDIN_INLINE undin_fft_complex undin_fft_add(undin_fft_complex a, undin_fft_complex b) {
    return (undin_fft_complex){a.re + b.re, a.im + b.im};
}

UNDIN_INLINE undin_fft_complex undin_fft_subtract(undin_fft_complex a, undin_fft_complex b) {
    return (undin_fft_complex){a.re - b.re, a.im - b.im};
}

/* a - i b */
UNDIN_INLINE undin_fft_complex undin_fft_subtract_i(undin_fft_complex a, undin_fft_complex b) {
    return (undin_fft_complex){a.re + b.im, a.im - b.re};
}

/* a + i b */
UNDIN_INLINE undin_fft_complex undin_fft_add_i(undin_fft_complex a, undin_fft_complex b) {
    return (undin_fft_complex){a.re - b.im, a.im + b.re};
}

UNDIN_INLINE undin_fft_complex undin_fft_scale(float factor, undin_fft_complex a) {
    const undin_vector factors = undin_vector_of(factor);
    return (undin_fft_complex){factors * a.re, factors * a.im};
}

UNDIN_INLINE undin_fft_complex undin_fft_multiply(undin_fft_complex a, undin_fft_complex b) {
    return (undin_fft_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

UNDIN_INLINE void undin_fft_rotate(undin_fft_complex *a, float re, float im) {
    *a = undin_fft_multiply(*a, (undin_fft_complex){undin_vector_of(re), undin_vector_of(im)});
}

/* Transforms of 2, 3, 4 and 5 points in place. */

UNDIN_INLINE void undin_fft_2(undin_fft_complex *a, undin_fft_complex *b) {
    const undin_fft_complex difference = undin_fft_subtract(*a, *b);
    *a = undin_fft_add(*a, *b);
    *b = difference;
}

UNDIN_INLINE void undin_fft_3(undin_fft_complex *a, undin_fft_complex *b, undin_fft_complex *c) {
    const float sin_third = 0.86602540378443865f; /* of a turn */
    const undin_fft_complex sum = undin_fft_add(*b, *c);
    const undin_fft_complex odd = undin_fft_scale(sin_third, undin_fft_subtract(*b, *c));
    const undin_fft_complex even = undin_fft_subtract(*a, undin_fft_scale(0.5f, sum));
    *a = undin_fft_add(*a, sum);
    *b = undin_fft_subtract_i(even, odd);
    *c = undin_fft_add_i(even, odd);
}

UNDIN_INLINE void undin_fft_4(undin_fft_complex *a, undin_fft_complex *b, undin_fft_complex *c, undin_fft_complex *d) {
    const undin_fft_complex ac = undin_fft_add(*a, *c), bd = undin_fft_add(*b, *d);
    const undin_fft_complex a_c = undin_fft_subtract(*a, *c), b_d = undin_fft_subtract(*b, *d);
    *a = undin_fft_add(ac, bd);
    *b = undin_fft_subtract_i(a_c, b_d);
    *c = undin_fft_subtract(ac, bd);
    *d = undin_fft_add_i(a_c, b_d);
}

UNDIN_INLINE void undin_fft_5(undin_fft_complex *x) {
    const float cos_1 = 0.30901699437494742f, cos_2 = -0.80901699437494742f; /* of one and two fifths of a turn */
    const float sin_1 = 0.95105651629515357f, sin_2 = 0.58778525229247313f;
    const undin_fft_complex sum_1 = undin_fft_add(x[1], x[4]), difference_1 = undin_fft_subtract(x[1], x[4]);
    const undin_fft_complex sum_2 = undin_fft_add(x[2], x[3]), difference_2 = undin_fft_subtract(x[2], x[3]);
    const undin_fft_complex even_1 = undin_fft_add(
        x[0], undin_fft_add(undin_fft_scale(cos_1, sum_1), undin_fft_scale(cos_2, sum_2)));
    const undin_fft_complex even_2 = undin_fft_add(
        x[0], undin_fft_add(undin_fft_scale(cos_2, sum_1), undin_fft_scale(cos_1, sum_2)));
    const undin_fft_complex odd_1 = undin_fft_add(
        undin_fft_scale(sin_1, difference_1), undin_fft_scale(sin_2, difference_2));
    const undin_fft_complex odd_2 = undin_fft_subtract(
        undin_fft_scale(sin_2, difference_1), undin_fft_scale(sin_1, difference_2));
    x[0] = undin_fft_add(x[0], undin_fft_add(sum_1, sum_2));
    x[1] = undin_fft_subtract_i(even_1, odd_1);
    x[2] = undin_fft_subtract_i(even_2, odd_2);
    x[3] = undin_fft_add_i(even_2, odd_2);
    x[4] = undin_fft_add_i(even_1, odd_1);
}

/* Transforms of 8 = 4 · 2 and 16 = 4 · 4 points: columns, rotations, rows. Bin k comes to lie at undin_fft_place(k). */

UNDIN_INLINE void undin_fft_8(undin_fft_complex *x) {
    const float half_root = 0.70710678118654752f;
    undin_fft_4(&x[0], &x[2], &x[4], &x[6]);
    undin_fft_4(&x[1], &x[3], &x[5], &x[7]);
    x[3] = undin_fft_scale(half_root, undin_fft_subtract_i(x[3], x[3]));
    x[5] = (undin_fft_complex){x[5].im, -x[5].re};
    x[7] = undin_fft_scale(-half_root, undin_fft_add_i(x[7], x[7]));
    undin_fft_2(&x[0], &x[1]);
    undin_fft_2(&x[2], &x[3]);
    undin_fft_2(&x[4], &x[5]);
    undin_fft_2(&x[6], &x[7]);
}

UNDIN_INLINE void undin_fft_16(undin_fft_complex *x) {
    const float half_root = 0.70710678118654752f;
    const float cos_1 = 0.92387953251128676f, sin_1 = 0.38268343236508977f; /* of a sixteenth of a turn */
    undin_fft_4(&x[0], &x[4], &x[8], &x[12]);
    undin_fft_4(&x[1], &x[5], &x[9], &x[13]);
    undin_fft_4(&x[2], &x[6], &x[10], &x[14]);
    undin_fft_4(&x[3], &x[7], &x[11], &x[15]);
    undin_fft_rotate(&x[5], cos_1, -sin_1);
    x[6] = undin_fft_scale(half_root, undin_fft_subtract_i(x[6], x[6]));
    undin_fft_rotate(&x[7], sin_1, -cos_1);
    x[9] = undin_fft_scale(half_root, undin_fft_subtract_i(x[9], x[9]));
    x[10] = (undin_fft_complex){x[10].im, -x[10].re};
    x[11] = undin_fft_scale(-half_root, undin_fft_add_i(x[11], x[11]));
    undin_fft_rotate(&x[13], sin_1, -cos_1);
    x[14] = undin_fft_scale(-half_root, undin_fft_add_i(x[14], x[14]));
    undin_fft_rotate(&x[15], -cos_1, sin_1);
    undin_fft_4(&x[0], &x[1], &x[2], &x[3]);
    undin_fft_4(&x[4], &x[5], &x[6], &x[7]);
    undin_fft_4(&x[8], &x[9], &x[10], &x[11]);
    undin_fft_4(&x[12], &x[13], &x[14], &x[15]);
}

UNDIN_INLINE int undin_fft_place(int radix, int bin) {
    return radix == 16 ? 4 * (bin % 4) + bin / 4 : radix == 8 ? 2 * (bin % 4) + bin / 4 : bin;
}

#endif
