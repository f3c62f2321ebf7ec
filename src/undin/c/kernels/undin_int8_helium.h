/* undin_int8_helium.h: products of bytes, gates and rounding on Helium, the vectors of a Cortex-M55.
 *
 * VMLADAVA multiplies sixteen bytes by sixteen, or eight 16-bit integers by eight, and adds all of it to one sum. So the
 * weights of a block of columns are gathered once, into memory, for all rows, such that those of one column follow each
 * other; and a pair of rows once, for all columns of a block. Sixteen bytes of four columns and two rows are 14
 * instructions: 6 that load and 8 that multiply.
 *
 * Rows lie as a[chunk][row][16], four columns as w[chunk][column][16], then what is added to their sums, as the zero
 * point of a wants, their scales, and what is added to both. What is missing of a last chunk is 0.
 *
 * All bits are those of other processors, although Helium takes subnormal floats for zeros. Sums of integers that are
 * scaled and meet a bias are 0 or normal, and so are gates, since int8_weights.py lets no scale be below 2^-60 and no
 * bias but 0; a subnormal float that is to be rounded becomes 0 at any rate. What is left, states, is for plain
 * instructions, as is division.
 *
 * Read next: undin_int8_rounding.h.
 */
#ifndef UNDIN_INT8_HELIUM_H
#define UNDIN_INT8_HELIUM_H

#include "undin_integer.h"
#include "undin_tile.h"

#if UNDIN_LANES == 1 && defined(UNDIN_HAS_HELIUM)
#define UNDIN_ON_HELIUM
#include <arm_mve.h>

/* Bytes of a block of weights, and of a row; columns of a block of gates, and rows that are mixed. */
enum { UNDIN_HELIUM_BYTES = 4096, UNDIN_HELIUM_ROW = 256, UNDIN_HELIUM_COLUMNS = 64, UNDIN_HELIUM_MIXED = 64 };

/* Memory of a block, on the stack. */
typedef struct {
    int8_t weights[UNDIN_HELIUM_BYTES];
    int8_t rows[2 * UNDIN_HELIUM_ROW];
} __attribute__((aligned(16))) undin_helium_block;

/* Bytes of four columns. */
UNDIN_INLINE int undin_helium_bytes(int chunks) { return 64 * chunks + 48; }

UNDIN_INLINE int undin_helium_chunks(int depth) { return UNDIN_DIVIDE_UP(depth, 16); }

/* Fill up `depth` bytes of two rows; returns where the next chunk goes. */
UNDIN_OUTLINED int8_t *undin_helium_rows(int8_t *to, const int8_t *a, const int8_t *second, int depth) {
    for (; depth > 0; depth -= 16, a += 16, second += 16, to += 32) {
        const mve_pred16_t exist = vctp8q((uint32_t)depth);
        vst1q_s8(to, vldrbq_z_s8(a, exist));
        vst1q_s8(to + 16, vldrbq_z_s8(second, exist));
    }
    return to;
}

/* Where weights lie: `row` bytes from one group of four to the next, columns beside each other. scale and bias are those
   of the first column; `sum`, that of the weights of each column, meets the zero point, and may be NULL as bias may. */
typedef struct {
    const int8_t *w;
    int row, groups, taps;
    int zero_point;
    const int32_t *sum;
    const float *scale, *bias;
} undin_helium_weights;

/* Four columns from n on; returns where the next ones may begin. */
UNDIN_OUTLINED int8_t *undin_helium_columns(int8_t *to, const undin_helium_weights *from, int n) {
    const uint32x4_t groups = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)from->row);
    const int8_t *tap = from->w + 4 * n;
    for (int t = 0; t < from->taps; ++t, tap += from->groups * from->row) {
        const int8_t *w = tap;
        for (int left = from->groups; left > 0; left -= 4, w += 4 * from->row) {
            const mve_pred16_t exist = vctp32q((uint32_t)left);
            for (int j = 0; j < 4; ++j, to += 16)
                vst1q_s32((int32_t *)(void *)to,
                          vldrwq_gather_offset_z_s32((const int32_t *)(const void *)(w + 4 * j), groups, exist));
        }
    }
    const int32x4_t none = vdupq_n_s32(0);
    vst1q_s32((int32_t *)(void *)to, from->sum ? vmulq_n_s32(vld1q_s32(from->sum + n), -from->zero_point) : none);
    vst1q_f32((float *)(void *)(to + 16), vld1q_f32(from->scale + n));
    vst1q_f32((float *)(void *)(to + 32), from->bias ? vld1q_f32(from->bias + n) : vreinterpretq_f32_s32(none));
    return to + 48;
}

