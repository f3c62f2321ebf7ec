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

/* y (rows, columns) of bytes as above; x (rows, columns), inverse_scale (columns) or NULL. */
UNDIN_INT8_KERNEL void undin_quantize_bytes(int8_t *y, const float *x, const float *inverse_scale,
                                            const undin_quantize_shape *shape) {
#if defined(UNDIN_ON_HELIUM)
    undin_helium_round_bytes(y, x, inverse_scale, shape);
#else
    for (int m = 0; m < shape->rows; ++m, x += shape->x_row, y += shape->y_row)
        UNDIN_FOR_VECTORS(shape->columns, n, lanes,
            undin_bytes_store_first(y + n, undin_quantized_bytes(x, inverse_scale, n, shape, lanes), lanes));
#endif
}

/* The same as integers of 16 bits, without a zero point. */
UNDIN_INT8_KERNEL void undin_quantize_words(int16_t *y, const float *x, const float *inverse_scale,
                                            const undin_quantize_shape *shape) {
#if defined(UNDIN_ON_HELIUM)
    undin_helium_round_words(y, x, inverse_scale, shape);
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
UNDIN_INT8_KERNEL void undin_quantize_groups(int8_t *y, const float *x, const float *inverse_scale,
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
