/* undin_fft.h: the Fourier transform of UNDIN_N_FFT real samples, and its inverse. UNDIN_N_FFT is any even number.
 *
 * Even and odd samples are the real and imaginary parts of POINTS = UNDIN_N_FFT / 2 complex points; one rotation by bin
 * parts their complex spectrum into the real signal's. The complex transform is Stockham's: each pass of one radix reads
 * `radix` contiguous runs of points and leaves them in the order that the next pass needs; only the first pass, whose runs
 * out would be single points, transposes.
 * Complex points are planar (all real parts, then all imaginary ones), so that butterflies are plain vector arithmetic.
 * The inverse is the same transform with real and imaginary parts exchanged.
 *
 * Before this file comes what compiler/emit/fft_tables.py writes: UNDIN_N_FFT, UNDIN_FFT_PASSES, undin_fft_twiddles and
 * undin_fft_rotation. Read next: undin_fft_small.h (the transforms of one pass), undin_hop.h (which calls this).
 */
#ifndef UNDIN_FFT_H
#define UNDIN_FFT_H

#include <stddef.h>

#include "undin_fft_small.h"

#define UNDIN_FFT_POINTS (UNDIN_N_FFT / 2)
#define UNDIN_FFT_BINS (UNDIN_N_FFT / 2 + 1)

/* Floats of scratch memory that a transform needs: a planar signal and a planar spectrum. */
#define UNDIN_FFT_SCRATCH (2 * UNDIN_FFT_POINTS + 2 * UNDIN_FFT_BINS)

typedef struct {
    float *re, *im; /* [POINTS] each */
} undin_fft_planar;

UNDIN_INLINE undin_vector undin_fft_load(const float *from, int count) {
    return count < UNDIN_LANES ? undin_vector_load_first(from, count) : undin_vector_load(from);
}

UNDIN_INLINE void undin_fft_store(float *to, undin_vector x, int count) {
    if (count < UNDIN_LANES)
        undin_vector_store_first(to, x, count);
    else
        undin_vector_store(to, x);
}

UNDIN_INLINE undin_fft_complex undin_fft_load_complex(undin_fft_planar from, int at, int count) {
    return (undin_fft_complex){undin_fft_load(from.re + at, count), undin_fft_load(from.im + at, count)};
}

UNDIN_INLINE void undin_fft_store_complex(undin_fft_planar to, int at, undin_fft_complex x, int count) {
    undin_fft_store(to.re + at, x.re, count);
    undin_fft_store(to.im + at, x.im, count);
}

/* Columns `at` to `at + count` of bin k leave a pass: rotated by their twiddles, unless these are NULL, to out[at].
 *
 * The twiddles of the bins 1, 2 … are re[blocks] and im[blocks] in turn. With `each`, every column has its own;
 * otherwise the first is for all. */
UNDIN_INLINE void undin_fft_leave(undin_fft_complex x, int k, int at, int count, undin_fft_planar out,
                                  const float *twiddles, int blocks, int each) {
    if (twiddles && k > 0) {
        const float *re = twiddles + 2 * (k - 1) * blocks, *im = re + blocks;
        if (each)
            x = undin_fft_multiply(x, undin_fft_load_complex((undin_fft_planar){(float *)re, (float *)im}, at, count));
        else
            undin_fft_rotate(&x, *re, *im);
    }
    undin_fft_store_complex(out, at, x, count);
}

/* Columns `at` to `at + count` of a pass of any radix, by the definition. roots re[radix], im[radix]; else as below. */
UNDIN_INLINE void undin_fft_any(int radix, const float *roots, int at, int count, undin_fft_planar in, int in_distance,
                                undin_fft_planar out, int out_distance, const float *twiddles, int blocks, int each) {
    for (int bin = 0; bin < radix; ++bin) {
        undin_fft_complex sum = undin_fft_load_complex(in, at, count);
        for (int k = 1, turn = bin; k < radix; ++k, turn = (turn + bin) % radix) {
            undin_fft_complex x = undin_fft_load_complex(in, at + k * in_distance, count);
            undin_fft_rotate(&x, roots[turn], roots[radix + turn]);
            sum = undin_fft_add(sum, x);
        }
        const undin_fft_planar to = {out.re + bin * out_distance, out.im + bin * out_distance};
        undin_fft_leave(sum, bin, at, count, to, twiddles, blocks, each);
    }
}

/* The transforms of one pass: one of `radix` points for each of `columns` neighbours.
 *
 * Point k of column i lies in[i + k · in_distance], bin k goes to out[i + k · out_distance]. */
