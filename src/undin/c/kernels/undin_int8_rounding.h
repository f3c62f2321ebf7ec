/* undin_int8_rounding.h: rows of floats become bytes, or integers of 16 bits, before they meet weights.
 *
 * Read next: undin_int8_matmul.h.
 */
#ifndef UNDIN_INT8_ROUNDING_H
#define UNDIN_INT8_ROUNDING_H

#include "undin_int8_helium.h"

/* Rows of floats to be quantized: q = clamp(round(x / scale) + zero_point). Each column may have a scale of its own. */
typedef struct {
    int rows, columns;
    int x_row, y_row;
    float inverse_scale; /* of all columns, where they have none of their own */
    int zero_point;
} undin_quantize_shape;

#if defined(UNDIN_ON_HELIUM)
/* Run a statement for four columns at once: of `scaled`, those of x that exist, times their scales or `scale`. Whether
   there are scales is asked outside the loop, so that it becomes one of those that count by themselves. */
#define UNDIN_HELIUM_FOR_ROW(columns, x, inverse_scale, scale, left, exist, scaled, ...)          \
    do {                                                                                          \
        const float *from = (x), *scales = (inverse_scale);                                       \
        if (scales) {                                                                             \
            for (int left = (columns); left > 0; left -= 4, from += 4, scales += 4) {             \
                const mve_pred16_t exist = vctp32q((uint32_t)left);                               \
                const float32x4_t scaled =                                                        \
                    vmulq_f32(vldrwq_z_f32(from, exist), vldrwq_z_f32(scales, exist));            \
                __VA_ARGS__;                                                                      \
            }                                                                                     \
        } else {                                                                                  \
            for (int left = (columns); left > 0; left -= 4, from += 4) {                          \
                const mve_pred16_t exist = vctp32q((uint32_t)left);                               \
                const float32x4_t scaled = vmulq_n_f32(vldrwq_z_f32(from, exist), scale);         \
                __VA_ARGS__;                                                                      \
            }                                                                                     \
        }                                                                                         \
    } while (0)

UNDIN_OUTLINED void undin_helium_round_bytes(int8_t *y, const float *x, const float *inverse_scale,
                                             const undin_quantize_shape *shape) {
    const float scale = shape->inverse_scale;
    const int columns = shape->columns, x_row = shape->x_row, y_row = shape->y_row, zero_point = shape->zero_point;
    for (int m = shape->rows; m > 0; --m, x += x_row, y += y_row) {
        int8_t *to = y;
        UNDIN_HELIUM_FOR_ROW(columns, x, inverse_scale, scale, left, exist, scaled, {
            vstrbq_p_s32(to, undin_helium_byte(scaled, zero_point), exist);
            to += 4;
        });
    }
}

UNDIN_OUTLINED void undin_helium_round_words(int16_t *y, const float *x, const float *inverse_scale,
                                             const undin_quantize_shape *shape) {
    const float scale = shape->inverse_scale;
    const int columns = shape->columns, x_row = shape->x_row, y_row = shape->y_row;
    for (int m = shape->rows; m > 0; --m, x += x_row, y += y_row) {
        int16_t *to = y;
        UNDIN_HELIUM_FOR_ROW(columns, x, inverse_scale, scale, left, exist, scaled, {
            vstrhq_p_s32(to, undin_helium_rounded(scaled, 0), exist);
            to += 4;
        });
    }
}

UNDIN_OUTLINED void undin_helium_round_groups(int8_t *y, const float *x, const float *inverse_scale,
                                              const undin_quantize_shape *shape) {
    const float scale = shape->inverse_scale;
    const int zero_point = shape->zero_point;
    for (int k = 0; k < shape->rows; k += 4, x += 4 * shape->x_row, y += 4 * shape->columns)
        for (int n = 0; n < shape->columns; n += 4) {
            const mve_pred16_t exist = vctp32q((uint32_t)(shape->columns - n));
            int32x4_t of_row[4];
            UNDIN_UNROLL for (int i = 0; i < 4; ++i) {
                const float32x4_t floats = vldrwq_z_f32(x + (k + i < shape->rows ? i : 0) * shape->x_row + n, exist);
                of_row[i] = undin_helium_byte(
                    inverse_scale ? vmulq_f32(floats, vldrwq_z_f32(inverse_scale + n, exist)) : vmulq_n_f32(floats, scale),
                    zero_point);
            }
            const int32x4_t half = vsliq_n_s32(vsliq_n_s32(of_row[0], of_row[1], 8), of_row[2], 16);
            vstrwq_p_s32((int32_t *)(void *)(y + 4 * n), vsliq_n_s32(half, of_row[3], 24), exist);
        }
}
#endif

