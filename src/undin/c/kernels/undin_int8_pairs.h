/* undin_int8_pairs.h: products of bytes on processors that multiply two 16-bit integers by two, in plain registers: the
 * Cortex-M with SMLAD.
 *
 * There the work is to make 16-bit integers of bytes, not to multiply. So weights of a block of columns are unpacked
 * once, into memory, for all rows, and a pair of rows once, for all columns of a block; zero points are taken away on
 * the way. What remains of four products for each of two rows and two columns is 12 instructions: 3 that load, 8 that
 * multiply and half of what ends the loop. Sizes are known at run time: all calls share the same code.
 *
 * A group of four bytes becomes two words: bytes 0 and 2, then bytes 1 and 3. Rows lie as a[group][row][2]; a pair of
 * columns as w[group][column][2], then the scales of both and what is added to both.
 *
 * Integers that have 16 bits already, two of which are a group of four bytes there, are copied to the same places.
 *
 * Read next: undin_int8_matmul.h.
 */
#ifndef UNDIN_INT8_PAIRS_H
#define UNDIN_INT8_PAIRS_H

#include "undin_integer.h"

/* Defined by tests that run this where another way is faster. */
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && !defined(UNDIN_HAS_HELIUM) && !defined(UNDIN_IN_PAIRS)
#define UNDIN_IN_PAIRS
#endif

/* Words of a block of weights, groups of a row and columns of a block that fit, and rows from which on it pays. */
enum { UNDIN_PAIR_WORDS = 1080, UNDIN_PAIR_GROUPS = 40, UNDIN_PAIR_COLUMNS = 64, UNDIN_PAIR_ROWS_MIN = 3 };

/* Of a pair of columns: both scales, and twice what is added to both, once for each row. */
enum { UNDIN_PAIR_CONSTANTS = 6 };

/* Memory of a block, on the stack. */
typedef struct {
    uint32_t weights[UNDIN_PAIR_WORDS];
    uint32_t rows[4 * UNDIN_PAIR_GROUPS];
} __attribute__((aligned(8))) undin_pair_block;

/* Words of a pair of columns. */
UNDIN_INLINE int undin_pair_words(int groups) { return 4 * groups + UNDIN_PAIR_CONSTANTS; }

/* Whether `words` for a pair of columns, or one of each gate, fit, and it pays for so many rows of so many groups. */
UNDIN_INLINE int undin_fits_pairs(int rows, int groups, int words) {
#if defined(UNDIN_IN_PAIRS)
    return rows >= UNDIN_PAIR_ROWS_MIN && groups <= UNDIN_PAIR_GROUPS && words <= UNDIN_PAIR_WORDS;
#else
    (void)rows, (void)groups, (void)words;
    return 0;
#endif
}

/* Columns of a block for each of some gates, an even number. */
UNDIN_INLINE int undin_pair_columns(int words, int gates) {
    const int fit = UNDIN_PAIR_WORDS / words * 2, most = UNDIN_PAIR_COLUMNS / gates / 2 * 2;
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

/* sum + a0 b0 + a1 b1 of two pairs. */
UNDIN_INLINE int32_t undin_pair_product(int32_t a, uint32_t b, int32_t sum) {
#if UNDIN_LANES == 1
    return undin_add_products_of_pairs(sum, a, (int32_t)b);
#else
    (void)a, (void)b;
    return sum;
#endif
}

/* The same number twice. */
UNDIN_INLINE uint32_t undin_pair_of(int number) { return (uint32_t)number << 16 | (uint16_t)number; }

/* Groups of two rows, or of two columns beside each other whose groups lie `row` bytes apart, from `to` to `end`, which
   is another place: four bytes, plus what is added to both, or 16-bit integers as they are, of which two are four bytes. */
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)
#define UNDIN_UNPACK_FUNCTION(name, type, loads)                                                                   \
    __attribute__((naked, noinline, unused)) static void name(uint32_t *to, uint32_t *end, const int8_t *from,     \
                                                              type, uint32_t first, uint32_t second) {             \
        __asm__("push {r4-r11, lr}\n\t"                                                                            \
                "ldrd r8, r9, [sp, #36]\n\t"                                                                       \
                "1:\n\t" loads                                                                                     \
                "stmia r0!, {r6, r7, r10, r11}\n\t"                                                                \
                "cmp r0, r1\n\t"                                                                                   \
                "bne 1b\n\t"                                                                                       \
                "pop {r4-r11, pc}");                                                                               \
    }
