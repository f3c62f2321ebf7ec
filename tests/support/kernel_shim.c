/* kernel_shim.c: the kernels of src/undin/c as a shared library that tests load by ctypes.
 *
 * Each kernel has two entries of one signature: shim_<kernel>_reference, the plain loops, and shim_<kernel>, the fast
 * one. Its shape must be one of the tables below, so that the compiler knows the sizes as in generated code; only with
 * -DUNDIN_RUN_TIME_SIZES may it be any. kernel_shim.py builds and loads this.
 */
#include "undin_reference.h"

int shim_lanes(void) { return UNDIN_LANES; }

static const undin_matmul_shape matmul_shapes[] = {
    {.rows = 1, .columns = 1, .depth = 1, .taps = 1, .a_row = 1, .a_step = 1, .w_row = 1, .y_row = 1},
    {.rows = 64, .columns = 16, .depth = 96, .taps = 1, .a_row = 32, .a_step = 1, .w_row = 16, .y_row = 16, .padded = 1,
     .activation = UNDIN_RELU},
    {.rows = 7, .columns = 20, .depth = 60, .taps = 1, .a_row = 20, .a_step = 1, .w_row = 20, .y_row = 20, .padded = 1,
     .activation = UNDIN_RELU},
    {.rows = 5, .columns = 10, .depth = 7, .taps = 3, .tap_offset = {-11, 0, 13}, .a_row = 5, .a_step = 1, .w_row = 12,
     .w_tap = 84, .y_row = 11, .padded = 1, .activation = UNDIN_LEAKY_RELU, .alpha = 0.1f},
    {.rows = 33, .columns = 46, .depth = 30, .taps = 1, .a_row = 10, .a_step = 1, .w_row = 48, .y_row = 46, .padded = 1,
     .activation = UNDIN_TANH, .residual_row = 46},
    {.rows = 16, .columns = 76, .depth = 76, .taps = 1, .a_row = 76, .a_step = 1, .w_row = 76, .y_row = 76, .padded = 1,
     .activation = UNDIN_SIGMOID, .residual_row = 80},
    {.rows = 1, .columns = 228, .depth = 13, .taps = 1, .a_row = 1, .a_step = 1, .w_row = 228, .y_row = 228,
     .padded = 1, .activation = UNDIN_ELU, .alpha = 1.0f},
    {.rows = 2, .columns = 37, .depth = 5, .taps = 1, .a_row = 1, .a_step = 2, .w_row = 37, .y_row = 41,
     .activation = UNDIN_HARD_SIGMOID, .alpha = 0.2f, .beta = 0.5f},
    {.rows = 13, .columns = 3, .depth = 24, .taps = 2, .tap_offset = {0, 100}, .a_row = 24, .a_step = 1, .w_row = 3,
     .w_tap = 100, .y_row = 3, .activation = UNDIN_CLIP, .alpha = 0.0f, .beta = 6.0f},
    {.rows = 3, .columns = 14, .depth = 9, .taps = 1, .a_row = 9, .a_step = 1, .w_row = 14, .y_row = 14,
     .activation = UNDIN_SOFTPLUS, .residual_row = 14},
    {.rows = 17, .columns = 101, .depth = 4, .taps = 1, .a_row = 4, .a_step = 1, .w_row = 101, .y_row = 101},
    {.rows = 4, .columns = 5, .depth = 2, .taps = 1, .a_row = 2, .a_step = 1, .w_row = 8, .y_row = 5, .padded = 1,
     .activation = UNDIN_SOFTSIGN},
};

static const undin_depthwise_shape depthwise_shapes[] = {
    {.rows = 1, .channels = 1, .taps = 1, .x_row = 1, .y_row = 1},
    {.rows = 64, .channels = 24, .taps = 3, .tap_offset = {-24, 0, 24}, .x_row = 24, .w_tap = 24, .y_row = 24,
     .activation = UNDIN_RELU},
    {.rows = 13, .channels = 37, .taps = 2, .tap_offset = {5, 1}, .x_row = 74, .w_tap = 40, .y_row = 40,
     .residual_row = 37, .activation = UNDIN_RELU},
    {.rows = 9, .channels = 6, .taps = 5, .tap_offset = {0, 6, 12, 18, 24}, .x_row = 6, .w_tap = 12, .y_row = 6,
     .residual_row = 6, .activation = UNDIN_SIGMOID},
};

static const undin_band_mix_shape band_mix_shapes[] = {
    {.rows = 1, .channels = 1, .depth = 1, .x_row = 1, .y_row = 1},
    {.rows = 32, .channels = 16, .depth = 24, .x_row = 16, .y_row = 16, .activation = UNDIN_RELU},
    {.rows = 11, .channels = 22, .depth = 5, .x_row = 25, .y_row = 23, .bias_row = 24, .activation = UNDIN_TANH},
};

#define USUAL .activation = {UNDIN_SIGMOID, UNDIN_TANH, UNDIN_TANH}
static const undin_recurrent_shape recurrent_shapes[] = {
    {.rows = 32, .inputs = 24, .hidden = 24, .x_row = 24, .state_row = 24, .next_row = 24, USUAL},
    {.rows = 1, .inputs = 48, .hidden = 76, .x_row = 48, .state_row = 76, .next_row = 76, USUAL},
    {.rows = 3, .inputs = 0, .hidden = 14, .state_row = 14, .next_row = 14, .bias_row = 64, .clip = 0.5f, USUAL},
    {.rows = 7, .inputs = 9, .hidden = 33, .x_row = 9, .state_row = 33, .next_row = 33,
     .activation = {UNDIN_HARD_SIGMOID, UNDIN_RELU, UNDIN_SOFTSIGN}, .alpha = {0.2f}, .beta = {0.5f}},
};

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define TABLE(name, type)                               \
    int shim_##name##_count(void) { return COUNT(name); } \
    const type *shim_##name(int index) { return &name[index]; }
