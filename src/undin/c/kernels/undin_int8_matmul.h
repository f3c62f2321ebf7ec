/* undin_int8_matmul.h: the kernels of undin_matmul.h and undin_lanes.h with weights and activations of 8 bits.
 *
 *     y[m][n] = activation(bias[n] + scale[n] * sum over t, k of
 *                                                  (a[m a_row + tap_offset[t] + k] - zero_point) (w[t][k][n] - w_zero[n]))
 *
 * The sum is one of integers, exact in any order, and y is of floats: what follows a layer does not know that its
 * products were in integers. scale[n] is that of the weights of column n, which have met that of a. The zero point of a
 * is taken out of the sum at its beginning, with w_sum[n], the sum of the column's weights; those of weights, which few
 * networks have, at its end, with the sum of what each row reads of a.
 *
 * Read next: undin_int8_recurrent.h.
 */
#ifndef UNDIN_INT8_MATMUL_H
#define UNDIN_INT8_MATMUL_H

#include "undin_int8_pairs.h"
#include "undin_int8_rounding.h"

/* Sums of a tile, and its most vectors of columns: without products of bytes the halves of w take registers too. */
#if defined(UNDIN_BYTE_BY_BYTE)
#define UNDIN_INT8_SUMS 12
#define UNDIN_INT8_VECTORS 4
#elif UNDIN_LANES == 1
#define UNDIN_INT8_SUMS 4
#define UNDIN_INT8_VECTORS 2
#elif defined(UNDIN_ADD_BYTE_PRODUCTS)
#define UNDIN_INT8_SUMS UNDIN_TILE_SUMS
#define UNDIN_INT8_VECTORS (UNDIN_TILE_SUMS / 4)
#elif defined(UNDIN_ADD_NARROW_PRODUCTS)
#define UNDIN_INT8_SUMS 12
#define UNDIN_INT8_VECTORS 2
#elif UNDIN_REGISTERS == 32
#define UNDIN_INT8_SUMS 16
#define UNDIN_INT8_VECTORS 4
#else
#define UNDIN_INT8_SUMS 8
#define UNDIN_INT8_VECTORS 2
#endif

/* Height of the tiles that cover `rows` of `row_sums` sums each, evenly; without vectors it is fixed. */
UNDIN_INLINE int undin_int8_height(int rows, int row_sums) {
    const int most = UNDIN_INT8_SUMS / row_sums;
    return UNDIN_LANES == 1 ? most : UNDIN_DIVIDE_UP(rows, UNDIN_DIVIDE_UP(rows, most));
}

/* Sizes and strides of a and w count bytes, those of y floats. */
typedef struct {
    int rows, columns, depth;
    int taps;                       /* 1 <= taps <= UNDIN_TAPS_MAX */
    int tap_offset[UNDIN_TAPS_MAX]; /* where the input of each tap begins, from a; may be negative */
    int a_row, y_row;
    int zero_point;                 /* of a */
    int narrow;                     /* the weights are, see undin_integer.h */
    int wide;                       /* a and w are integers of 16 bits, two of which are a group of four bytes */
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
} undin_int8_matmul_shape;

/* Load the group of four weights of vector j of columns; groups of neighbours lie `padded` columns apart. */
UNDIN_INLINE undin_integers undin_int8_load(const int8_t *w, const undin_tile *tile, int padded, int j) {
    return undin_integers_from_vector(undin_tile_load((const float *)(const void *)w, padded, tile, j));
}

/* An integer of 8 bits, or of 16. */
UNDIN_INLINE int32_t undin_int8_element(const int8_t *from, int wide) {
    return wide ? *(const int16_t *)(const void *)from : *from;
}