#define UNDIN_UNPACK_BOTH            \
    "sxtab16 r6, r8, r4\n\t"         \
    "sxtab16 r7, r8, r4, ror #8\n\t" \
    "sxtab16 r10, r9, r5\n\t"        \
    "sxtab16 r11, r9, r5, ror #8\n\t"
UNDIN_UNPACK_FUNCTION(undin_unpack_two_rows, const int8_t *from_second,
                      "ldr r4, [r2], #4\n\t" "ldr r5, [r3], #4\n\t" UNDIN_UNPACK_BOTH)
UNDIN_UNPACK_FUNCTION(undin_unpack_two_columns, int row, "ldrd r4, r5, [r2]\n\t" "add r2, r2, r3\n\t" UNDIN_UNPACK_BOTH)
UNDIN_UNPACK_FUNCTION(undin_copy_two_rows, const int8_t *from_second,
                      "ldr r6, [r2], #4\n\t" "ldr r7, [r2], #4\n\t" "ldr r10, [r3], #4\n\t" "ldr r11, [r3], #4\n\t")
#else
UNDIN_OUTLINED void undin_unpack_two_rows(uint32_t *to, uint32_t *end, const int8_t *from, const int8_t *from_second,
                                          uint32_t first, uint32_t second) {
    for (; to != end; from += 4, from_second += 4, to += 4) {
        const uint32_t bytes = (uint32_t)undin_four_bytes(from, 4), others = (uint32_t)undin_four_bytes(from_second, 4);
        to[0] = undin_even_pair(bytes, first);
        to[1] = undin_odd_pair(bytes, first);
        to[2] = undin_even_pair(others, second);
        to[3] = undin_odd_pair(others, second);
    }
}
UNDIN_OUTLINED void undin_unpack_two_columns(uint32_t *to, uint32_t *end, const int8_t *from, int row, uint32_t first,
                                             uint32_t second) {
    for (; to != end; from += row, to += 4) undin_unpack_two_rows(to, to + 4, from, from + 4, first, second);
}
UNDIN_OUTLINED void undin_copy_two_rows(uint32_t *to, uint32_t *end, const int8_t *from, const int8_t *from_second,
                                        uint32_t first, uint32_t second) {
    (void)first, (void)second;
    for (; to != end; from += 8, from_second += 8, to += 4) {
        __builtin_memcpy(to, from, 8);
        __builtin_memcpy(to + 2, from_second, 8);
    }
}
#endif

/* The last group of a row, the first `count` of four bytes, 1 to 3, of `depth` in all. */
UNDIN_INLINE uint32_t undin_last_bytes(const int8_t *a, int count, int depth) {
    if (depth > 4) return (uint32_t)undin_four_bytes(a + count - 4, 4) >> (32 - 8 * count);
    uint32_t bytes = 0;
    for (int k = count - 1; k >= 0; --k) bytes = bytes << 8 | (uint8_t)a[k];
    return bytes;
}

/* The last group of two rows of bytes, of which `rest` are there; the others become 0. */
UNDIN_OUTLINED void undin_unpack_rest(uint32_t *to, const int8_t *a, const int8_t *second, int rest, int depth,
                                      uint32_t added) {
    const uint32_t even = rest > 2 ? 0xffffffff : 0xffff, odd = rest > 1 ? 0xffff : 0;
    const uint32_t bytes = undin_last_bytes(a, rest, depth), of_second = undin_last_bytes(second, rest, depth);
    to[0] = undin_even_pair(bytes, added) & even;
    to[1] = undin_odd_pair(bytes, added) & odd;
    to[2] = undin_even_pair(of_second, added) & even;
    to[3] = undin_odd_pair(of_second, added) & odd;
}