#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FP) && defined(__thumb2__) && \
    !defined(UNDIN_ON_HELIUM)
#define UNDIN_ROUND_FOURS
/* Rows of 4 `fours` floats, one behind the other, as undin_rounded; from four scales to the next are `step` bytes.
   r0: y, r1: x, r2: scales, r3: fours that are left, r4 to r7: integers, r8: zero point, r9: rows, r10: step, r11 and
   r12: what r2 and r3 begin a row with. */
#define UNDIN_ROUND_FUNCTION(name, store)                                                                           \
    __attribute__((naked, noinline, unused)) static void name(void *y, const float *x, const float *scales,         \
                                                              int fours, int zero_point, int rows, int step) {      \
        __asm__("push {r4-r11, lr}\n\t"                                                                             \
                "ldrd r8, r9, [sp, #36]\n\t"                                                                        \
                "ldr r10, [sp, #44]\n\t"                                                                            \
                "mov r11, r2\n\t"                                                                                   \
                "mov r12, r3\n\t"                                                                                   \
                "1:\n\t"                                                                                            \
                "mov r2, r11\n\t"                                                                                   \
                "mov r3, r12\n\t"                                                                                   \
                "2:\n\t"                                                                                            \
                "vldmia r1!, {s0-s3}\n\t"                                                                           \
                "vldmia r2, {s4-s7}\n\t"                                                                            \
                "add r2, r2, r10\n\t"                                                                               \
                "vmul.f32 s0, s0, s4\n\t"                                                                           \
                "vmul.f32 s1, s1, s5\n\t"                                                                           \
                "vmul.f32 s2, s2, s6\n\t"                                                                           \
                "vmul.f32 s3, s3, s7\n\t"                                                                           \
                "vcvtr.s32.f32 s0, s0\n\t"                                                                          \
                "vcvtr.s32.f32 s1, s1\n\t"                                                                          \
                "vcvtr.s32.f32 s2, s2\n\t"                                                                          \
                "vcvtr.s32.f32 s3, s3\n\t"                                                                          \
                "vmov r4, r5, s0, s1\n\t"                                                                           \
                "vmov r6, r7, s2, s3\n\t" store                                                                     \
                "subs r3, r3, #1\n\t"                                                                               \
                "bne 2b\n\t"                                                                                        \
                "subs r9, r9, #1\n\t"                                                                               \
                "bne 1b\n\t"                                                                                        \
                "pop {r4-r11, pc}");                                                                                \
    }
#define UNDIN_ROUND_EACH(instruction) \
    instruction(4) instruction(5) instruction(6) instruction(7)
#define UNDIN_ROUND_ADD(n) "qadd r" #n ", r" #n ", r8\n\t"
#define UNDIN_ROUND_BYTE(n) "ssat r" #n ", #8, r" #n "\n\t"
#define UNDIN_ROUND_UNSIGNED(n) "usat r" #n ", #8, r" #n "\n\t"
#define UNDIN_ROUND_WORD(n) "ssat r" #n ", #16, r" #n "\n\t"
#define UNDIN_ROUND_PACK "bfi r4, r5, #8, #8\n\t" "bfi r4, r6, #16, #8\n\t" "bfi r4, r7, #24, #8\n\t"
UNDIN_ROUND_FUNCTION(undin_round_bytes, UNDIN_ROUND_EACH(UNDIN_ROUND_ADD) UNDIN_ROUND_EACH(UNDIN_ROUND_BYTE)
                     UNDIN_ROUND_PACK "str r4, [r0], #4\n\t")
