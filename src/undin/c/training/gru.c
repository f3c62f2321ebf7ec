/* gru.c: gated recurrent units over all frames of a batch, forward and backward, for training on CPUs.
 *
 *     r = sigmoid(W_r x + U_r h + b),  z = sigmoid(...),  n = tanh(W_n x + b_n + r (U_n h + c_n)),  h' = n + z (h - n)
 *
 * Gates come in torch's order r z n; HIDDEN is the number of units. What is no part of the recurrence, the products with
 * x and all gradients of weights, is left to the caller, who has one large product for all frames of each.
 *
 * Sequences are independent of each other. A few of them at a time run through all frames, so that their state and the
 * weights stay in the first cache. Every array is contiguous.
 */
#include <stddef.h>
#include <string.h>

#include "undin_matmul.h"

enum { GATES = 3 * HIDDEN, SAVED = 4 * HIDDEN, SEQUENCES = 16 };

/* Run a statement for the vectors of HIDDEN units, the last of which may be short. */
#define FOR_UNITS(j, ...)                                           \
    UNDIN_UNROLL for (int j = 0; j < HIDDEN; j += UNDIN_LANES) {    \
        const int lanes = UNDIN_SMALLER(HIDDEN - j, UNDIN_LANES);   \
        __VA_ARGS__                                                 \
    }
#define LOAD(from) undin_vector_load_first(from, lanes)
#define STORE(to, x) undin_vector_store_first(to, x, lanes)

/* inputs (frames, count, GATES): W x + b, the first bias; recurrent (GATES, HIDDEN): U; bias (GATES): the second one
 * state (count, HIDDEN) -> output (frames, count, HIDDEN), saved (frames, count, SAVED): r, z, n, U_n h + c_n */
void undin_gru_forward(int frames, int count, const float *inputs, const float *recurrent, const float *bias,
                       const float *state, float *output, float *saved) {
    float weights[HIDDEN * GATES], sums[SEQUENCES * GATES], hidden[SEQUENCES * HIDDEN];
    memset(hidden, 0, sizeof hidden);
    for (int k = 0; k < HIDDEN; ++k)
        for (int gate = 0; gate < GATES; ++gate) weights[k * GATES + gate] = recurrent[gate * HIDDEN + k];
    for (int first = 0; first < count; first += SEQUENCES) {
        const int sequences = UNDIN_SMALLER(count - first, SEQUENCES);
        memcpy(hidden, state + (ptrdiff_t)first * HIDDEN, sizeof(float) * sequences * HIDDEN);
        for (int frame = 0; frame < frames; ++frame) {
            undin_matmul(sums, hidden, weights, bias, 0,
                         &(undin_matmul_shape){.rows = SEQUENCES, .columns = GATES, .depth = HIDDEN, .taps = 1,
                                               .a_row = HIDDEN, .a_step = 1, .w_row = GATES, .y_row = GATES});
            const ptrdiff_t row = (ptrdiff_t)frame * count + first;
            for (int i = 0; i < sequences; ++i) {
                const float *x = inputs + (row + i) * GATES, *u = sums + i * GATES;
                float *h = hidden + i * HIDDEN, *y = output + (row + i) * HIDDEN, *s = saved + (row + i) * SAVED;
                FOR_UNITS(j, {
                    const undin_vector r = undin_vector_sigmoid(LOAD(x + j) + LOAD(u + j));
                    const undin_vector z = undin_vector_sigmoid(LOAD(x + HIDDEN + j) + LOAD(u + HIDDEN + j));
                    const undin_vector c = LOAD(u + 2 * HIDDEN + j);
                    const undin_vector n = undin_vector_tanh(LOAD(x + 2 * HIDDEN + j) + r * c);
                    const undin_vector next = n + z * (LOAD(h + j) - n);
                    STORE(s + j, r);
                    STORE(s + HIDDEN + j, z);
                    STORE(s + 2 * HIDDEN + j, n);
                    STORE(s + 3 * HIDDEN + j, c);
                    STORE(h + j, next);
                    STORE(y + j, next);
                })
            }
        }
    }
}

/* output_gradient (frames, count, HIDDEN) and what forward had and made
 * -> inputs_gradient (frames, count, GATES); recurrent_gradient (frames, count, HIDDEN): of U_n h + c_n, which for the
 *    other gates is that of inputs; state_gradient (count, HIDDEN) */
void undin_gru_backward(int frames, int count, const float *output_gradient, const float *recurrent,
                        const float *state, const float *output, const float *saved, float *inputs_gradient,
                        float *recurrent_gradient, float *state_gradient) {
    float sums[SEQUENCES * GATES], carried[SEQUENCES * HIDDEN];
    memset(sums, 0, sizeof sums);
    for (int first = 0; first < count; first += SEQUENCES) {
        const int sequences = UNDIN_SMALLER(count - first, SEQUENCES);
        memset(carried, 0, sizeof carried);
        for (int frame = frames - 1; frame >= 0; --frame) {
            const ptrdiff_t row = (ptrdiff_t)frame * count + first;
            const float *before = frame ? output + (row - count) * HIDDEN : state + (ptrdiff_t)first * HIDDEN;
            for (int i = 0; i < sequences; ++i) {
                const float *s = saved + (row + i) * SAVED, *h = before + (ptrdiff_t)i * HIDDEN;
                const float *y_gradient = output_gradient + (row + i) * HIDDEN;
                float *x_gradient = inputs_gradient + (row + i) * GATES;
                float *c_gradient = recurrent_gradient + (row + i) * HIDDEN;
                float *u_gradient = sums + i * GATES, *h_gradient = carried + i * HIDDEN;
                FOR_UNITS(j, {
                    const undin_vector r = LOAD(s + j), z = LOAD(s + HIDDEN + j);
                    const undin_vector n = LOAD(s + 2 * HIDDEN + j), c = LOAD(s + 3 * HIDDEN + j);
                    const undin_vector dh = LOAD(y_gradient + j) + LOAD(h_gradient + j);
                    const undin_vector dh_new = dh * (1 - z);
                    const undin_vector dn = dh_new * (1 - n * n);
                    const undin_vector dz = dh_new * (LOAD(h + j) - n) * z;
                    const undin_vector dc = dn * r, dr = dc * c * (1 - r);
                    STORE(x_gradient + j, dr);
                    STORE(x_gradient + HIDDEN + j, dz);
                    STORE(x_gradient + 2 * HIDDEN + j, dn);
                    STORE(c_gradient + j, dc);
                    STORE(u_gradient + j, dr);
                    STORE(u_gradient + HIDDEN + j, dz);
                    STORE(u_gradient + 2 * HIDDEN + j, dc);
                    STORE(h_gradient + j, dh * z);
                })
            }
            undin_matmul(carried, sums, recurrent, 0, carried,
                         &(undin_matmul_shape){.rows = SEQUENCES, .columns = HIDDEN, .depth = GATES, .taps = 1,
                                               .a_row = GATES, .a_step = 1, .w_row = HIDDEN, .y_row = HIDDEN,
                                               .residual_row = HIDDEN});
        }
        memcpy(state_gradient + (ptrdiff_t)first * HIDDEN, carried, sizeof(float) * sequences * HIDDEN);
    }
}