/* sum[i][j] += sum over k of a[i][k] w[k][j], for a group of which `count` exist, a constant. */
UNDIN_INLINE void undin_int8_tile_group(undin_integers *sum, const undin_tile *tile, const int8_t *a, int a_row,
                                        const int8_t *w, int padded, int narrow, int wide, int count) {
#if defined(UNDIN_BYTE_BY_BYTE)
    for (int k = 0; k < count; k += 1 + wide) {
        int32_t w_k[UNDIN_TILE_SUMS];
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            w_k[j] = undin_int8_element(w + 4 * (j / tile->width * padded + j % tile->width) + k, wide);
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
            const int32_t a_k = undin_int8_element(a + i * a_row + k, wide);
            UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) sum[i * tile->row_sums + j] += a_k * w_k[j];
        }
    }
    (void)narrow;
#else
    undin_integers w_k[UNDIN_TILE_SUMS];
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) w_k[j] = undin_int8_load(w, tile, padded, j);
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        const undin_integers a_i = undin_integers_of(undin_four_bytes(a + i * a_row, count));
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
            undin_integers *s = &sum[i * tile->row_sums + j];
            *s = wide ? undin_add_products_of_pairs(*s, a_i, w_k[j])
                      : undin_add_products_of_bytes(*s, a_i, w_k[j], narrow);
            UNDIN_IN_ORDER(*s);
        }
    }
#endif
}

/* The same for the whole depth; w_row: columns of a row of w. */
UNDIN_INLINE void undin_int8_tile_product(undin_integers *sum, const undin_tile *tile, const int8_t *a, int a_row,
                                          const int8_t *w, int w_row, int padded, int depth, int narrow, int wide) {
    int k = 0;
    for (; k + 4 <= depth; k += 4)
        undin_int8_tile_group(sum, tile, a + k, a_row, w + k * w_row, padded, narrow, wide, 4);
    if (depth % 4) undin_int8_tile_group(sum, tile, a + k, a_row, w + k * w_row, padded, narrow, wide, depth % 4);
}

/* What the sums of each column begin with: the zero point times the weights, taken away. */
UNDIN_INLINE void undin_int8_begin(undin_integers *sum, const undin_tile *tile, const int32_t *w_sum, int padded,
                                   int row, int zero_point) {
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j] = undin_int8_load((const int8_t *)(w_sum + i * row), tile, padded, j) *
                                          -(zero_point + UNDIN_BYTE_OFFSET);
    }
}

/* Sums become floats: bias[j] + scale[j] sum[i][j]; bias may be NULL. */
UNDIN_INLINE void undin_int8_scale(undin_vector *y, const undin_integers *sum, const undin_tile *tile,
                                   const float *scale, const float *bias, int bias_row) {
    const int has_bias = bias != 0;
    UNDIN_OPAQUE(bias);
    UNDIN_OPAQUE(scale);
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) {
            const undin_vector product =
                undin_integers_to_floats(sum[i * tile->vectors + j]) * undin_tile_load(scale, 0, tile, j);
            y[i * tile->vectors + j] =
                has_bias ? product + undin_tile_load(bias + i * bias_row, 0, tile, j) : product;
        }
    }
}

/* The sum of all that a row reads of a, without the zero point. */
UNDIN_INLINE int32_t undin_int8_row_sum(const int8_t *a, const int *tap_offset,
                                        const undin_int8_matmul_shape *shape) {
    int32_t sum = 0;
    for (int t = 0; t < shape->taps; ++t)
        for (int k = 0; k < shape->depth; ++k)
            sum += UNDIN_BYTE_OFFSET ? (uint8_t)a[tap_offset[t] + k] : a[tap_offset[t] + k];
    return sum - shape->taps * shape->depth * (shape->zero_point + UNDIN_BYTE_OFFSET);
}

