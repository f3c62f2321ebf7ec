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

#include "undin_math.h"

/* Contiguous pieces of the input of one output, at most. */
enum { UNDIN_TAPS_MAX = 32 };

/* Sums that a tile keeps; the rest of the registers holds a row of w and one broadcast value of a. */
#if UNDIN_REGISTERS == 32
#define UNDIN_TILE_SUMS 24
#define UNDIN_TILE_VECTORS 6
#define UNDIN_TILE_ROWS 12
#elif UNDIN_LANES > 1
#define UNDIN_TILE_SUMS 12
#define UNDIN_TILE_VECTORS 2
#define UNDIN_TILE_ROWS 12
#else
#define UNDIN_TILE_SUMS 16
#define UNDIN_TILE_VECTORS 4
#define UNDIN_TILE_ROWS 8
#endif

/* What the tiles of a chunk of columns read of w, at most, where there is a choice: with their rows it stays in a first
   cache of 32 kB. */
#define UNDIN_TILE_BYTES 24576

#define UNDIN_DIVIDE_UP(a, b) (((a) + (b) - 1) / (b))
#define UNDIN_SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define UNDIN_LARGER(a, b) ((a) > (b) ? (a) : (b))
#define UNDIN_PADDED(columns) (((columns) + 3) / 4 * 4)

/* Floats of a row of weights: a multiple of 4, and of 8 where that is little more. Loads that cross from one line of the
   cache to the next cost twice, and fill the first cache with lines that are half used. */
#define UNDIN_ROW_PADDED(columns) ((columns) < 32 ? UNDIN_PADDED(columns) : ((columns) + 7) / 8 * 8)

/* Widest tile of a product of some depth, in vectors. Few rows make one tile high, so that w is read once: it is as wide
   as registers allow. With more rows all tiles of a chunk of columns read the same part of w: it is narrow enough to
   stay in the first cache. An odd number of vectors is parted into threes, since a single one loads too often. */
UNDIN_INLINE int undin_tile_widest(int rows, int vectors, int depth) {
#if UNDIN_LANES == 1
    (void)rows, (void)vectors, (void)depth;
    return UNDIN_TILE_VECTORS;
#else
    const int cached = UNDIN_TILE_BYTES / (4 * UNDIN_LANES * UNDIN_LARGER(depth, 1));
    if (rows == 1) return UNDIN_TILE_SUMS;
    if (rows == 2) return UNDIN_TILE_SUMS / 3;
    if (rows <= UNDIN_TILE_SUMS / 2) return UNDIN_SMALLER(UNDIN_TILE_SUMS / 4, UNDIN_TILE_SUMS / rows);
    return UNDIN_LARGER(2, UNDIN_SMALLER(UNDIN_TILE_VECTORS + (UNDIN_TILE_VECTORS == 2 && vectors % 2), cached));
#endif
}

/* How `vectors` are parted into chunks of one width, at most `widest`, and a last one, the rest: without vectors, where
   tiles are fixed, a rest of single columns. */
UNDIN_INLINE int undin_chunk_vectors(int vectors, int widest) {
    return UNDIN_LANES == 1 ? widest : UNDIN_DIVIDE_UP(vectors, UNDIN_DIVIDE_UP(vectors, widest));
}
UNDIN_INLINE int undin_wide_vectors(int vectors, int wide) {
    return (UNDIN_LANES == 1 ? vectors : vectors - 1) / wide * wide;
}
UNDIN_INLINE int undin_rest_vectors(int vectors, int wide) {
    return UNDIN_LANES == 1 ? 1 : vectors - undin_wide_vectors(vectors, wide);
}

/* Height of the tiles that cover `rows` of `row_sums` sums each: one that divides them if there is a good one, because
   each height makes another copy of the code; else the first tiles are this high and the others a row lower. */