UNDIN_INLINE void undin_fft_columns(int radix, const float *roots, int columns, undin_fft_planar in, int in_distance,
                                    undin_fft_planar out, int out_distance, const float *twiddles, int blocks,
                                    int each) {
    const int count = columns < UNDIN_LANES ? columns : UNDIN_LANES;
    for (int column = 0; column < columns; column += count) {
        /* The last vector may overlap the one before it, and then computes the same once more. */
        const int at = column + count <= columns ? column : columns - count;
        if (roots) {
            undin_fft_any(radix, roots, at, count, in, in_distance, out, out_distance, twiddles, blocks, each);
            continue;
        }
        undin_fft_complex x[16];
        UNDIN_UNROLL
        for (int k = 0; k < radix; ++k) x[k] = undin_fft_load_complex(in, at + k * in_distance, count);
        if (radix == 2) undin_fft_2(&x[0], &x[1]);
        if (radix == 3) undin_fft_3(&x[0], &x[1], &x[2]);
        if (radix == 4) undin_fft_4(&x[0], &x[1], &x[2], &x[3]);
        if (radix == 5) undin_fft_5(x);
        if (radix == 8) undin_fft_8(x);
        if (radix == 16) undin_fft_16(x);
        UNDIN_UNROLL
        for (int k = 0; k < radix; ++k) {
            const undin_fft_planar to = {out.re + k * out_distance, out.im + k * out_distance};
            undin_fft_leave(x[undin_fft_place(radix, k)], k, at, count, to, twiddles, blocks, each);
        }
    }
}

/* in [rows][columns] → out [columns][rows] */
UNDIN_INLINE void undin_fft_transpose(int rows, int columns, const float *in, float *out) {
#if UNDIN_LANES > 1
    if (rows >= 4 && columns >= 4) {
        typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
        for (int row = 0; row < rows; row += 4) {
            const float *from = in + (row + 4 <= rows ? row : rows - 4) * columns;
            float *to = out + (row + 4 <= rows ? row : rows - 4);
            for (int column = 0; column < columns; column += 4) {
                const int at = column + 4 <= columns ? column : columns - 4;
                const four a = *(const four *)(from + at), b = *(const four *)(from + at + columns);
                const four c = *(const four *)(from + at + 2 * columns), d = *(const four *)(from + at + 3 * columns);
                const four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
                const four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
                const four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
                const four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
                *(four *)(to + at * rows) = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
                *(four *)(to + (at + 1) * rows) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
                *(four *)(to + (at + 2) * rows) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
                *(four *)(to + (at + 3) * rows) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
            }
        }
        return;
    }
#endif
    for (int row = 0; row < rows; ++row)
        for (int column = 0; column < columns; ++column) out[column * rows + row] = in[row * columns + column];
}

/* One pass over all points, in → out, or back in `in` where it says so.
 *
 * in [radix][blocks][stride] → out [blocks][radix][stride]; stride is the product of the radices before. Vectors run
 * over `stride`; in the first pass, where it is 1, they run over the blocks instead, and what they leave is transposed
 * back into `in`. Returns where the result is. */
UNDIN_INLINE undin_fft_planar undin_fft_pass(int radix, int stride, const float *table, undin_fft_planar in,
                                             undin_fft_planar out) {
    const int run = UNDIN_FFT_POINTS / radix, blocks = run / stride;
    const int prime = radix > 5 && radix != 8 && radix != 16;
    const float *roots = prime ? table : NULL;
    const float *twiddles = blocks > 1 ? table + (prime ? 2 * radix : 0) : NULL;
    if (stride == 1) {
        undin_fft_columns(radix, roots, blocks, in, run, out, blocks, twiddles, blocks, 1);
        if (blocks == 1) return out;
        undin_fft_transpose(radix, blocks, out.re, in.re);
        undin_fft_transpose(radix, blocks, out.im, in.im);
        return in;
    }
    for (int block = 0; block < blocks; ++block) {
        const undin_fft_planar from = {in.re + block * stride, in.im + block * stride};
        const undin_fft_planar to = {out.re + block * radix * stride, out.im + block * radix * stride};
        undin_fft_columns(radix, roots, stride, from, run, to, stride, twiddles ? twiddles + block : NULL, blocks, 0);
    }
    return out;
}

/* The complex transform: `in` [POINTS] → `in` or `out`, whichever is returned. Not inlined: forward and inverse use it. */
static __attribute__((noinline, unused)) undin_fft_planar undin_fft_points(undin_fft_planar in, undin_fft_planar out) {
#define UNDIN_FFT_PASS(radix, stride, table)                                                                    \
    {                                                                                                           \
        const undin_fft_planar done = undin_fft_pass(radix, stride, undin_fft_twiddles + (table), in, out);     \
        if (done.re == out.re) {                                                                                \
            out = in;                                                                                           \
            in = done;                                                                                          \
        }                                                                                                       \
    }
    UNDIN_FFT_PASSES(UNDIN_FFT_PASS)
#undef UNDIN_FFT_PASS
    (void)out; /* a single point needs no pass */
    return in;
}