UNDIN_INLINE void undin_int8_matmul_tile(float *y, const int8_t *a, const int *tap_offset, const int8_t *w,
                                         const int32_t *w_sum, const int32_t *w_zero, const float *scale,
                                         const float *bias, const undin_int8_matmul_shape *shape, int rows,
                                         int vectors, int last) {
    const int padded = UNDIN_PADDED(shape->columns);
    const undin_tile tile = undin_plain_tile(rows, vectors, last, 1);
    undin_integers sum[UNDIN_TILE_SUMS];
    if (shape->wide) {
        UNDIN_UNROLL for (int i = 0; i < rows * vectors; ++i) sum[i] = undin_integers_of(0);
    } else {
        undin_int8_begin(sum, &tile, w_sum, 0, 0, shape->zero_point);
    }
    for (int t = 0; t < shape->taps; ++t)
        undin_int8_tile_product(sum, &tile, a + tap_offset[t], shape->a_row,
                                w + t * UNDIN_DIVIDE_UP(shape->depth, 4) * 4 * padded, padded, 0, shape->depth,
                                shape->narrow, shape->wide);
    if (w_zero) {
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
            const int32_t of_row = undin_int8_row_sum(a + i * shape->a_row, tap_offset, shape);
            UNDIN_UNROLL for (int j = 0; j < vectors; ++j)
                sum[i * vectors + j] -= undin_int8_load((const int8_t *)w_zero, &tile, 0, j) * of_row;
        }
    }

    undin_vector result[UNDIN_TILE_SUMS];
    undin_int8_scale(result, sum, &tile, scale, bias, 0);
    undin_tile_finish(result, &tile, last, 0, 0, shape->activation, shape->alpha, shape->beta);
    undin_tile_store(y, shape->y_row, result, &tile, last);
}

UNDIN_INLINE void undin_int8_matmul_columns(float *y, const int8_t *a, const int *tap_offset, const int8_t *w,
                                            const int32_t *w_sum, const int32_t *w_zero, const float *scale,
                                            const float *bias, const undin_int8_matmul_shape *shape, int vectors,
                                            int last) {
    UNDIN_FOR_ROWS(shape->rows, undin_int8_height(shape->rows, vectors), m, height,
        undin_int8_matmul_tile(y + m * shape->y_row, a + m * shape->a_row, tap_offset, w, w_sum, w_zero, scale, bias,
                               shape, height, vectors, last));
}

/* Groups of a row of all taps, in pairs. */
UNDIN_INLINE int undin_int8_pair_groups(const undin_int8_matmul_shape *shape) {
    return shape->taps * UNDIN_DIVIDE_UP(shape->depth, shape->wide ? 8 : 4);
}

/* undin_int8_matmul without an activation, or with that of UNDIN_RELU. */
UNDIN_OUTLINED void undin_int8_matmul_in_pairs(float *y, const int8_t *a, const int8_t *w, const int32_t *w_zero,
                                               const float *scale, const float *bias,
                                               const undin_int8_matmul_shape *shape) {
    undin_pair_block block;
    const int all = undin_int8_pair_groups(shape), words = undin_pair_words(all);
    const int groups = all / shape->taps, widest = undin_pair_columns(words, 1), row_bytes = shape->y_row * 4;
    const int rows = shape->rows, depth = shape->depth, taps = shape->taps, zero_point = shape->zero_point;
    const int is_wide = shape->wide, a_row = shape->a_row, y_row = shape->y_row;
    const undin_pair_weights from = {w, 4 * UNDIN_PADDED(shape->columns), UNDIN_DIVIDE_UP(depth, 4), w_zero, scale, bias};
    void (*const products)(float *, const uint32_t *, const uint32_t *, int, int, int) =
        shape->activation == UNDIN_RELU ? undin_pair_products_relu : undin_pair_products;
    for (int n = 0; n < shape->columns; n += widest) {
        const int columns = UNDIN_SMALLER(widest, shape->columns - n), pairs = columns / 2;
        uint32_t *to = block.weights;
        for (int j = n; j < n + columns; j += 2)
            to = is_wide ? undin_copy_weights(to, &from, j, taps) : undin_unpack_weights(to, &from, j, taps);
        float *row = y + n;
        const int8_t *a_rows = a;
        for (int m = 0; m < rows; m += 2, row += 2 * y_row, a_rows += 2 * a_row) {
            const int next = m + 1 < rows;
            uint32_t *unpacked = block.rows;
            for (int t = 0; t < taps; ++t, unpacked += 4 * groups) {
                const int8_t *first = a_rows + shape->tap_offset[t], *second = first + (next ? a_row : 0);
                if (is_wide)
                    undin_copy_rows(unpacked, first, second, depth);
                else
                    undin_unpack_rows(unpacked, first, second, depth, zero_point);
            }
            if (pairs) products(row, block.weights, block.rows, all, pairs, next * row_bytes);
            if (columns % 2) { /* of the last pair one column exists */
                float last[4];
                products(last, block.weights + pairs * words, block.rows, all, 1, 8);
                row[columns - 1] = last[0];
                row[columns - 1 + next * y_row] = next ? last[2] : last[0];
            }
        }
    }
}

