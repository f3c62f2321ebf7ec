/* band_mix.c: an exchange across bands with a matrix for every channel, forward and backward, for training on CPUs.
 *
 *     y[row][j][c] = sum over k of w[c][k][j] x[row][k][c]
 *
 * Channels meet only themselves, so that a vector of channels is multiplied by a vector of weights, and features stay as
 * they lie, where torch would bring channels to the front and back. Weights come and go as torch has them,
 * (CHANNELS, BANDS, BANDS); features are contiguous, (rows, BANDS, CHANNELS).
 */
#include <stddef.h>
#include <string.h>

#include "undin_tile.h"

enum { ROW = BANDS * CHANNELS, TILE = 4, CHUNK = 64 };

/* Vectors of channels; the last one of a row has fewer lanes. */
#define FOR_CHANNELS(c, lanes, ...)                                                                       \
    for (int c = 0; c < CHANNELS / UNDIN_LANES * UNDIN_LANES; c += UNDIN_LANES) {                         \
        enum { lanes = UNDIN_LANES };                                                                     \
        __VA_ARGS__                                                                                       \
    }                                                                                                     \
    if (CHANNELS % UNDIN_LANES) {                                                                         \
        enum { c = CHANNELS / UNDIN_LANES * UNDIN_LANES, lanes = CHANNELS % UNDIN_LANES ? CHANNELS % UNDIN_LANES : 1 }; \
        __VA_ARGS__                                                                                       \
    }

/* out[row][j] = sum over k of weights[k][j] in[row][k], for `height` rows and TILE bands j of one vector of channels;
 * weights (BANDS, BANDS, CHANNELS). */
UNDIN_INLINE void mix_tile(const float *in, const float *weights, float *out, int height, int lanes) {
    undin_vector sum[TILE * TILE] = {0};
    for (int k = 0; k < BANDS; ++k) {
        undin_vector w[TILE];
        UNDIN_UNROLL for (int j = 0; j < TILE; ++j) w[j] = undin_vector_load_first(weights + k * ROW + j * CHANNELS, lanes);
        UNDIN_UNROLL for (int i = 0; i < height; ++i) {
            const undin_vector x = undin_vector_load_first(in + i * ROW + k * CHANNELS, lanes);
            UNDIN_UNROLL for (int j = 0; j < TILE; ++j) sum[i * TILE + j] += x * w[j];
        }
    }
    UNDIN_UNROLL for (int i = 0; i < height; ++i) {
        UNDIN_UNROLL for (int j = 0; j < TILE; ++j)
            undin_vector_store_first(out + i * ROW + j * CHANNELS, sum[i * TILE + j], lanes);
    }
}

static void mix(ptrdiff_t rows, const float *in, const float *weights, float *out) {
    for (int j = 0; j < BANDS; j += TILE) {
        FOR_CHANNELS(c, lanes, {
            const float *w = weights + j * CHANNELS + c;
            ptrdiff_t row = 0;
            for (; row + TILE <= rows; row += TILE)
                mix_tile(in + row * ROW + c, w, out + row * ROW + j * CHANNELS + c, TILE, lanes);
            for (; row < rows; ++row) mix_tile(in + row * ROW + c, w, out + row * ROW + j * CHANNELS + c, 1, lanes);
        })
    }
}

/* Bring weights to (k, j, channel), or to (j, k, channel) if `transpose`. */
static void pack(const float *weights, float *packed, int transpose) {
    for (int c = 0; c < CHANNELS; ++c)
        for (int k = 0; k < BANDS; ++k)
            for (int j = 0; j < BANDS; ++j)
                packed[(transpose ? j * BANDS + k : k * BANDS + j) * CHANNELS + c] = weights[(c * BANDS + k) * BANDS + j];
}

void undin_band_mix_forward(ptrdiff_t rows, const float *x, const float *weights, float *y) {
    float packed[BANDS * ROW];
    pack(weights, packed, 0);
    mix(rows, x, packed, y);
}

/* sums[k][j] += sum over rows of x[row][k] dy[row][j], for TILE bands k and j of one vector of channels */
UNDIN_INLINE void weights_tile(ptrdiff_t rows, const float *x, const float *y_gradient, float *sums, int lanes) {
    undin_vector sum[TILE * TILE];
    UNDIN_UNROLL for (int i = 0; i < TILE; ++i) {
        UNDIN_UNROLL for (int j = 0; j < TILE; ++j)
            sum[i * TILE + j] = undin_vector_load_first(sums + i * ROW + j * CHANNELS, lanes);
    }
    for (ptrdiff_t row = 0; row < rows; ++row) {
        undin_vector dy[TILE];
        UNDIN_UNROLL for (int j = 0; j < TILE; ++j)
            dy[j] = undin_vector_load_first(y_gradient + row * ROW + j * CHANNELS, lanes);
        UNDIN_UNROLL for (int i = 0; i < TILE; ++i) {
            const undin_vector value = undin_vector_load_first(x + row * ROW + i * CHANNELS, lanes);
            UNDIN_UNROLL for (int j = 0; j < TILE; ++j) sum[i * TILE + j] += value * dy[j];
        }
    }
    UNDIN_UNROLL for (int i = 0; i < TILE; ++i) {
        UNDIN_UNROLL for (int j = 0; j < TILE; ++j)
            undin_vector_store_first(sums + i * ROW + j * CHANNELS, sum[i * TILE + j], lanes);
    }
}

void undin_band_mix_backward(ptrdiff_t rows, const float *y_gradient, const float *x, const float *weights,
                             float *x_gradient, float *weights_gradient) {
    float packed[BANDS * ROW];
    pack(weights, packed, 1);
    mix(rows, y_gradient, packed, x_gradient);
    /* as many rows at a time as stay in the second cache while all tiles read them */
    memset(packed, 0, sizeof packed);
    for (ptrdiff_t first = 0; first < rows; first += CHUNK) {
        const ptrdiff_t count = rows - first < CHUNK ? rows - first : CHUNK;
        for (int k = 0; k < BANDS; k += TILE)
            for (int j = 0; j < BANDS; j += TILE) {
                FOR_CHANNELS(c, lanes, weights_tile(count, x + first * ROW + k * CHANNELS + c,
                                                    y_gradient + first * ROW + j * CHANNELS + c,
                                                    packed + (k * BANDS + j) * CHANNELS + c, lanes);)
            }
    }
    for (int c = 0; c < CHANNELS; ++c)
        for (int band = 0; band < BANDS * BANDS; ++band)
            weights_gradient[c * BANDS * BANDS + band] = packed[band * CHANNELS + c];
}