/* samples [UNDIN_N_FFT] → spec [UNDIN_FFT_BINS][re, im], as numpy's rfft. scratch [UNDIN_FFT_SCRATCH] */
UNDIN_INLINE void undin_rfft(const float *restrict samples, float *restrict spec, float *restrict scratch) {
    enum { points = UNDIN_FFT_POINTS };
    const undin_fft_planar in = {scratch, scratch + points};
    const undin_fft_planar out = {scratch + 2 * points, scratch + 3 * points};
    for (int i = 0; i < points; ++i) {
        in.re[i] = samples[2 * i];
        in.im[i] = samples[2 * i + 1];
    }
    const undin_fft_planar z = undin_fft_points(in, out);
    const float *rotation_re = undin_fft_rotation, *rotation_im = undin_fft_rotation + points;
    spec[0] = z.re[0] + z.im[0];
    spec[2 * points] = z.re[0] - z.im[0];
    spec[1] = spec[2 * points + 1] = 0;
#if UNDIN_LANES == 1
    /* Bins k and points - k have the same parts but for signs, and rotations of which one sign differs: the same bits. */
    for (int k = 1, opposite = points - 1; k <= opposite; ++k, --opposite) {
        const float even_re = 0.5f * (z.re[k] + z.re[opposite]), even_im = 0.5f * (z.im[k] - z.im[opposite]);
        const float odd_re = 0.5f * (z.re[k] - z.re[opposite]), odd_im = 0.5f * (z.im[k] + z.im[opposite]);
        const float rotated_re = rotation_re[k] * odd_re - rotation_im[k] * odd_im;
        const float rotated_im = rotation_re[k] * odd_im + rotation_im[k] * odd_re;
        spec[2 * k] = even_re + rotated_re;
        spec[2 * k + 1] = even_im + rotated_im;
        spec[2 * opposite] = even_re - rotated_re;
        spec[2 * opposite + 1] = rotated_im - even_im;
    }
    return;
#endif
    for (int k = 1; k < points; ++k) { /* even = (z + z̄') / 2, odd = (z - z̄') / 2i, z' = z[points - k] */
        const float even_re = 0.5f * (z.re[k] + z.re[points - k]), even_im = 0.5f * (z.im[k] - z.im[points - k]);
        const float odd_re = 0.5f * (z.re[k] - z.re[points - k]), odd_im = 0.5f * (z.im[k] + z.im[points - k]);
        spec[2 * k] = even_re + (rotation_re[k] * odd_re - rotation_im[k] * odd_im);
        spec[2 * k + 1] = even_im + (rotation_re[k] * odd_im + rotation_im[k] * odd_re);
    }
}

/* spec [UNDIN_FFT_BINS][re, im] → samples [UNDIN_N_FFT], UNDIN_N_FFT times numpy's irfft: a window that follows can
 * hold the factor. Like there, the imaginary parts of the first and last bin do not count. scratch [UNDIN_FFT_SCRATCH] */
UNDIN_INLINE void undin_irfft(const float *restrict spec, float *restrict samples, float *restrict scratch) {
    enum { points = UNDIN_FFT_POINTS };
    const undin_fft_planar in = {scratch, scratch + points};
    const undin_fft_planar out = {scratch + 2 * points, scratch + 3 * points};
    const float *rotation_re = undin_fft_rotation, *rotation_im = undin_fft_rotation + points;
#if UNDIN_LANES == 1
    const float *last = spec + 2 * points;
    in.re[0] = spec[0] + last[0] + (rotation_re[0] * (spec[0] - last[0]) + rotation_im[0] * 0.0f);
    in.im[0] = 0.0f + (rotation_re[0] * 0.0f - rotation_im[0] * (spec[0] - last[0]));
    for (int k = 1, opposite = points - 1; k <= opposite; ++k, --opposite) { /* as in undin_rfft */
        const float *x = spec + 2 * k, *y = spec + 2 * opposite;
        const float even_re = x[0] + y[0], even_im = x[1] - y[1], odd_re = x[0] - y[0], odd_im = x[1] + y[1];
        const float rotated_re = rotation_re[k] * odd_re + rotation_im[k] * odd_im;
        const float rotated_im = rotation_re[k] * odd_im - rotation_im[k] * odd_re;
        in.re[k] = even_re + rotated_re;
        in.im[k] = even_im + rotated_im;
        in.re[opposite] = even_re - rotated_re;
        in.im[opposite] = rotated_im - even_im;
    }
#else
    float *spec_re = scratch + 2 * points, *spec_im = spec_re + points + 1; /* where later `out` lies */
    for (int k = 0; k <= points; ++k) {
        spec_re[k] = spec[2 * k];
        spec_im[k] = spec[2 * k + 1];
    }
    spec_im[0] = spec_im[points] = 0;
    for (int k = 0; k < points; ++k) {
        const float even_re = spec_re[k] + spec_re[points - k], even_im = spec_im[k] - spec_im[points - k];
        const float odd_re = spec_re[k] - spec_re[points - k], odd_im = spec_im[k] + spec_im[points - k];
        in.re[k] = even_re + (rotation_re[k] * odd_re + rotation_im[k] * odd_im);
        in.im[k] = even_im + (rotation_re[k] * odd_im - rotation_im[k] * odd_re);
    }
#endif
    const undin_fft_planar exchanged = undin_fft_points((undin_fft_planar){in.im, in.re},
                                                        (undin_fft_planar){out.im, out.re});
    for (int i = 0; i < points; ++i) {
        samples[2 * i] = exchanged.im[i];
        samples[2 * i + 1] = exchanged.re[i];
    }
}

#endif