#if defined(UNDIN_ON_HELIUM)
/* The same on Helium, where weights have no zero points of their own. */
UNDIN_OUTLINED void undin_int8_matmul_on_helium(float *y, const int8_t *a, const int8_t *w, const int32_t *w_sum,
                                                const float *scale, const float *bias,
                                                const undin_int8_matmul_shape *shape) {
    undin_helium_block block;
    const int rows = shape->rows, depth = shape->depth, taps = shape->taps, a_row = shape->a_row, y_row = shape->y_row;
    const int chunks = taps * undin_helium_chunks(depth), is_relu = shape->activation == UNDIN_RELU;
    const undin_helium_product products =
        shape->wide ? (is_relu ? undin_helium_wide_products_relu : undin_helium_wide_products)
                    : (is_relu ? undin_helium_products_relu : undin_helium_products);
    const int widest = UNDIN_HELIUM_BYTES / undin_helium_bytes(chunks) * 4;
    const undin_helium_weights from = {w, 4 * UNDIN_PADDED(shape->columns), UNDIN_DIVIDE_UP(depth, 4),
                                       taps, shape->zero_point, w_sum, scale, bias};
    for (int n = 0; n < shape->columns; n += widest) {
        const int columns = UNDIN_SMALLER(widest, shape->columns - n);
        int8_t *to = block.weights;
        for (int j = n; j < n + columns; j += 4) to = undin_helium_columns(to, &from, j);
        float *to_rows = y + n;
        const int8_t *a_rows = a;
        for (int m = 0; m < rows; m += 2, to_rows += 2 * y_row, a_rows += 2 * a_row) {
            const int next = m + 1 < rows;
            int8_t *row = block.rows;
            for (int t = 0; t < taps; ++t) {
                const int8_t *first = a_rows + shape->tap_offset[t];
                row = undin_helium_rows(row, first, first + (next ? a_row : 0), depth);
            }
            products(to_rows, block.weights, block.rows, chunks, columns, next ? 4 * y_row : 0);
        }
    }
}
#endif

/* Whether one of the ways above is that of a processor and some sizes. */
UNDIN_INLINE int undin_int8_matmul_has_way(const undin_int8_matmul_shape *shape, const int32_t *w_zero) {
#if defined(UNDIN_ON_HELIUM)
    return !w_zero && shape->taps * undin_helium_chunks(shape->depth) <= UNDIN_HELIUM_ROW / 16;
#else
    const int groups = undin_int8_pair_groups(shape);
    (void)w_zero;
    return undin_fits_pairs(shape->rows, groups, undin_pair_words(groups));
#endif
}

/* y (rows, columns) of floats; a (rows, taps * depth) as undin_quantize_bytes writes it; w (taps, ceil(depth / 4),
 * padded, 4), zeros where depth or columns are filled up; w_sum (padded), that of each column over all taps, w_zero, scale
 * and bias (padded), w_zero and bias may be NULL. y must overlap nothing else.
 *
 * With integers of 16 bits a is as undin_quantize_words writes it, w (taps, ceil(depth / 2), padded, 2) such that no sum
 * leaves 32 bits, and w_sum and w_zero are NULL: there are no zero points. */