TABLE(matmul_shapes, undin_matmul_shape)
TABLE(depthwise_shapes, undin_depthwise_shape)
TABLE(band_mix_shapes, undin_band_mix_shape)
TABLE(recurrent_shapes, undin_recurrent_shape)

#define OPEN(...) __VA_ARGS__
#ifdef UNDIN_RUN_TIME_SIZES
#define CALL(kernel, table, CASES, ARGUMENTS) undin_##kernel(OPEN ARGUMENTS, shape);
#else
#define CALL(kernel, table, CASES, ARGUMENTS) \
    switch ((int)(shape - table)) { CASES(kernel, table, ARGUMENTS) }
#define CASE(index, kernel, table, ARGUMENTS)          \
    case index:                                        \
        undin_##kernel(OPEN ARGUMENTS, &table[index]); \
        break;
#define CASES_3(...) CASE(0, __VA_ARGS__) CASE(1, __VA_ARGS__) CASE(2, __VA_ARGS__)
#define CASES_4(...) CASES_3(__VA_ARGS__) CASE(3, __VA_ARGS__)
#define CASES_12(...)                                                                                        \
    CASES_4(__VA_ARGS__) CASE(4, __VA_ARGS__) CASE(5, __VA_ARGS__) CASE(6, __VA_ARGS__) CASE(7, __VA_ARGS__) \
    CASE(8, __VA_ARGS__) CASE(9, __VA_ARGS__) CASE(10, __VA_ARGS__) CASE(11, __VA_ARGS__)
#endif
#define ENTRIES(kernel, type, table, CASES, PARAMETERS, ARGUMENTS)       \
    void shim_##kernel##_reference(OPEN PARAMETERS, const type *shape) { \
        undin_##kernel##_reference(OPEN ARGUMENTS, shape);               \
    }                                                                    \
    void shim_##kernel(OPEN PARAMETERS, const type *shape) { CALL(kernel, table, CASES, ARGUMENTS) }

ENTRIES(matmul, undin_matmul_shape, matmul_shapes, CASES_12,
        (float *y, const float *a, const float *w, const float *bias, const float *residual),
        (y, a, w, bias, residual))
ENTRIES(depthwise, undin_depthwise_shape, depthwise_shapes, CASES_4,
        (float *y, const float *x, const float *w, const float *bias, const float *residual),
        (y, x, w, bias, residual))
ENTRIES(band_mix, undin_band_mix_shape, band_mix_shapes, CASES_3,
        (float *y, const float *x, const float *w, const float *bias),
        (y, x, w, bias))
ENTRIES(gru_step, undin_recurrent_shape, recurrent_shapes, CASES_4,
        (float *h_next, const float *x, const float *h, const float *w, const float *r, const float *bias,
         const float *reset_bias),
        (h_next, x, h, w, r, bias, reset_bias))
ENTRIES(gru_reset_first_step, undin_recurrent_shape, recurrent_shapes, CASES_4,
        (float *h_next, float *reset_h, const float *x, const float *h, const float *w, const float *r,
         const float *bias),
        (h_next, reset_h, x, h, w, r, bias))
ENTRIES(lstm_step, undin_recurrent_shape, recurrent_shapes, CASES_4,
        (float *h_next, float *c_next, const float *x, const float *h, const float *c, const float *w,
         const float *r, const float *bias, const float *peephole),
        (h_next, c_next, x, h, c, w, r, bias, peephole))
ENTRIES(rnn_step, undin_recurrent_shape, recurrent_shapes, CASES_4,
        (float *h_next, const float *x, const float *h, const float *w, const float *r, const float *bias),
        (h_next, x, h, w, r, bias))

/* Both forms of a function of undin_math.h over `count` floats, a multiple of 16. */
#define FUNCTION(name)                                                                                 \
    void shim_##name(float *y, const float *x, const float *unused, int count) {                       \
        (void)unused;                                                                                  \
        for (int i = 0; i < count; ++i) y[i] = undin_##name(x[i]);                                     \
    }                                                                                                  \
    void shim_vector_##name(float *y, const float *x, const float *unused, int count) {                \
        (void)unused;                                                                                  \
        for (int i = 0; i < count; i += UNDIN_LANES)                                                   \
            undin_vector_store(y + i, undin_vector_##name(undin_vector_load(x + i)));                  \
    }
FUNCTION(exp) FUNCTION(log) FUNCTION(sigmoid) FUNCTION(tanh) FUNCTION(erf)
void shim_pow(float *y, const float *x, const float *exponent, int count) {
    for (int i = 0; i < count; ++i) y[i] = undin_pow(x[i], exponent[i]);
}
/* The exponent is the first of them. */
void shim_pow_small(float *y, const float *x, const float *exponent, int count) {
    for (int i = 0; i < count; ++i) y[i] = undin_pow_small(x[i], exponent[0]);
}
void shim_vector_pow_small(float *y, const float *x, const float *exponent, int count) {
    for (int i = 0; i < count; i += UNDIN_LANES)
        undin_vector_store(y + i, undin_vector_pow_small(undin_vector_load(x + i), exponent[0]));
}
void shim_vector_pow(float *y, const float *x, const float *exponent, int count) {
    for (int i = 0; i < count; i += UNDIN_LANES)
        undin_vector_store(y + i, undin_vector_pow(undin_vector_load(x + i), undin_vector_load(exponent + i)));
}