/* Unpack `depth` bytes of two rows; what is missing of their last group is 0. */
UNDIN_INLINE void undin_unpack_rows(uint32_t *to, const int8_t *a, const int8_t *second, int depth, int zero_point) {
    const uint32_t added = undin_pair_of(-zero_point);
    const int rest = depth & 3, whole = depth - rest;
    if (whole) undin_unpack_two_rows(to, to + whole, a, second, added, added);
    if (rest) undin_unpack_rest(to + whole, a + whole, second + whole, rest, depth, added);
}

/* The same of integers of 16 bits. */
UNDIN_INLINE void undin_copy_rows(uint32_t *to, const int8_t *a, const int8_t *second, int depth) {
    const int rest = depth & 7, whole = depth - rest;
    if (whole) undin_copy_two_rows(to, to + whole / 2, a, second, 0, 0);
    if (rest) {
        to += whole / 2, a += whole, second += whole;
        to[0] = (uint32_t)undin_four_bytes(a, rest == 2 ? 2 : 4);
        to[1] = rest == 6 ? (uint32_t)undin_four_bytes(a + 4, 2) : 0;
        to[2] = (uint32_t)undin_four_bytes(second, rest == 2 ? 2 : 4);
        to[3] = rest == 6 ? (uint32_t)undin_four_bytes(second + 4, 2) : 0;
    }
}

/* Where weights lie: `row` bytes from group to group, columns beside each other. scale and bias are those of the first
   column; zero, the zero point of each column, and bias may be NULL. */
typedef struct {
    const int8_t *w;
    int row, groups;
    const int32_t *zero;
    const float *scale, *bias;
} undin_pair_weights;

UNDIN_INLINE uint32_t *undin_pair_constants(uint32_t *to, const undin_pair_weights *from, int n) {
    const float first = from->bias ? from->bias[n] : 0, second = from->bias ? from->bias[n + 1] : 0;
    const float constants[UNDIN_PAIR_CONSTANTS] = {from->scale[n], from->scale[n + 1], first, second, first, second};
    __builtin_memcpy(to, constants, sizeof constants);
    return to + UNDIN_PAIR_CONSTANTS;
}

/* Unpack a pair of columns, and return where the next one may begin; `taps` times the groups, one after the other in
   memory. */
UNDIN_OUTLINED uint32_t *undin_unpack_weights(uint32_t *to, const undin_pair_weights *from, int n, int taps) {
    const uint32_t first = from->zero ? undin_pair_of(-from->zero[n]) : 0;
    const uint32_t second = from->zero ? undin_pair_of(-from->zero[n + 1]) : 0;
    uint32_t *const end = to + 4 * from->groups * taps;
    undin_unpack_two_columns(to, end, from->w + 4 * n, from->row, first, second);
    return undin_pair_constants(end, from, n);
}

/* The same of integers of 16 bits: of each tap two groups become one. */
UNDIN_OUTLINED uint32_t *undin_copy_weights(uint32_t *to, const undin_pair_weights *from, int n, int taps) {
    const int8_t *w = from->w + 4 * n;
    for (; taps; --taps)
        for (int k = 0; k < from->groups; k += 2, to += 4, w += 2 * from->row) {
            const int is_last = k + 1 == from->groups;
            to[0] = (uint32_t)undin_four_bytes(w, 4);
            to[2] = (uint32_t)undin_four_bytes(w + 4, 4);
            to[1] = is_last ? 0 : (uint32_t)undin_four_bytes(w + from->row, 4);
            to[3] = is_last ? 0 : (uint32_t)undin_four_bytes(w + from->row + 4, 4);
            if (is_last) w -= from->row;
        }
    return undin_pair_constants(to, from, n);
}