UNDIN_INT8_KERNEL void undin_int8_matmul(float *y, const int8_t *a, const int8_t *w, const int32_t *w_sum,
                                         const int32_t *w_zero, const float *scale, const float *bias,
                                         const undin_int8_matmul_shape *sizes) {
    const undin_int8_matmul_shape copy = *sizes, *const shape = &copy; /* as in undin_matmul */
    const int *tap_offset = sizes->tap_offset;
    if (undin_int8_matmul_has_way(shape, w_zero)) {
#if defined(UNDIN_ON_HELIUM)
        undin_int8_matmul_on_helium(y, a, w, w_sum, scale, bias, sizes);
#else
        undin_int8_matmul_in_pairs(y, a, w, w_zero, scale, bias, sizes);
#endif
        if (shape->activation != UNDIN_IDENTITY && shape->activation != UNDIN_RELU)
            for (int m = 0; m < shape->rows; ++m)
                for (int n = 0; n < shape->columns; ++n)
                    y[m * shape->y_row + n] = undin_activate(y[m * shape->y_row + n], shape->activation, shape->alpha,
                                                             shape->beta);
        return;
    }
    UNDIN_FOR_CHUNKS(shape->columns, UNDIN_INT8_VECTORS, n, vectors, last,
        undin_int8_matmul_columns(y + n, a, tap_offset, w + 4 * n, w_sum ? w_sum + n : w_sum,
                                  w_zero ? w_zero + n : w_zero, scale + n, bias ? bias + n : bias, shape, vectors, last));
}

/* y = x + added, no less than 0 if `is_relu`, a constant: of what products in integers have made and nothing else, so
   that Helium, too, may add it up. */
UNDIN_INT8_KERNEL void undin_add_products(float *y, const float *x, const float *added, int count, int is_relu) {
    int i = 0;
#if defined(UNDIN_ON_HELIUM)
    (is_relu ? undin_helium_add_relu : undin_helium_add)(y, x, added, count);
    i = count;
#elif defined(UNDIN_IN_PAIRS) && defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)
    if (count >= 4) (is_relu ? undin_add_fours_relu : undin_add_fours)(y, x, added, count / 4);
    i = count / 4 * 4;
#endif
    for (; i < count; ++i) {
        const float sum = x[i] + added[i];
        y[i] = is_relu ? undin_relu(sum) : sum;
    }
}

/* Sizes and strides of x count bytes, those of y and bias floats. */
typedef struct {
    int rows, channels, depth; /* rows of y, rows that were quantized to x are `depth` */
    int y_row;
    int bias_row;              /* 0: all rows of y have the same bias; else its stride */
    int zero_point;            /* of x */
    int narrow;                /* the weights are, see undin_integer.h */
    enum undin_activation activation;
    float alpha, beta;         /* of the activation */
} undin_int8_band_mix_shape;

UNDIN_INLINE void undin_int8_band_mix_tile(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                           const float *scale, const float *bias,
                                           const undin_int8_band_mix_shape *shape, int rows, int vectors, int last) {
    const int padded = UNDIN_PADDED(shape->channels);
    const undin_tile tile = undin_plain_tile(rows, vectors, last, 1);
    undin_integers sum[UNDIN_TILE_SUMS];
    undin_int8_begin(sum, &tile, w_sum, 0, padded, shape->zero_point);
    for (int k = 0; k < shape->depth; k += 4, x += 4 * shape->channels, w += 4 * shape->rows * padded) {
        UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
            const undin_integers x_j = undin_integers_from_vector(
                undin_vector_load_first((const float *)(const void *)(x + 4 * j * UNDIN_LANES),
                                        j + 1 < vectors ? UNDIN_LANES : last));
            UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
                undin_integers *s = &sum[i * vectors + j];
                *s = undin_add_products_of_bytes(*s, x_j, undin_int8_load(w + 4 * i * padded, &tile, 0, j),
                                                 shape->narrow);
                UNDIN_IN_ORDER(*s);
            }
        }
    }
    undin_vector result[UNDIN_TILE_SUMS];
    undin_int8_scale(result, sum, &tile, scale, bias, shape->bias_row);
    undin_tile_finish(result, &tile, last, 0, 0, shape->activation, shape->alpha, shape->beta);
    undin_tile_store(y, shape->y_row, result, &tile, last);
}

