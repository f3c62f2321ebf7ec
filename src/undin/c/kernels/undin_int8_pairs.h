/* undin_int8_pairs.h: products of bytes on processors that multiply two 16-bit integers by two, in plain registers: the
 * Cortex-M with SMLAD.
 *
 * There the work is to make 16-bit integers of bytes, not to multiply. So weights of a block of columns are unpacked
 * once, into memory, for all rows, and a pair of rows once, for all columns of a block; zero points are taken away on
 * the way. What remains of four products for each of two rows and two columns is 13 instructions: 3 that load, 8 that
 * multiply and 2 that end the loop. Sizes are known at run time: all calls share the same code.
 *
 * A group of four bytes becomes two words: bytes 0 and 2, then bytes 1 and 3. Unpacked weights lie as w[column / 2]
 * [group][column % 2][2], unpacked rows as a[group][row][2].
 *
 * Read next: undin_int8_matmul.h.
 */
#ifndef UNDIN_INT8_PAIRS_H
#define UNDIN_INT8_PAIRS_H

#include "undin_integer.h"

/* Defined by tests that run this where another way is faster. */
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && !defined(UNDIN_IN_PAIRS)
#define UNDIN_IN_PAIRS
#endif

/* Words of a block of weights, groups of a row and columns of a block that fit, and rows from which on it pays. */
enum { UNDIN_PAIR_WORDS = 704, UNDIN_PAIR_GROUPS = 40, UNDIN_PAIR_COLUMNS = 64, UNDIN_PAIR_ROWS_MIN = 3 };

/* Memory of a block, on the stack. */
typedef struct {
    uint32_t weights[UNDIN_PAIR_WORDS];
    uint32_t rows[4 * UNDIN_PAIR_GROUPS];
    int32_t sum[2 * UNDIN_PAIR_COLUMNS];
} __attribute__((aligned(8))) undin_pair_block;

/* Whether two columns of `gates` of so many groups fit, and it pays for so many rows. */
UNDIN_INLINE int undin_fits_pairs(int rows, int groups, int gates) {
#if defined(UNDIN_IN_PAIRS)
    return rows >= UNDIN_PAIR_ROWS_MIN && groups <= UNDIN_PAIR_GROUPS && gates * groups * 4 <= UNDIN_PAIR_WORDS;
#else
    (void)rows, (void)groups, (void)gates;
    return 0;
#endif
}

/* Columns of a block for each gate, an even number. */
UNDIN_INLINE int undin_pair_columns(int groups, int gates) {
    const int fit = UNDIN_PAIR_WORDS / (gates * groups * 4) * 2, most = UNDIN_PAIR_COLUMNS / gates / 2 * 2;
    return fit < most ? fit : most;
}

/* Bytes 0 and 2, and bytes 1 and 3, plus the two 16-bit integers of `added`. */
UNDIN_INLINE uint32_t undin_even_pair(uint32_t bytes, uint32_t added) {
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32)
    return (uint32_t)__sxtab16(added, bytes);
#else
    return (uint16_t)((int8_t)bytes + (int)added) | (uint32_t)((int8_t)(bytes >> 16) + (int)(added >> 16)) << 16;
#endif
}
UNDIN_INLINE uint32_t undin_odd_pair(uint32_t bytes, uint32_t added) {
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32)
    uint32_t pair;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(pair) : "r"(added), "r"(bytes));
    return pair;
#else
    return undin_even_pair(bytes >> 8, added);
#endif
}

/* The same number twice. */
UNDIN_INLINE uint32_t undin_pair_of(int number) { return (uint32_t)number << 16 | (uint16_t)number; }

/* The last group of a row, of whose four bytes `count` exist; those that are missing become 0. */
UNDIN_INLINE void undin_unpack_last(uint32_t *to, const int8_t *a, int count, uint32_t added) {
    uint32_t bytes = (uint8_t)a[0];
    if (count > 1) bytes |= (uint32_t)(uint8_t)a[1] << 8;
    if (count > 2) bytes |= (uint32_t)(uint8_t)a[2] << 16;
    to[0] = undin_even_pair(bytes, added) & (count > 2 ? 0xffffffff : 0xffff);
    to[1] = undin_odd_pair(bytes, added) & (count > 1 ? 0xffff : 0);
}