UNDIN_ROUND_FUNCTION(undin_round_bytes_around_zero, UNDIN_ROUND_EACH(UNDIN_ROUND_BYTE)
                     UNDIN_ROUND_PACK "str r4, [r0], #4\n\t")
/* A zero point of -128. */
UNDIN_ROUND_FUNCTION(undin_round_bytes_from_least, UNDIN_ROUND_EACH(UNDIN_ROUND_UNSIGNED)
                     UNDIN_ROUND_PACK "eor r4, r4, #0x80808080\n\t" "str r4, [r0], #4\n\t")
UNDIN_ROUND_FUNCTION(undin_round_words, UNDIN_ROUND_EACH(UNDIN_ROUND_WORD)
                     "pkhbt r4, r4, r5, lsl #16\n\t" "pkhbt r6, r6, r7, lsl #16\n\t"
                     "str r4, [r0], #4\n\t" "str r6, [r0], #4\n\t")
enum { UNDIN_ROUND_SCALES = 64 };
typedef void (*undin_round_fours)(void *y, const float *x, const float *scales, int fours, int zero_point, int rows,
                                  int step);

/* All columns but the last, less than four; `bytes` of an integer. Returns how many that were. Rows one behind the other
   become longer ones, such that none is left. */
UNDIN_OUTLINED int undin_round_most(int8_t *y, const float *x, const float *inverse_scale,
                                    const undin_quantize_shape *shape, undin_round_fours round, int bytes) {
    const int columns = shape->columns, together = columns % 4 == 0 ? 1 : columns % 2 == 0 ? 2 : 4;
    const int step = inverse_scale ? 16 : 0, is_dense = shape->x_row == columns && shape->y_row == columns;
    float scales[UNDIN_ROUND_SCALES];
    if (!inverse_scale)
        for (int n = 0; n < 4; ++n) scales[n] = shape->inverse_scale;
    if (is_dense && shape->rows % together == 0 && together * columns <= UNDIN_ROUND_SCALES) {
        if (inverse_scale && together > 1)
            for (int n = 0; n < together * columns; ++n) scales[n] = inverse_scale[n % columns];
        round(y, x, inverse_scale && together == 1 ? inverse_scale : scales, together * columns / 4, shape->zero_point,
              shape->rows / together, step);
        return columns;
    }
    if (columns >= 4)
        for (int m = 0; m < shape->rows; ++m, x += shape->x_row, y += bytes * shape->y_row)
            round(y, x, inverse_scale ? inverse_scale : scales, columns / 4, shape->zero_point, 1, step);
    return columns / 4 * 4;
}
#endif

/* Run a statement for every vector of `columns`, which begins at column n; `lanes` of it exist, a constant. */
#define UNDIN_FOR_VECTORS(columns, n, lanes, ...)                                  \
    do {                                                                           \
        int n = 0;                                                                 \
        for (; n + UNDIN_LANES <= (columns); n += UNDIN_LANES) {                   \
            const int lanes = UNDIN_LANES;                                         \
            __VA_ARGS__;                                                           \
        }                                                                          \
        const int lanes = (columns) % UNDIN_LANES;                                 \
        if (lanes) {                                                               \
            __VA_ARGS__;                                                           \
        }                                                                          \
    } while (0)

/* Bytes in [-128, 127], UNDIN_BYTE_OFFSET higher, of the `lanes` floats from column n on. */
UNDIN_INLINE undin_integers undin_quantized_bytes(const float *x, const float *inverse_scale, int n,
                                                  const undin_quantize_shape *shape, int lanes) {
    const undin_vector scaling = inverse_scale ? undin_vector_load_first(inverse_scale + n, lanes)
                                               : undin_vector_of(shape->inverse_scale);
    return undin_rounded(undin_vector_load_first(x + n, lanes) * scaling, shape->zero_point, 8) + UNDIN_BYTE_OFFSET;
}

/* One copy of each where the loops are written out: nothing is won by constant sizes. */
#if defined(UNDIN_ROUND_FOURS) || defined(UNDIN_ON_HELIUM)
#define UNDIN_ROUNDING_KERNEL UNDIN_OUTLINED
#else
#define UNDIN_ROUNDING_KERNEL UNDIN_INT8_KERNEL
#endif