UNDIN_INLINE int undin_tile_height(int rows, int row_sums) {
    const int most = UNDIN_SMALLER(UNDIN_TILE_SUMS / row_sums, UNDIN_TILE_ROWS);
#if UNDIN_LANES == 1
    (void)rows;
    return most;
#else
    /* Fewer sums than two adders of four or five steps have in work would wait; with 32 registers 8 can be split. */
    const int fewest = UNDIN_REGISTERS == 32 ? 8 : 10;
#define UNDIN_TRY_HEIGHT(h) if (h <= most && h * row_sums >= fewest && rows % h == 0) return h;
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

/* Run a statement for every tile of rows, which begins at row `m` and is `height` rows high, a constant: `highest` or a
   row lower. */
#if UNDIN_LANES == 1
#define UNDIN_LOWER(height) 1
#else
#define UNDIN_LOWER(height) ((height)-1)
#endif
#define UNDIN_FOR_ROWS(rows, highest, m, height, statement)                                  \
    do {                                                                                     \
        const int undin_high = (highest);                                                    \
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

/* Run a statement for every chunk of columns, which begins at column `n` and is `vectors` vectors wide, at most
   `widest`, the last of them `last` lanes: constants. All chunks have the same width but the last. */
#define UNDIN_FOR_CHUNKS(columns, widest, n, vectors, last, statement)                                     \
    do {                                                                                                   \
        const int undin_all = UNDIN_DIVIDE_UP(columns, UNDIN_LANES);                                       \
        const int undin_wide = undin_chunk_vectors(undin_all, widest);                                     \
        const int undin_rest = undin_rest_vectors(undin_all, undin_wide);                                  \
        const int undin_wide_columns = undin_wide_vectors(undin_all, undin_wide) * UNDIN_LANES;            \
        for (int n = 0; n < undin_wide_columns; n += undin_wide * UNDIN_LANES) {                           \
            const int vectors = undin_wide, last = UNDIN_LANES;                                            \
            statement;                                                                                     \
        }                                                                                                  \
        for (int n = undin_wide_columns; n < (columns); n += undin_rest * UNDIN_LANES) {                   \
            const int vectors = undin_rest, last = (columns) - (undin_all - 1) * UNDIN_LANES;              \
            statement;                                                                                     \
        }                                                                                                  \
    } while (0)

/* Depth of products that are written out. */
#define UNDIN_SHORT_DEPTH 5

/* Sums in registers: rows x vectors, all of it `split` times. */
typedef struct {
    int rows, vectors;
    int width, last_lanes; /* vectors lie in groups of `width` neighbours, the last of which reads `last_lanes` of w */
    int row_sums;          /* sums of a row */
    int split;             /* few sums would wait for each other: even and odd k (or each k mod 4) have their own */
} undin_tile;

UNDIN_INLINE int undin_tile_split(int sums) {
#if UNDIN_LANES == 1 || defined(UNDIN_REPRODUCIBLE) /* one order of summation on all processors */
    (void)sums;
    return 1;
#elif UNDIN_REGISTERS == 32
    return sums <= 6 ? 4 : sums <= 8 ? 2 : 1;
#else
    return sums <= 3 ? 4 : sums <= 6 ? 2 : 1;
#endif
}

/* Vector j of a row of w (or of bias), whose groups lie `group` floats apart. */
UNDIN_INLINE undin_vector undin_tile_load(const float *from, int group, const undin_tile *tile, int j) {
    const int in_group = j % tile->width;
    return undin_vector_load_first(from + j / tile->width * group + in_group * UNDIN_LANES,
                                   in_group + 1 < tile->width ? UNDIN_LANES : tile->last_lanes);
}

/* sum[i][j] += a[i] w[j]: one k. */
UNDIN_INLINE void undin_tile_multiply_add(undin_vector *sum, const undin_tile *tile, const float *a, int a_row,
                                          const float *w, int group) {
    undin_vector w_k[UNDIN_TILE_SUMS];
    UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j) w_k[j] = undin_tile_load(w, group, tile, j);
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        const undin_vector a_i = undin_vector_of(a[i * a_row]);
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j] += a_i * w_k[j];
    }
}

#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && !defined(UNDIN_REPRODUCIBLE)
#define UNDIN_TILE_IN_FOURS
/* sum[i][j] += sum over k of a[i a_row + k] w[k w_row + j] for four rows and four columns; strides in bytes. Two k are 42
   instructions, of which compilers make 62. r1, r6, r7, r8: rows of a, s0 to s15: sums, s16 to s23: two k of each row,
   s24 to s31: two rows of w. */
#define UNDIN_TILE_ROW(s0, s1, s2, s3, a, w0, w1, w2, w3)                                \
    "vfma.f32 s" #s0 ", s" #a ", s" #w0 "\n\t" "vfma.f32 s" #s1 ", s" #a ", s" #w1 "\n\t" \
    "vfma.f32 s" #s2 ", s" #a ", s" #w2 "\n\t" "vfma.f32 s" #s3 ", s" #a ", s" #w3 "\n\t"