UNDIN_INLINE void undin_int8_band_mix_columns(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                              const float *scale, const float *bias,
                                              const undin_int8_band_mix_shape *shape, int vectors, int last) {
    const int padded = UNDIN_PADDED(shape->channels);
    UNDIN_FOR_ROWS(shape->rows, undin_int8_height(shape->rows, vectors), n, height,
        undin_int8_band_mix_tile(y + n * shape->y_row, x, w + 4 * n * padded, w_sum + n * padded, scale,
                                 bias ? bias + n * shape->bias_row : bias, shape, height, vectors, last));
}

/* undin_int8_band_mix of at least four rows, without an activation or with that of UNDIN_RELU. */
UNDIN_OUTLINED void undin_int8_band_mix_in_pairs(float *y, const int8_t *x, const int8_t *w, const float *scale,
                                                 const float *bias, const undin_int8_band_mix_shape *shape) {
    uint32_t unpacked[2 * UNDIN_PAIR_GROUPS] __attribute__((aligned(8)));
    const int padded = UNDIN_PADDED(shape->channels), groups = UNDIN_DIVIDE_UP(shape->depth, 4), rows = shape->rows;
    const uint32_t added = undin_pair_of(-shape->zero_point);
    const int bias_row = bias ? shape->bias_row : 0, row = 4 * padded;
    const float zero = 0;
    undin_pair_mix mix = {.bias_row = 4 * bias_row, .y_row = 4 * shape->y_row, .row = row, .group = row * rows};
    mix.x_end = unpacked + 2 * groups;
    for (int c = 0; c < shape->channels; ++c, w += 4) {
        const int8_t *from = x + 4 * c;
        for (uint32_t *to = unpacked; to != unpacked + 2 * groups; to += 2, from += 4 * shape->channels) {
            const uint32_t bytes = (uint32_t)undin_four_bytes(from, 4);
            to[0] = undin_even_pair(bytes, added);
            to[1] = undin_odd_pair(bytes, added);
        }
        for (int n = 0; n < rows; n += 4 * mix.fours) {
            const int first = UNDIN_SMALLER(n, rows - 4); /* the last four may overlap those before */
            mix.fours = UNDIN_LARGER(1, (rows - n) / 4);
            mix.bias = bias ? bias + first * bias_row + c : &zero;
            (shape->activation == UNDIN_RELU ? undin_pair_mix_relu : undin_pair_mix_plain)(
                y + first * shape->y_row + c, unpacked, w + first * row, &mix, scale[c]);
        }
    }
}