/* y[row][n] = bias[n] + scale[n] sum[row][n] for two rows and `columns` columns; `y_row` bytes from one row to the other,
   0 where they are the same. Those called relu let nothing be below 0. r0, r2, r4, r6: sums of the first row, r8, r10,
   r12, lr: those of the second, r1: w, r3: a, r5: its end, r7 and r11: y, r9: columns that are left. */
#define UNDIN_HELIUM_LOAD            \
    "vldrb.u8 q0, [r3], #16\n\t"     \
    "vldrb.u8 q1, [r3], #16\n\t"     \
    "vldrb.u8 q2, [r1], #16\n\t"     \
    "vldrb.u8 q3, [r1], #16\n\t"     \
    "vldrb.u8 q4, [r1], #16\n\t"     \
    "vldrb.u8 q5, [r1], #16\n\t"
#define UNDIN_HELIUM_MULTIPLY(product) \
    product " r0, q0, q2\n\t"          \
    product " r8, q1, q2\n\t"          \
    product " r2, q0, q3\n\t"          \
    product " r10, q1, q3\n\t"         \
    product " r4, q0, q4\n\t"          \
    product " r12, q1, q4\n\t"         \
    product " r6, q0, q5\n\t"          \
    product " lr, q1, q5\n\t"
#define UNDIN_HELIUM_PRODUCTS(name, type, clamp)                                                                      \
    __attribute__((naked, noinline, unused)) static void name(float *y, const int8_t *w, const int8_t *a, int chunks, \
                                                              int columns, int y_row) {                               \
        __asm__("push {r2, r4-r11, lr}\n\t"                                                                           \
                "vpush {d8-d13}\n\t"                                                                                  \
                "vmov.i32 q6, #0\n\t"                                                                                 \
                "add r5, r2, r3, lsl #5\n\t"                                                                          \
                "mov r7, r0\n\t"                                                                                      \
                "ldr r9, [sp, #88]\n\t"                                                                               \
                "ldr r11, [sp, #92]\n\t"                                                                              \
                "add r11, r7, r11\n\t"                                                                                \
                "1:\n\t"                                                                                              \
                "ldr r3, [sp, #48]\n\t"                                                                               \
                UNDIN_HELIUM_LOAD UNDIN_HELIUM_MULTIPLY("vmladav." type)                                              \
                "cmp r3, r5\n\t"                                                                                      \
                "beq 3f\n\t"                                                                                          \
                "2:\n\t"                                                                                              \
                UNDIN_HELIUM_LOAD UNDIN_HELIUM_MULTIPLY("vmladava." type)                                             \
                "cmp r3, r5\n\t"                                                                                      \
                "bne 2b\n\t"                                                                                          \
                "3:\n\t"                                                                                              \
                "vmov q0[2], q0[0], r0, r4\n\t"                                                                       \
                "vmov q0[3], q0[1], r2, r6\n\t"                                                                       \
                "vmov q1[2], q1[0], r8, r12\n\t"                                                                      \
                "vmov q1[3], q1[1], r10, lr\n\t"                                                                      \
                "vldrw.u32 q2, [r1], #16\n\t"                                                                         \
                "vldrw.u32 q3, [r1], #16\n\t"                                                                         \
                "vldrw.u32 q4, [r1], #16\n\t"                                                                         \
                "vadd.i32 q0, q0, q2\n\t"                                                                             \
                "vadd.i32 q1, q1, q2\n\t"                                                                             \
                "vcvt.f32.s32 q0, q0\n\t"                                                                             \
                "vcvt.f32.s32 q1, q1\n\t"                                                                             \
                "vmul.f32 q0, q0, q3\n\t"                                                                             \
                "vmul.f32 q1, q1, q3\n\t"                                                                             \
                "vadd.f32 q0, q0, q4\n\t"                                                                             \
                "vadd.f32 q1, q1, q4\n\t"                                                                             \
                clamp                                                                                                 \
                "vctp.32 r9\n\t"                                                                                      \
                "vpstt\n\t"                                                                                           \
                "vstrwt.32 q0, [r7], #16\n\t"                                                                         \
                "vstrwt.32 q1, [r11], #16\n\t"                                                                        \
                "subs r9, r9, #4\n\t"                                                                                 \
                "bgt 1b\n\t"                                                                                          \
                "vpop {d8-d13}\n\t"                                                                                   \
                "pop {r2, r4-r11, pc}");                                                                              \
    }
#define UNDIN_HELIUM_RELU "vmaxnm.f32 q0, q0, q6\n\t" "vmaxnm.f32 q1, q1, q6\n\t"
UNDIN_HELIUM_PRODUCTS(undin_helium_products, "s8", "")
UNDIN_HELIUM_PRODUCTS(undin_helium_products_relu, "s8", UNDIN_HELIUM_RELU)
UNDIN_HELIUM_PRODUCTS(undin_helium_wide_products, "s16", "")
UNDIN_HELIUM_PRODUCTS(undin_helium_wide_products_relu, "s16", UNDIN_HELIUM_RELU)
typedef void (*undin_helium_product)(float *y, const int8_t *w, const int8_t *a, int chunks, int columns, int y_row);