#define UNDIN_TILE_EVEN                                                                                  \
    UNDIN_TILE_ROW(0, 1, 2, 3, 16, 24, 25, 26, 27) UNDIN_TILE_ROW(4, 5, 6, 7, 18, 24, 25, 26, 27)         \
    UNDIN_TILE_ROW(8, 9, 10, 11, 20, 24, 25, 26, 27) UNDIN_TILE_ROW(12, 13, 14, 15, 22, 24, 25, 26, 27)
#define UNDIN_TILE_ODD                                                                                   \
    UNDIN_TILE_ROW(0, 1, 2, 3, 17, 28, 29, 30, 31) UNDIN_TILE_ROW(4, 5, 6, 7, 19, 28, 29, 30, 31)         \
    UNDIN_TILE_ROW(8, 9, 10, 11, 21, 28, 29, 30, 31) UNDIN_TILE_ROW(12, 13, 14, 15, 23, 28, 29, 30, 31)
__attribute__((naked, noinline, unused)) static void undin_tile_fours(float *sum, const float *a, int a_row,
                                                                      const float *w, int w_row, int depth) {
    __asm__("push {r4-r8, lr}\n\t"
            "vpush {d8-d15}\n\t"
            "ldrd r4, r5, [sp, #88]\n\t"
            "add r6, r1, r2\n\t"
            "add r7, r6, r2\n\t"
            "add r8, r7, r2\n\t"
            "vldmia r0, {s0-s15}\n\t"
            "subs r5, r5, #2\n\t"
            "blt 2f\n\t"
            "1:\n\t"
            "vldmia r1!, {s16-s17}\n\t"
            "vldmia r6!, {s18-s19}\n\t"
            "vldmia r7!, {s20-s21}\n\t"
            "vldmia r8!, {s22-s23}\n\t"
            "vldmia r3, {s24-s27}\n\t"
            "add r3, r3, r4\n\t"
            "vldmia r3, {s28-s31}\n\t"
            "add r3, r3, r4\n\t" UNDIN_TILE_EVEN UNDIN_TILE_ODD
            "subs r5, r5, #2\n\t"
            "bge 1b\n\t"
            "2:\n\t"
            "adds r5, r5, #2\n\t"
            "beq 3f\n\t"
            "vldr s16, [r1]\n\t"
            "vldr s18, [r6]\n\t"
            "vldr s20, [r7]\n\t"
            "vldr s22, [r8]\n\t"
            "vldmia r3, {s24-s27}\n\t" UNDIN_TILE_EVEN
            "3:\n\t"
            "vstmia r0, {s0-s15}\n\t"
            "vpop {d8-d15}\n\t"
            "pop {r4-r8, pc}");
}
#endif

