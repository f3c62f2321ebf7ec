/* undin_tile.h: sums of products in registers, the inner loop of every dense kernel.
 *
 * A tile is a few rows by a few vectors of columns. Its sums stay in registers for the whole depth, so that each value
 * of a and of w that is loaded serves many multiplications. `rows`, `vectors` and all else in undin_tile must be
 * constants where a tile is used, or its arrays would not become registers (the result is right nevertheless).
 *
 * Read next: undin_matmul.h.
 */
#ifndef UNDIN_TILE_H
#define UNDIN_TILE_H

#include "undin_vector.h"

/* Contiguous pieces of the input of one output, at most. */
enum { UNDIN_TAPS_MAX = 32 };

/* Sums that a tile keeps; the rest of the registers holds a row of w and one broadcast value of a. */
#if UNDIN_REGISTERS == 32
#define UNDIN_TILE_SUMS 24
#define UNDIN_TILE_VECTORS 6
#define UNDIN_TILE_ROWS 12
#elif UNDIN_LANES > 1
#define UNDIN_TILE_SUMS 12
#define UNDIN_TILE_VECTORS 3
#define UNDIN_TILE_ROWS 12
#else
#define UNDIN_TILE_SUMS 8
#define UNDIN_TILE_VECTORS 4
#define UNDIN_TILE_ROWS 8
#endif

#define UNDIN_DIVIDE_UP(a, b) (((a) + (b) - 1) / (b))
#define UNDIN_SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define UNDIN_PADDED(columns) (((columns) + 3) / 4 * 4)

/* Height of the tiles that cover `rows`, at most `most`: one that divides them if there is a good one, because every
   other height makes another copy of the code; else the first tiles are this high and the others a row lower. */
UNDIN_INLINE int undin_tile_height(int rows, int most) {
#if UNDIN_LANES == 1
    (void)rows;
    return most;
#else
#define UNDIN_TRY_HEIGHT(h) if (h <= most && 2 * h > most && rows % h == 0) return h;
    UNDIN_TRY_HEIGHT(12) UNDIN_TRY_HEIGHT(11) UNDIN_TRY_HEIGHT(10) UNDIN_TRY_HEIGHT(9)
    UNDIN_TRY_HEIGHT(8) UNDIN_TRY_HEIGHT(7) UNDIN_TRY_HEIGHT(6) UNDIN_TRY_HEIGHT(5)
    UNDIN_TRY_HEIGHT(4) UNDIN_TRY_HEIGHT(3) UNDIN_TRY_HEIGHT(2) UNDIN_TRY_HEIGHT(1)
#undef UNDIN_TRY_HEIGHT
    return UNDIN_DIVIDE_UP(rows, UNDIN_DIVIDE_UP(rows, most));
#endif
}

/* Rows that are covered by tiles of full height. */
UNDIN_INLINE int undin_tile_high_rows(int rows, int height) {
#if UNDIN_LANES == 1
    return rows / height * height;
#else
    const int tiles = UNDIN_DIVIDE_UP(rows, height);
    return (tiles - (tiles * height - rows)) * height;
#endif
}

/* Run a statement for every tile of rows, which begins at row `m` and is `height` rows high, a constant. */
#if UNDIN_LANES == 1
#define UNDIN_LOWER(height) 1
#else
#define UNDIN_LOWER(height) ((height)-1)
#endif
#define UNDIN_FOR_ROWS(rows, most, m, height, statement)                                     \
    do {                                                                                     \
        const int undin_high = undin_tile_height(rows, most);                                \
        const int undin_high_rows = undin_tile_high_rows(rows, undin_high);                  \
        for (int m = 0; m < undin_high_rows; m += undin_high) {                              \
            const int height = undin_high;                                                   \
            statement;                                                                       \
        }                                                                                    \
        for (int m = undin_high_rows; m < (rows); m += UNDIN_LOWER(undin_high)) {            \
            const int height = UNDIN_LOWER(undin_high);                                      \
            statement;                                                                       \
        }                                                                                    \
    } while (0)

/* Run a statement for every vector of columns, which begins at column `n` and is `lanes` wide, a constant. */
#define UNDIN_FOR_COLUMNS(columns, n, lanes, statement)                                      \
    do {                                                                                     \
        for (int n = 0; n + UNDIN_LANES <= (columns); n += UNDIN_LANES) {                    \
            const int lanes = UNDIN_LANES;                                                   \
            statement;                                                                       \
        }                                                                                    \
        if ((columns) % UNDIN_LANES != 0) {                                                  \
            const int n = (columns) / UNDIN_LANES * UNDIN_LANES, lanes = (columns) % UNDIN_LANES; \
            statement;                                                                       \
        }                                                                                    \
    } while (0)

/* Sums in registers: rows x vectors, all of it `split` times. */
typedef struct {
    int rows, vectors;
    int lanes, last_lanes; /* of w that are read: in every vector but the last, and in the last */
    int row_sums, skip;    /* sums of a row (vectors + skip); the last vector of w adds to a sum `skip` further */
    int split;             /* few sums would wait for each other: even and odd k (or each k mod 4) have their own */
} undin_tile;

UNDIN_INLINE int undin_tile_split(int sums) {
#if UNDIN_LANES == 1
    (void)sums;
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

#endif