#if defined(UNDIN_ON_HELIUM)
/* The same on Helium, a channel at a time. */
UNDIN_OUTLINED void undin_int8_band_mix_on_helium(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                                  const float *scale, const float *bias,
                                                  const undin_int8_band_mix_shape *shape) {
    int32_t sum[UNDIN_HELIUM_MIXED] __attribute__((aligned(16)));
    int8_t of_channel[UNDIN_HELIUM_ROW] __attribute__((aligned(16)));
    const int padded = UNDIN_PADDED(shape->channels), groups = UNDIN_DIVIDE_UP(shape->depth, 4), rows = shape->rows;
    const int channels = shape->channels, bias_row = bias ? shape->bias_row : 0, zero_point = -shape->zero_point;
    const uint32x4_t lanes = vidupq_n_u32(0, 4), of_x = vmulq_n_u32(lanes, (uint32_t)channels);
    const uint32x4_t of_y = vmulq_n_u32(lanes, (uint32_t)shape->y_row), of_sum = vmulq_n_u32(lanes, (uint32_t)padded);
    const uint32x4_t of_bias = vmulq_n_u32(lanes, (uint32_t)bias_row);
    const int next_y = 4 * shape->y_row, next_sum = 4 * padded, next_bias = 4 * bias_row;
    const float zero = 0, low = shape->activation == UNDIN_RELU ? 0 : -3e38f;
    vst1q_s8(of_channel + (UNDIN_DIVIDE_UP(groups, 4) - 1) / 2 * 32 + 16, vdupq_n_s8(0));
    for (int c = 0; c < channels; ++c) {
        int8_t *to = of_channel;
        const int8_t *from = x + 4 * c;
        for (int left = groups; left > 0; left -= 4, to += 16, from += 16 * channels)
            vst1q_s32((int32_t *)(void *)to, vldrwq_gather_offset_z_s32((const int32_t *)(const void *)from, of_x,
                                                                        vctp32q((uint32_t)left)));
        undin_helium_mix(sum, of_channel, w + 4 * c, groups, 4 * rows * padded, 4 * padded, rows);
        const int32_t *of_channel_sum = sum, *of_weights = w_sum + c;
        const float *more = bias ? bias + c : &zero, factor = scale[c];
        float *result = y + c;
        for (int left = rows; left > 0; left -= 4) {
            const mve_pred16_t exist = vctp32q((uint32_t)left);
            const int32x4_t correction = vmulq_n_s32(vldrwq_gather_offset_z_s32(of_weights, of_sum, exist), zero_point);
            const float32x4_t scaled =
                vmulq_n_f32(vcvtq_f32_s32(vaddq_s32(vldrwq_z_s32(of_channel_sum, exist), correction)), factor);
            const float32x4_t whole = vaddq_f32(scaled, vldrwq_gather_offset_z_f32(more, of_bias, exist));
            vstrwq_scatter_offset_p_f32(result, of_y, vmaxnmq_f32(whole, vdupq_n_f32(low)), exist);
            of_channel_sum += 4, of_weights += next_sum, more += next_bias, result += next_y;
        }
    }
}
#endif

/* Mixing of bands, channel by channel:
 * y[n][c] = activation(bias[n][c] + scale[c] * sum over k of (x[k][c] - zero_point) w[k][n][c])
 *
 * y (rows, channels) of floats; x (ceil(depth / 4), channels, 4) as undin_quantize_groups writes it; w (ceil(depth / 4),
 * rows, padded, 4), w_sum (rows, padded), scale (padded), bias (padded) or (rows, padded), it may be NULL. y must
 * overlap nothing else. */
UNDIN_INT8_KERNEL void undin_int8_band_mix(float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum,
                                      const float *scale, const float *bias, const undin_int8_band_mix_shape *shape) {
    const int is_plain = shape->activation == UNDIN_IDENTITY || shape->activation == UNDIN_RELU;
#if defined(UNDIN_ON_HELIUM)
    if (is_plain && shape->rows <= UNDIN_HELIUM_MIXED && shape->depth <= UNDIN_HELIUM_ROW) {
        undin_int8_band_mix_on_helium(y, x, w, w_sum, scale, bias, shape);
        return;
    }
#endif
    if (is_plain && shape->rows >= 4 && undin_fits_pairs(shape->rows, UNDIN_DIVIDE_UP(shape->depth, 4), 0)) {
        undin_int8_band_mix_in_pairs(y, x, w, scale, bias, shape);
        return;
    }
    UNDIN_FOR_CHUNKS(shape->channels, UNDIN_INT8_VECTORS, c, vectors, last,
        undin_int8_band_mix_columns(y + c, x + 4 * c, w + 4 * c, w_sum + c, scale + c, bias ? bias + c : bias, shape,
                                    vectors, last));
}

#endif