/* y[row][n] = bias[n] + scale[n] sum[row][n] for two rows and `pairs` pairs of columns; `y_row` bytes from one row to the
   other, 0 where they are the same. undin_pair_products_relu lets nothing be below 0. */
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)
/* r0: y, r1: w, r2: a, r3: its end, r4 to r7: sums, r8 to r11: weights, r12 and lr: bytes of a row. VMLA
   rounds twice, as a product and a sum do. */
#define UNDIN_PAIR_LOADS "ldrd r12, lr, [r2], #8\n\t" "ldmia r1!, {r8-r11}\n\t"
#define UNDIN_PAIR_FIRST             \
    UNDIN_PAIR_LOADS                 \
    "smuad r4, r12, r8\n\t"          \
    "smuad r5, r12, r10\n\t"         \
    "smlad r4, lr, r9, r4\n\t"       \
    "smlad r5, lr, r11, r5\n\t"      \
    "ldrd r12, lr, [r2], #8\n\t"     \
    "smuad r6, r12, r8\n\t"          \
    "smuad r7, r12, r10\n\t"         \
    "smlad r6, lr, r9, r6\n\t"       \
    "smlad r7, lr, r11, r7\n\t"
#define UNDIN_PAIR_GROUP             \
    UNDIN_PAIR_LOADS                 \
    "smlad r4, r12, r8, r4\n\t"      \
    "smlad r5, r12, r10, r5\n\t"     \
    "smlad r4, lr, r9, r4\n\t"       \
    "smlad r5, lr, r11, r5\n\t"      \
    "ldrd r12, lr, [r2], #8\n\t"     \
    "smlad r6, r12, r8, r6\n\t"      \
    "smlad r7, r12, r10, r7\n\t"     \
    "smlad r6, lr, r9, r6\n\t"       \
    "smlad r7, lr, r11, r7\n\t"
#if defined(__ARM_FEATURE_NUMERIC_MAXMIN)
#define UNDIN_PAIR_CLAMP             \
    "vmaxnm.f32 s6, s6, s10\n\t"      \
    "vmaxnm.f32 s7, s7, s10\n\t"      \
    "vmaxnm.f32 s8, s8, s10\n\t"      \
    "vmaxnm.f32 s9, s9, s10\n\t"
#else /* what is negative loses all bits */
#define UNDIN_PAIR_CLAMP             \
    "vmov r4, r5, s6, s7\n\t"        \
    "vmov r6, r7, s8, s9\n\t"        \
    "bic r4, r4, r4, asr #31\n\t"    \
    "bic r5, r5, r5, asr #31\n\t"    \
    "bic r6, r6, r6, asr #31\n\t"    \
    "bic r7, r7, r7, asr #31\n\t"    \
    "vmov s6, s7, r4, r5\n\t"        \
    "vmov s8, s9, r6, r7\n\t"
