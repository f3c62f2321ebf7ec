/* undin_matmul.h: matrix product with bias, residual and activation; every dense layer and every convolution over
 * frequency is one call of it.
 *
 *     y[m][n] = activation(bias[n] + sum over t, k of a[m a_row + tap_offset[t] + k a_step] w[t depth + k][n] + residual[m][n])
 *
 * A convolution over frequency needs no copy, because channels lie innermost: the kernel_size * channels inputs of an
 * output band are contiguous, so rows simply overlap (a_row = stride * channels, depth = kernel_size * channels).
 * Kernels with holes (dilation, frames that lie apart) have one tap for each contiguous piece.
 *
 * The product runs in tiles of a few rows by a few vectors of columns whose sums stay in registers for the whole depth.
 * Sizes are constants at every call, so that the compiler unrolls each tile; sizes known only at run time work as
 * well, slowly. Not here: kernels that are sums per channel (undin_lanes.h) and recurrent cells (undin_recurrent.h).
 *
 * Read next: undin_recurrent.h, which keeps the gates of a cell in such a tile.
 */
#ifndef UNDIN_MATMUL_H
#define UNDIN_MATMUL_H

#include "undin_math.h"

enum { UNDIN_TAPS_MAX = 16 };

/* Sizes and strides, all counted in floats. */
typedef struct {
    int rows, columns, depth;
    int taps;                       /* 1 <= taps <= UNDIN_TAPS_MAX */
    int tap_offset[UNDIN_TAPS_MAX]; /* where the input of each tap begins, from a; may be negative */
    int a_row, a_step;              /* a_step = 1 unless a is read transposed */
    int w_row;                      /* at least columns; the rows of tap t begin at row t * depth */
    int y_row;
    int residual_row;
    int padded;                     /* 1: w, bias and slope may be read up to the next multiple of 4 columns */
    enum undin_activation activation;
    float alpha, beta;              /* of the activation */
    int add_after;                  /* 1: residual is added after the activation */
} undin_matmul_shape;

/* Sums that a tile keeps; the rest of the registers holds a row of w and one broadcast value of a. */
#if UNDIN_REGISTERS == 32
#define UNDIN_TILE_SUMS 24
#define UNDIN_TILE_VECTORS 6
#elif UNDIN_LANES > 1
#define UNDIN_TILE_SUMS 12
#define UNDIN_TILE_VECTORS 3
#else
#define UNDIN_TILE_SUMS 8
#define UNDIN_TILE_VECTORS 4
#endif
#define UNDIN_TILE_ROWS 12

#define UNDIN_DIVIDE_UP(a, b) (((a) + (b) - 1) / (b))
#define UNDIN_SMALLER(a, b) ((a) < (b) ? (a) : (b))

/* Sums in registers: rows x vectors, all of it `split` times. */
typedef struct {
    int rows, vectors;
    int lanes, last_lanes; /* of w that are read: in every vector but the last, and in the last */
    int row_sums, skip;    /* sums of a row (vectors + skip); the last vector of w adds to a sum `skip` further */
    int split;             /* few sums would wait for each other: even and odd k (or each k mod 4) have their own */
} undin_tile;

UNDIN_INLINE int undin_tile_split(int sums) {
#if UNDIN_LANES == 1
    return 1;
#elif UNDIN_REGISTERS == 32
    return sums <= 6 ? 4 : sums <= 8 ? 2 : 1;
#else
    return sums <= 3 ? 4 : sums <= 6 ? 2 : 1;
#endif
}

UNDIN_INLINE undin_vector undin_tile_load(const float *from, const undin_tile *tile, int j) {
    return undin_vector_load_first(from, j + 1 < tile->vectors ? tile->lanes : tile->last_lanes);
}

/* sum[i][j] += a[i] w[j]: one k; w_vector is the distance of the vectors of w. */
UNDIN_INLINE void undin_tile_multiply_add(undin_vector *sum, const undin_tile *tile, const float *a, int a_row,
                                          const float *w, int w_vector) {
    undin_vector w_k[UNDIN_TILE_SUMS];
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) w_k[j] = undin_tile_load(w + j * w_vector, tile, j);
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        const undin_vector a_i = undin_vector_of(a[i * a_row]);
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j + (j + 1 < tile->vectors ? 0 : tile->skip)] += a_i * w_k[j];
    }
}

/* sum[i][j] += sum over k of a[i a_row + k a_step] w[k w_row + j w_vector] */
UNDIN_INLINE void undin_tile_product(undin_vector *sum, const undin_tile *tile, const float *a, int a_row, int a_step,
                                     const float *w, int w_row, int w_vector, int depth) {
    const int sums = tile->rows * tile->row_sums;
    int k = 0;
    for (; k + tile->split <= depth; k += tile->split) {
        UNDIN_UNROLL for (int s = 0; s < tile->split; ++s)
            undin_tile_multiply_add(sum + s * sums, tile, a + s * a_step, a_row, w + s * w_row, w_vector);
        a += tile->split * a_step;
        w += tile->split * w_row;
    }
    for (; k < depth; ++k, a += a_step, w += w_row) undin_tile_multiply_add(sum, tile, a, a_row, w, w_vector);
}