/* Rounded to the nearest integer, ties to even, plus a zero point, and clamped to 16 bits, the lower ones of a lane:
   undin_rounded. */
UNDIN_INLINE int32x4_t undin_helium_rounded(float32x4_t x, int zero_point) {
    const int32x4_t nearest = vqaddq_n_s32(vcvtnq_s32_f32(x), zero_point);
    return vreinterpretq_s32_s16(vqmovnbq_s32(vreinterpretq_s16_s32(nearest), nearest));
}

/* The same, clamped to 8 bits, which are the lowest of a lane. */
UNDIN_INLINE int32x4_t undin_helium_byte(float32x4_t x, int zero_point) {
    const int16x8_t words = vreinterpretq_s16_s32(undin_helium_rounded(x, zero_point));
    return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(words), words));
}

UNDIN_OUTLINED void undin_helium_add(float *y, const float *x, const float *added, int count) {
    for (; count > 0; count -= 4, x += 4, added += 4, y += 4) {
        const mve_pred16_t exist = vctp32q((uint32_t)count);
        vstrwq_p_f32(y, vaddq_f32(vldrwq_z_f32(x, exist), vldrwq_z_f32(added, exist)), exist);
    }
}
UNDIN_OUTLINED void undin_helium_add_relu(float *y, const float *x, const float *added, int count) {
    const float32x4_t zero = vdupq_n_f32(0);
    for (; count > 0; count -= 4, x += 4, added += 4, y += 4) {
        const mve_pred16_t exist = vctp32q((uint32_t)count);
        vstrwq_p_f32(y, vmaxnmq_f32(vaddq_f32(vldrwq_z_f32(x, exist), vldrwq_z_f32(added, exist)), zero), exist);
    }
}

/* undin_coarse_sigmoid and undin_coarse_tanh of four numbers, in the same order. */
UNDIN_INLINE float32x4_t undin_helium_quotient(float32x4_t x, float limit, float p2, float p1, float p0, float q1,
                                               float q0) {
    x = vminnmq_f32(vmaxnmq_f32(x, vdupq_n_f32(-limit)), vdupq_n_f32(limit));
    const float32x4_t x2 = vmulq_f32(x, x);
    const float32x4_t p = vaddq_n_f32(vmulq_f32(vaddq_n_f32(vmulq_n_f32(x2, p2), p1), x2), p0);
    return vmulq_f32(p, x) / vaddq_n_f32(vmulq_f32(vaddq_n_f32(x2, q1), x2), q0);
}
UNDIN_INLINE float32x4_t undin_helium_coarse_tanh(float32x4_t x) {
    return undin_helium_quotient(x, 5.245f, 0.0509147607f, 8.14143085f, 80.6895218f, 34.9886436f, 80.7094116f);
}
UNDIN_INLINE float32x4_t undin_helium_coarse_sigmoid(float32x4_t x) {
    const float32x4_t quotient =
        undin_helium_quotient(x, 10.49f, 0.0127286902f, 8.14143085f, 322.758087f, 139.954575f, 1291.35059f);
    return vaddq_n_f32(quotient, 0.5f);
}

/* Sums of each row of one channel: of x, as many chunks as `groups` of four need, and weights whose groups lie `group`
   bytes apart, rows `row`. Two chunks at a time; what is missing of x is 0, and meets any weights. */
UNDIN_OUTLINED void undin_helium_mix(int32_t *sum, const int8_t *x, const int8_t *w, int groups, int group, int row,
                                     int rows) {
    for (int k = 0; k < groups; k += 8, x += 32, w += 8 * group) {
        const int8x16_t first = vld1q_s8(x), second = vld1q_s8(x + 16);
        const uint32x4_t near = vidupq_n_u32(0, 1), far = vaddq_n_u32(near, 4), last = vdupq_n_u32((uint32_t)(groups - 1 - k));
        const uint32x4_t of_first = vmulq_n_u32(vminq_u32(near, last), (uint32_t)group);
        const uint32x4_t of_second = vmulq_n_u32(vminq_u32(far, last), (uint32_t)group);
        const int8_t *from = w;
        for (int n = 0; n < rows; ++n, from += row) {
            const int32_t *const here = (const int32_t *)(const void *)from;
            const int8x16_t w_first = vreinterpretq_s8_s32(vldrwq_gather_offset_s32(here, of_first));
            const int8x16_t w_second = vreinterpretq_s8_s32(vldrwq_gather_offset_s32(here, of_second));
            sum[n] = vmladavaq_s8(vmladavaq_s8(k ? sum[n] : 0, first, w_first), second, w_second);
        }
    }
}

#endif
#endif