/* sum[i][j] += sum over k of a[i a_row + k a_step] w[k w_row][j] */
UNDIN_INLINE void undin_tile_product(undin_vector *sum, const undin_tile *tile, const float *a, int a_row, int a_step,
                                     const float *w, int w_row, int group, int depth) {
    const int sums = tile->rows * tile->row_sums;
    int k = 0;
#if defined(UNDIN_TILE_IN_FOURS)
    if (tile->rows == 4 && tile->vectors == 4 && tile->width == 4 && a_step == 1) {
        undin_tile_fours(sum, a, 4 * a_row, w, 4 * w_row, depth);
        return;
    }
#endif
#if UNDIN_LANES > 1 && !defined(UNDIN_RUN_TIME_SIZES)
    if (tile->split == 1 && depth <= UNDIN_SHORT_DEPTH) { /* a loop would take longer to end than to run */
        UNDIN_UNROLL for (; k < depth; ++k, a += a_step) {
            UNDIN_OPAQUE(a); /* neighbours that overlap are not kept for the next k */
            undin_tile_multiply_add(sum, tile, a, a_row, w + k * w_row, group);
        }
        return;
    }
#endif
    for (; k + tile->split <= depth; k += tile->split) {
        UNDIN_UNROLL for (int s = 0; s < tile->split; ++s)
            undin_tile_multiply_add(sum + s * sums, tile, a + s * a_step, a_row, w + s * w_row, group);
        a += tile->split * a_step;
        w += tile->split * w_row;
    }
    for (; k < depth; ++k, a += a_step, w += w_row) undin_tile_multiply_add(sum, tile, a, a_row, w, group);
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

/* sum[i][first to first + count] = activation(...) for all rows. */
UNDIN_INLINE void undin_tile_activate(undin_vector *sum, const undin_tile *tile, int first, int count,
                                      enum undin_activation activation, float alpha, float beta) {
    if (activation == UNDIN_IDENTITY) return;
    /* A function of its own takes no registers from the sums; one or two vectors would mostly wait for the call. */
    if (undin_is_transcendental(activation) && (UNDIN_LANES == 1 || tile->rows * count > 2)) {
        float memory[UNDIN_TILE_SUMS * UNDIN_LANES] __attribute__((aligned(4 * UNDIN_LANES)));
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
            UNDIN_UNROLL for (int j = 0; j < count; ++j)
                undin_vector_store(memory + (i * count + j) * UNDIN_LANES, sum[i * tile->row_sums + first + j]);
        }
        undin_activate_vectors(memory, tile->rows * count, activation, alpha, beta);
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
            UNDIN_UNROLL for (int j = 0; j < count; ++j)
                sum[i * tile->row_sums + first + j] = undin_vector_load(memory + (i * count + j) * UNDIN_LANES);
        }
    } else {
        const float numbers[2] = {alpha, beta}, *number = numbers;
        /* A line of slope 1 above one of `alpha` needs no zero to compare with. */
        const int is_leaky = activation == UNDIN_LEAKY_RELU || activation == UNDIN_BOUNDED_RELU;
        const int is_steeper = is_leaky && 0 <= alpha && alpha <= 1;
        UNDIN_OPAQUE(number); /* or they would take registers from the sums for the whole depth */
        UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
            UNDIN_UNROLL for (int j = 0; j < count; ++j) {
                undin_vector *x = &sum[i * tile->row_sums + first + j];
                if (is_steeper) *x = undin_vector_max(*x, *x * number[0]);
                if (is_steeper && activation == UNDIN_BOUNDED_RELU)
                    *x = undin_vector_max(*x, undin_vector_of(number[1]));
                if (activation == UNDIN_RELU) /* nearly all, and without vectors the other is a call for each number */
                    *x = undin_vector_max(*x, undin_vector_of(0));
                else if (!is_steeper)
                    *x = undin_vector_activate(*x, activation, number[0], number[1]);
            }
        }
    }
}

/* sum += added; `last` lanes of the last vector. */
UNDIN_INLINE void undin_tile_add(undin_vector *sum, const undin_tile *tile, int last, const float *added,
                                 int added_row) {
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            sum[i * tile->row_sums + j] += undin_vector_load_first(added + i * added_row + j * UNDIN_LANES,
                                                                   j + 1 < tile->vectors ? UNDIN_LANES : last);
    }
}

/* Sums of a product become its result: what is added, then the activation. */
UNDIN_INLINE void undin_tile_finish(undin_vector *sum, const undin_tile *tile, int last, const float *residual,
                                    int residual_row, enum undin_activation activation, float alpha, float beta) {
    if (residual) undin_tile_add(sum, tile, last, residual, residual_row);
    undin_tile_activate(sum, tile, 0, tile->vectors, activation, alpha, beta);
}

/* Write the sums; `last` lanes of the last vector. */
UNDIN_INLINE void undin_tile_store(float *y, int y_row, const undin_vector *sum, const undin_tile *tile, int last) {
    UNDIN_UNROLL for (int i = 0; i < tile->rows; ++i) {
        UNDIN_UNROLL for (int j = 0; j < tile->vectors; ++j)
            undin_vector_store_first(y + i * y_row + j * UNDIN_LANES, sum[i * tile->row_sums + j],
                                     j + 1 < tile->vectors ? UNDIN_LANES : last);
    }
}

/* A tile of neighbouring vectors, the last of them `last` lanes wide; padded: its weights may be read further. */
UNDIN_INLINE undin_tile undin_plain_tile(int rows, int vectors, int last, int padded) {
    const undin_tile tile = {.rows = rows,
                             .vectors = vectors,
                             .width = vectors,
                             .last_lanes = padded ? UNDIN_SMALLER(UNDIN_PADDED(last), UNDIN_LANES) : last,
                             .row_sums = vectors,
                             .split = undin_tile_split(rows * vectors)};
    return tile;
}

#endif
