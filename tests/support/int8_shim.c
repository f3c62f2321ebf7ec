/* int8_shim.c: the kernels on small integers as a shared library that tests load by ctypes.
 *
 * shim_<kernel>_reference are the plain loops, shim_<kernel> the fast form; shapes are known only at run time.
 */
#include "undin_int8_reference.h"

int shim_byte_offset(void) { return UNDIN_BYTE_OFFSET; }

#define OPEN(...) __VA_ARGS__
#define ENTRIES(kernel, type, PARAMETERS, ARGUMENTS)                     \
    void shim_##kernel##_reference(OPEN PARAMETERS, const type *shape) { \
        undin_##kernel##_reference(OPEN ARGUMENTS, shape);               \
    }                                                                    \
    void shim_##kernel(OPEN PARAMETERS, const type *shape) { undin_##kernel(OPEN ARGUMENTS, shape); }

ENTRIES(quantize_bytes, undin_quantize_shape, (int8_t *y, const float *x, const float *scale), (y, x, scale))
ENTRIES(quantize_words, undin_quantize_shape, (int16_t *y, const float *x, const float *scale), (y, x, scale))
ENTRIES(quantize_groups, undin_quantize_shape, (int8_t *y, const float *x, const float *scale), (y, x, scale))
ENTRIES(int8_matmul, undin_int8_matmul_shape,
        (float *y, const int8_t *a, const int8_t *w, const int32_t *w_sum, const int32_t *w_zero, const float *scale,
         const float *bias),
        (y, a, w, w_sum, w_zero, scale, bias))
ENTRIES(int8_band_mix, undin_int8_band_mix_shape,
        (float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum, const float *scale, const float *bias),
        (y, x, w, w_sum, scale, bias))
ENTRIES(int8_depthwise, undin_int8_depthwise_shape,
        (float *y, const int8_t *x, const int8_t *w, const int32_t *w_sum, const int32_t *w_zero, const float *scale,
         const float *bias),
        (y, x, w, w_sum, w_zero, scale, bias))
ENTRIES(int8_gru_step, undin_int8_recurrent_shape,
        (float *h_next, const int8_t *x, const int8_t *h, const float *old, const int8_t *w, const int8_t *r,
         const int32_t *w_sum, const int32_t *r_sum, const float *w_scale, const float *r_scale, const float *bias,
         const float *reset_bias),
        (h_next, x, h, old, w, r, w_sum, r_sum, w_scale, r_scale, bias, reset_bias))
ENTRIES(int8_lstm_step, undin_int8_recurrent_shape,
        (float *h_next, float *c_next, const int8_t *x, const int8_t *h, const float *c, const int8_t *w,
         const int8_t *r, const int32_t *w_sum, const int32_t *r_sum, const float *w_scale, const float *r_scale,
         const float *bias),
        (h_next, c_next, x, h, c, w, r, w_sum, r_sum, w_scale, r_scale, bias))