/* y (rows, columns) of bytes as above; x (rows, columns), inverse_scale (columns) or NULL. */
UNDIN_ROUNDING_KERNEL void undin_quantize_bytes(int8_t *y, const float *x, const float *inverse_scale,
                                                const undin_quantize_shape *shape) {
#if defined(UNDIN_ON_HELIUM)
    undin_helium_round_bytes(y, x, inverse_scale, shape);
#elif defined(UNDIN_ROUND_FOURS)
    const int zero_point = shape->zero_point;
    const undin_round_fours round = zero_point == -128 ? undin_round_bytes_from_least
                                    : zero_point       ? undin_round_bytes
                                                       : undin_round_bytes_around_zero;
    const int done = undin_round_most(y, x, inverse_scale, shape, round, 1);
    for (int m = 0; m < shape->rows && done < shape->columns; ++m, x += shape->x_row, y += shape->y_row)
        for (int n = done; n < shape->columns; ++n)
            y[n] = (int8_t)undin_quantized_bytes(x, inverse_scale, n, shape, 1);
#else
    for (int m = 0; m < shape->rows; ++m, x += shape->x_row, y += shape->y_row)
        UNDIN_FOR_VECTORS(shape->columns, n, lanes,
            undin_bytes_store_first(y + n, undin_quantized_bytes(x, inverse_scale, n, shape, lanes), lanes));
#endif
}

/* The same as integers of 16 bits, without a zero point. */
UNDIN_ROUNDING_KERNEL void undin_quantize_words(int16_t *y, const float *x, const float *inverse_scale,
                                                const undin_quantize_shape *shape) {
#if defined(UNDIN_ON_HELIUM)
    undin_helium_round_words(y, x, inverse_scale, shape);
#elif defined(UNDIN_ROUND_FOURS)
    const int done = undin_round_most((int8_t *)y, x, inverse_scale, shape, undin_round_words, 2);
    for (int m = 0; m < shape->rows && done < shape->columns; ++m, x += shape->x_row, y += shape->y_row)
        for (int n = done; n < shape->columns; ++n)
            y[n] = (int16_t)undin_rounded(x[n] * (inverse_scale ? inverse_scale[n] : shape->inverse_scale), 0, 16);
#else
    for (int m = 0; m < shape->rows; ++m, x += shape->x_row, y += shape->y_row)
        UNDIN_FOR_VECTORS(shape->columns, n, lanes, {
            const undin_vector scaling = inverse_scale ? undin_vector_load_first(inverse_scale + n, lanes)
                                                       : undin_vector_of(shape->inverse_scale);
            const undin_vector scaled = undin_vector_load_first(x + n, lanes) * scaling;
            undin_words_store_first(y + n, undin_rounded(scaled, 0, 16), lanes);
        });
#endif
}

/* Four rows of x become one of y: y[k / 4][n][k % 4] = x[k][n] as bytes; what is made of rows that x lacks meets weights
   of 0. */
UNDIN_ROUNDING_KERNEL void undin_quantize_groups(int8_t *y, const float *x, const float *inverse_scale,
                                                 const undin_quantize_shape *shape) {
#if defined(UNDIN_ON_HELIUM)
    undin_helium_round_groups(y, x, inverse_scale, shape);
#else
    for (int k = 0; k < shape->rows; k += 4, y += 4 * shape->columns)
        UNDIN_FOR_VECTORS(shape->columns, n, lanes, {
            undin_vector_bits group = undin_vector_to_bits(undin_vector_of(0));
            UNDIN_UNROLL for (int i = 0; i < 4; ++i) {
                const int row = k + i < shape->rows ? k + i : k;
                const undin_integers bytes =
                    undin_quantized_bytes(x + row * shape->x_row, inverse_scale, n, shape, lanes);
                group |= ((undin_vector_bits)bytes & 255) << 8 * i;
            }
            undin_vector_store_first((float *)(void *)(y + 4 * n), undin_vector_from_bits(group), lanes);
        });
#endif
}

#endif