#endif
#define UNDIN_PAIR_FUNCTION(name, clamp)                                                                             \
    __attribute__((naked, noinline, unused)) static void name(float *y, const uint32_t *w, const uint32_t *a,        \
                                                              int groups, int pairs, int y_row) {                    \
        __asm__("push {r2, r4-r11, lr}\n\t"                                                                          \
                "sub sp, #8\n\t"                                                                                     \
                "movs r4, #0\n\t"                                                                                   \
                "vmov s10, r4\n\t"                                                                                  \
                "lsls r4, r3, #31\n\t"                                                                               \
                "add r3, r2, r3, lsl #4\n\t"                                                                         \
                "ldr r4, [sp, #48]\n\t"                                                                              \
                "add r4, r0, r4, lsl #3\n\t"                                                                         \
                "adr r5, 1f\n\t"                                                                                     \
                "adr r6, 2f\n\t"                                                                                     \
                "it ne\n\t"                                                                                          \
                "movne r5, r6\n\t"                                                                                   \
                "add r5, #1\n\t"                                                                                     \
                "strd r4, r5, [sp]\n\t" /* where y ends; where sums begin, by the parity of groups */                \
                "0:\n\t"                                                                                             \
                "ldr r2, [sp, #8]\n\t"                                                                               \
                "ldr pc, [sp, #4]\n\t"                                                                               \
                ".balign 4\n\t"                                                                                      \
                "1:\n\t" UNDIN_PAIR_FIRST                                                                            \
                "b 4f\n\t"                                                                                           \
                ".balign 4\n\t"                                                                                      \
                "2:\n\t" UNDIN_PAIR_FIRST                                                                            \
                "cmp r2, r3\n\t"                                                                                     \
                "beq 5f\n\t"                                                                                         \
                "3:\n\t" UNDIN_PAIR_GROUP                                                                            \
                "4:\n\t" UNDIN_PAIR_GROUP                                                                            \
                "cmp r2, r3\n\t"                                                                                     \
                "bne 3b\n\t"                                                                                         \
                "5:\n\t"                                                                                             \
                "vldmia r1!, {s4-s9}\n\t"                                                                            \
                "vmov s0, s1, r4, r5\n\t"                                                                            \
                "vmov s2, s3, r6, r7\n\t"                                                                            \
                "vcvt.f32.s32 s0, s0\n\t"                                                                            \
                "vcvt.f32.s32 s1, s1\n\t"                                                                            \
                "vcvt.f32.s32 s2, s2\n\t"                                                                            \
                "vcvt.f32.s32 s3, s3\n\t"                                                                            \
                "vmla.f32 s6, s0, s4\n\t"                                                                            \
                "vmla.f32 s7, s1, s5\n\t"                                                                            \
                "vmla.f32 s8, s2, s4\n\t"                                                                            \
                "vmla.f32 s9, s3, s5\n\t" clamp                                                                      \
                "ldr r12, [sp, #52]\n\t"                                                                             \
                "add r12, r0, r12\n\t"                                                                               \
                "vstmia r0!, {s6, s7}\n\t"                                                                           \
                "vstmia r12, {s8, s9}\n\t"                                                                           \
                "ldr r12, [sp]\n\t"                                                                                  \
                "cmp r0, r12\n\t"                                                                                    \
                "bne 0b\n\t"                                                                                         \
                "add sp, #8\n\t"                                                                                     \
                "pop {r2, r4-r11, pc}");                                                                             \
    }
UNDIN_PAIR_FUNCTION(undin_pair_products, "")
UNDIN_PAIR_FUNCTION(undin_pair_products_relu, UNDIN_PAIR_CLAMP)
#else
UNDIN_OUTLINED void undin_pair_products(float *y, const uint32_t *w, const uint32_t *a, int groups, int pairs,
                                        int y_row) {
    for (; pairs; --pairs, y += 2) {
        int32_t sum[2][2] = {{0, 0}, {0, 0}};
        float constants[UNDIN_PAIR_CONSTANTS];
        for (int k = 0; k < groups; ++k, w += 4)
            for (int i = 0; i < 8; ++i)
                sum[i / 4][i / 2 % 2] = undin_pair_product((int32_t)a[4 * k + i / 4 * 2 + i % 2], w[i % 4],
                                                           sum[i / 4][i / 2 % 2]);
        __builtin_memcpy(constants, w, sizeof constants);
        w += UNDIN_PAIR_CONSTANTS;
        for (int i = 0; i < 4; ++i)
            y[i / 2 * (y_row / 4) + i % 2] = (float)sum[i / 2][i % 2] * constants[i % 2] + constants[2 + i];
    }
}
UNDIN_OUTLINED void undin_pair_products_relu(float *y, const uint32_t *w, const uint32_t *a, int groups, int pairs,
                                             int y_row) {
    undin_pair_products(y, w, a, groups, pairs, y_row);
    for (int i = 0; i < 4 * pairs; ++i) {
        float *const at = y + i % 2 * (y_row / 4) + i / 2;
        *at = *at < 0 ? 0 : *at;
    }
}
#endif