/* Unpack `depth` bytes of two rows; what is missing of their last group is 0. */
UNDIN_OUTLINED void undin_unpack_rows(uint32_t *to, const int8_t *a, const int8_t *second, int depth, int zero_point) {
    const uint32_t added = undin_pair_of(-zero_point);
    for (const int8_t *const end = a + depth / 4 * 4; a != end; a += 4, second += 4, to += 4) {
        const uint32_t bytes = (uint32_t)undin_four_bytes(a, 4), of_second = (uint32_t)undin_four_bytes(second, 4);
        to[0] = undin_even_pair(bytes, added);
        to[1] = undin_odd_pair(bytes, added);
        to[2] = undin_even_pair(of_second, added);
        to[3] = undin_odd_pair(of_second, added);
    }
    if (depth % 4) {
        undin_unpack_last(to, a, depth % 4, added);
        undin_unpack_last(to + 2, second, depth % 4, added);
    }
}

/* Unpack `pairs` pairs of columns; `row` bytes from group to group, `to_pair` words from pair to pair. zero, that of each
   column, may be NULL. */
UNDIN_OUTLINED void undin_unpack_weights(uint32_t *to, int to_pair, const int8_t *w, int row, const int32_t *zero,
                                         int groups, int pairs) {
    for (int n = 0; n < pairs; ++n, w += 8) {
        const uint32_t first = zero ? undin_pair_of(-zero[2 * n]) : 0;
        const uint32_t second = zero ? undin_pair_of(-zero[2 * n + 1]) : 0;
        const int8_t *from = w;
        uint32_t *at = to + n * to_pair;
        for (uint32_t *const end = at + 4 * groups; at != end; at += 4, from += row) {
            const uint32_t bytes = (uint32_t)undin_four_bytes(from, 4);
            const uint32_t of_second = (uint32_t)undin_four_bytes(from + 4, 4);
            at[0] = undin_even_pair(bytes, first);
            at[1] = undin_odd_pair(bytes, first);
            at[2] = undin_even_pair(of_second, second);
            at[3] = undin_odd_pair(of_second, second);
        }
    }
}

UNDIN_INLINE int32_t undin_pair_product(uint32_t a, uint32_t b) {
    return (int16_t)a * (int16_t)b + (int16_t)(a >> 16) * (int16_t)(b >> 16);
}

/* sum[n / 2][row][n % 2] of `pairs` pairs of columns n; a (groups, 2, 2), w (pairs, groups, 2, 2). */
UNDIN_OUTLINED void undin_pair_products(int32_t *sum, const uint32_t *a, const uint32_t *w, int groups, int pairs) {
    const uint32_t *const end = a + 4 * groups;
    const int32_t *const sum_end = sum + 4 * pairs;
    do {
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        const uint32_t *at = a;
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32)
        uint32_t even, odd;
        register uint32_t w0 __asm__("r4"), w1 __asm__("r5"), w2 __asm__("r8"), w3 __asm__("r9");
        __asm__("1: ldrd %[even], %[odd], [%[at]], #8\n\t"
                "ldmia %[w]!, {%[w0], %[w1], %[w2], %[w3]}\n\t"
                "smlad %[s0], %[even], %[w0], %[s0]\n\t"
                "smlad %[s1], %[even], %[w2], %[s1]\n\t"
                "smlad %[s0], %[odd], %[w1], %[s0]\n\t"
                "smlad %[s1], %[odd], %[w3], %[s1]\n\t"
                "ldrd %[even], %[odd], [%[at]], #8\n\t"
                "smlad %[s2], %[even], %[w0], %[s2]\n\t"
                "smlad %[s3], %[even], %[w2], %[s3]\n\t"
                "smlad %[s2], %[odd], %[w1], %[s2]\n\t"
                "smlad %[s3], %[odd], %[w3], %[s3]\n\t"
                "cmp %[at], %[end]\n\t"
                "bne 1b"
                : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [even] "=&r"(even), [odd] "=&r"(odd),
                  [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3), [at] "+r"(at), [w] "+r"(w)
                : [end] "r"(end)
                : "cc", "memory");
#else
        for (; at != end; at += 4, w += 4)
            for (int half = 0; half < 2; ++half) {
                s0 += undin_pair_product(at[half], w[half]);
                s1 += undin_pair_product(at[half], w[2 + half]);
                s2 += undin_pair_product(at[2 + half], w[half]);
                s3 += undin_pair_product(at[2 + half], w[2 + half]);
            }
#endif
        sum[0] = s0, sum[1] = s1, sum[2] = s2, sum[3] = s3;
        sum += 4;
    } while (sum != sum_end);
}

#endif