/* Begin the sums other than the first of a split, and add them up in the end. */
UNDIN_INLINE void undin_tile_begin_split(undin_vector *sum, const undin_tile *tile) {
    const int sums = tile->rows * tile->row_sums;
    UNDIN_UNROLL for (int i = sums; i < tile->split * sums; ++i) sum[i] = undin_vector_of(0);
}
UNDIN_INLINE void undin_tile_end_split(undin_vector *sum, const undin_tile *tile) {
    const int sums = tile->rows * tile->row_sums;
    UNDIN_UNROLL for (int s = 1; s < tile->split; ++s) {
        UNDIN_UNROLL for (int i = 0; i < sums; ++i) sum[i] += sum[s * sums + i];
    }
}

/* One tile of the product: `rows` x `vectors` vectors of columns, the last of them `last` lanes wide. */
UNDIN_INLINE void undin_matmul_tile(float *y, const float *a, const float *w, const float *bias, const float *slope,
                                    const float *residual, const undin_matmul_shape *shape, int rows, int vectors,
                                    int last) {
    const undin_tile tile = {
        .rows = rows,
        .vectors = vectors,
        .lanes = UNDIN_LANES,
        .last_lanes = shape->padded ? UNDIN_SMALLER((last + 3) / 4 * 4, UNDIN_LANES) : last,
        .row_sums = vectors,
        .split = undin_tile_split(rows * vectors),
    };
    undin_vector sum[UNDIN_TILE_SUMS];
    UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
        const undin_vector start = bias ? undin_tile_load(bias + j * UNDIN_LANES, &tile, j) : undin_vector_of(0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) sum[i * vectors + j] = start;
    }
    undin_tile_begin_split(sum, &tile);
    for (int t = 0; t < shape->taps; ++t)
        undin_tile_product(sum, &tile, a + shape->tap_offset[t], shape->a_row, shape->a_step,
                           w + t * shape->depth * shape->w_row, shape->w_row, UNDIN_LANES, shape->depth);
    undin_tile_end_split(sum, &tile);

    UNDIN_UNROLL for (int j = 0; j < vectors; ++j) {
        const int column = j * UNDIN_LANES, lanes = j + 1 < vectors ? UNDIN_LANES : last;
        const undin_vector slope_j =
            shape->activation == UNDIN_PRELU ? undin_tile_load(slope + column, &tile, j) : undin_vector_of(0);
        UNDIN_UNROLL for (int i = 0; i < rows; ++i) {
            undin_vector x = sum[i * vectors + j], added = undin_vector_of(0);
            if (residual) added = undin_vector_load_first(residual + i * shape->residual_row + column, lanes);
            if (!shape->add_after) x += added;
            x = undin_vector_activate(x, shape->activation, shape->alpha, shape->beta, slope_j);
            if (shape->add_after) x += added;
            undin_vector_store_first(y + i * shape->y_row + column, x, lanes);
        }
    }
}

/* All rows of a few vectors of columns: blocks of equal height, and the rest a row lower. */
UNDIN_INLINE void undin_matmul_columns(float *y, const float *a, const float *w, const float *bias, const float *slope,
                                       const float *residual, const undin_matmul_shape *shape, int vectors, int last) {
    const int most = UNDIN_SMALLER(UNDIN_TILE_SUMS / vectors, UNDIN_TILE_ROWS);
    const int blocks = UNDIN_DIVIDE_UP(shape->rows, most);
    const int tall = UNDIN_DIVIDE_UP(shape->rows, blocks);
    const int tall_rows = (blocks - (tall * blocks - shape->rows)) * tall;
    int m = 0;
    for (; m < tall_rows; m += tall)
        undin_matmul_tile(y + m * shape->y_row, a + m * shape->a_row, w, bias, slope,
                          residual ? residual + m * shape->residual_row : residual, shape, tall, vectors, last);
    for (; m < shape->rows; m += tall - 1)
        undin_matmul_tile(y + m * shape->y_row, a + m * shape->a_row, w, bias, slope,
                          residual ? residual + m * shape->residual_row : residual, shape, tall - 1, vectors, last);
}

/* y (rows, columns) = activation(bias (columns) + a (rows, taps * depth) w (taps * depth, columns) + residual (rows, columns))
 *
 * bias, slope (columns) and residual may be NULL. y may be the residual itself, and must overlap nothing else. */
UNDIN_INLINE void undin_matmul(float *y, const float *a, const float *w, const float *bias, const float *slope,
                               const float *residual, const undin_matmul_shape *shape) {
    const int vectors = UNDIN_DIVIDE_UP(shape->columns, UNDIN_LANES);
    const int chunks = UNDIN_DIVIDE_UP(vectors, UNDIN_TILE_VECTORS);
    const int wide = UNDIN_DIVIDE_UP(vectors, chunks);
    const int rest = vectors - (chunks - 1) * wide;
    const int last = shape->columns - (vectors - 1) * UNDIN_LANES;
    int n = 0;
    for (int chunk = 0; chunk + 1 < chunks; ++chunk, n += wide * UNDIN_LANES)
        undin_matmul_columns(y + n, a, w + n, bias ? bias + n : 0, slope ? slope + n : 0, residual ? residual + n : 0,
                             shape, wide, UNDIN_LANES);
    undin_matmul_columns(y + n, a, w + n, bias ? bias + n : 0, slope ? slope + n : 0, residual ? residual + n : 0, shape,
                         rest, last);
}

#endif