/* y = x + added, fours of numbers; undin_add_fours_relu lets nothing be below 0. */
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)
#define UNDIN_ADD_FUNCTION(name, clamp)                                                                            \
    __attribute__((naked, noinline, unused)) static void name(float *y, const float *x, const float *added,        \
                                                              int fours) {                                         \
        __asm__("push {r4-r7}\n\t"                                                                                 \
                "movs r4, #0\n\t"                                                                                  \
                "vmov s10, r4\n\t"                                                                                 \
                "1:\n\t"                                                                                           \
                "vldmia r1!, {s6-s9}\n\t"                                                                          \
                "vldmia r2!, {s2-s5}\n\t"                                                                          \
                "vadd.f32 s6, s6, s2\n\t"                                                                          \
                "vadd.f32 s7, s7, s3\n\t"                                                                          \
                "vadd.f32 s8, s8, s4\n\t"                                                                          \
                "vadd.f32 s9, s9, s5\n\t" clamp                                                                    \
                "vstmia r0!, {s6-s9}\n\t"                                                                          \
                "subs r3, r3, #1\n\t"                                                                              \
                "bne 1b\n\t"                                                                                       \
                "pop {r4-r7}\n\t"                                                                                  \
                "bx lr");                                                                                          \
    }
UNDIN_ADD_FUNCTION(undin_add_fours, "")
UNDIN_ADD_FUNCTION(undin_add_fours_relu, UNDIN_PAIR_CLAMP)
#endif

/* What mixing of one channel wants beside y, x, w and a scale: strides in bytes, those of w from one row to the next and
   from one group of four to the next; fours of rows; where x ends. */
typedef struct {
    const float *bias;
    int bias_row, y_row, row, group, fours;
    const uint32_t *x_end;
} undin_pair_mix;

/* y[n] = bias[n] + scale sum[n] for fours of rows, of x (groups, 2), unpacked, and weights that are not. */
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)
/* r0: w, r1, r2: one row and three, r3: group, r4 to r7: sums, r8: x, r9: its end, r10 and r11: x, r12 and lr: weights */
#define UNDIN_PAIR_MIX_ROW(sum, at)              \
    "ldr r12, [r0" at "]\n\t"                    \
    "sxtb16 lr, r12\n\t"                         \
    "sxtb16 r12, r12, ror #8\n\t"                \
    "smlad " sum ", r10, lr, " sum "\n\t"        \
    "smlad " sum ", r11, r12, " sum "\n\t"
#define UNDIN_PAIR_MIX_FUNCTION(name, clamp)                                                                       \
    __attribute__((naked, noinline, unused)) static void name(float *y, const uint32_t *x, const int8_t *w,        \
                                                              const undin_pair_mix *mix, float scale) {            \
        __asm__("push {r0-r2, r4-r11, lr}\n\t" /* y, x and w stay on the stack, */                                  \
                "ldmia r3, {r4-r10}\n\t"                                                                           \
                "push {r4-r6, r9}\n\t" /* below them what is of fours: bias, its stride, that of y, how many */     \
                "vmov.f32 s11, s0\n\t"                                                                             \
                "movs r4, #0\n\t"                                                                                  \
                "vmov s10, r4\n\t"                                                                                 \
                "mov r1, r7\n\t"                                                                                   \
                "add r2, r7, r7, lsl #1\n\t"                                                                       \
                "mov r3, r8\n\t"                                                                                   \
                "mov r9, r10\n\t"                                                                                  \
                "1:\n\t"                                                                                           \
                "ldrd r8, r0, [sp, #20]\n\t"                                                                       \
                "mov r4, #0\n\t"                                                                                   \
                "mov r5, #0\n\t"                                                                                   \
                "mov r6, #0\n\t"                                                                                   \
                "mov r7, #0\n\t"                                                                                   \
                "2:\n\t"                                                                                           \
                "ldrd r10, r11, [r8], #8\n\t"                                                                      \
                UNDIN_PAIR_MIX_ROW("r4", "") UNDIN_PAIR_MIX_ROW("r5", ", r1")                                      \
                UNDIN_PAIR_MIX_ROW("r6", ", r1, lsl #1") UNDIN_PAIR_MIX_ROW("r7", ", r2")                          \
                "add r0, r0, r3\n\t"                                                                               \
                "cmp r8, r9\n\t"                                                                                   \
                "bne 2b\n\t"                                                                                       \
                "ldrd r10, r11, [sp]\n\t"                                                                          \
                "vmov s0, s1, r4, r5\n\t"                                                                          \
                "vmov s2, s3, r6, r7\n\t"                                                                          \
                "vldr s6, [r10]\n\t"                                                                               \
                "add r10, r10, r11\n\t"                                                                            \
                "vldr s7, [r10]\n\t"                                                                               \
                "add r10, r10, r11\n\t"                                                                            \
                "vldr s8, [r10]\n\t"                                                                               \
                "add r10, r10, r11\n\t"                                                                            \
                "vldr s9, [r10]\n\t"                                                                               \
                "add r10, r10, r11\n\t"                                                                            \
                "str r10, [sp]\n\t"                                                                                \
                "vcvt.f32.s32 s0, s0\n\t"                                                                          \
                "vcvt.f32.s32 s1, s1\n\t"                                                                          \
                "vcvt.f32.s32 s2, s2\n\t"                                                                          \
                "vcvt.f32.s32 s3, s3\n\t"                                                                          \
                "vmla.f32 s6, s0, s11\n\t"                                                                         \
                "vmla.f32 s7, s1, s11\n\t"                                                                         \
                "vmla.f32 s8, s2, s11\n\t"                                                                         \
                "vmla.f32 s9, s3, s11\n\t" clamp                                                                   \
                "ldrd r10, r11, [sp, #8]\n\t"                                                                      \
                "ldr r12, [sp, #16]\n\t"                                                                           \
                "vstr s6, [r12]\n\t"                                                                               \
                "add r12, r12, r10\n\t"                                                                            \
                "vstr s7, [r12]\n\t"                                                                               \
                "add r12, r12, r10\n\t"                                                                            \
                "vstr s8, [r12]\n\t"                                                                               \
                "add r12, r12, r10\n\t"                                                                            \
                "vstr s9, [r12]\n\t"                                                                               \
                "add r12, r12, r10\n\t"                                                                            \
                "str r12, [sp, #16]\n\t"                                                                           \
                "ldr r12, [sp, #24]\n\t"                                                                           \
                "add r12, r12, r1, lsl #2\n\t"                                                                     \
                "str r12, [sp, #24]\n\t"                                                                           \
                "subs r11, r11, #1\n\t"                                                                            \
                "str r11, [sp, #12]\n\t"                                                                           \
                "bne 1b\n\t"                                                                                       \
                "add sp, #28\n\t"                                                                                  \
                "pop {r4-r11, pc}");                                                                               \
    }
UNDIN_PAIR_MIX_FUNCTION(undin_pair_mix_plain, "")
UNDIN_PAIR_MIX_FUNCTION(undin_pair_mix_relu, UNDIN_PAIR_CLAMP)
#else
UNDIN_OUTLINED void undin_pair_mix_plain(float *y, const uint32_t *x, const int8_t *w, const undin_pair_mix *mix,
                                         float scale) {
    for (int n = 0; n < 4 * mix->fours; ++n, w += mix->row) {
        int32_t sum = 0;
        for (int k = 0; x + 2 * k != mix->x_end; ++k) {
            const uint32_t bytes = (uint32_t)undin_four_bytes(w + k * mix->group, 4);
            sum = undin_pair_product((int32_t)x[2 * k], undin_even_pair(bytes, 0), sum);
            sum = undin_pair_product((int32_t)x[2 * k + 1], undin_odd_pair(bytes, 0), sum);
        }
        y[n * (mix->y_row / 4)] = (float)sum * scale + mix->bias[n * (mix->bias_row / 4)];
    }
}
UNDIN_OUTLINED void undin_pair_mix_relu(float *y, const uint32_t *x, const int8_t *w, const undin_pair_mix *mix,
                                        float scale) {
    undin_pair_mix_plain(y, x, w, mix, scale);
    for (int n = 0; n < 4 * mix->fours; ++n, y += mix->y_row / 4) *y = *y < 0 ? 0 : *y;
}
#endif

#endif
