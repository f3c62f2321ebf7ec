/* undin_hop.h: what happens to a hop of samples around the network step; the two functions of an `undin_model`.
 *
 *     in → history → window, FFT → spec → network → enhanced → inverse FFT, window → overlap → out
 *
 * A generated file includes this at its end. Before it come the model's public header, UNDIN_PUBLIC(name) (the public
 * name of a function), the sizes and tables that hop.py and fft_tables.py of compiler/emit write, and the network step:
 *
 *     UNDIN_PUBLIC(run)(const float *spec, const float *state, float *enhanced, float *next_state, void *arena)
 *
 * Linked channels share one run of the network. It hears, at every frequency, the mean power of all channels, with the
 * phase of their sum; what it makes of that is a complex gain, which all of them get.
 *
 * What is computed is that of stft.py, hop by hop. Read next: undin.h, then undin_stream.c, which calls this.
 */
#ifndef UNDIN_HOP_H
#define UNDIN_HOP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "undin.h"
#include "undin_eight.h"
#include "undin_fft.h"

/* By how many samples the output of whole hops comes after the input, and how far a frame reaches beyond its hop. */
#define UNDIN_DELAY (UNDIN_LATENCY - (UNDIN_HOP - 1))
#define UNDIN_OVERLAP (UNDIN_WINDOW - UNDIN_HOP)

/* 400 dB below full scale, where filters before us fade away: the network hears silence. Near 1e-38 arithmetic would
 * become 50 times slower on many processors, and no function of ours may change how theirs is set. */
#define UNDIN_MIN_SAMPLE 1e-20f

/* Of a bin; below it nobody hears a gain, and its inverse would soon be infinite. */
#define UNDIN_MIN_POWER 1e-30f

/* Where voices have most of their sound, bins: 200 Hz to 4 kHz, as far as the model hears. */
#define UNDIN_VOICE_BEGIN ((200 * UNDIN_N_FFT + UNDIN_SAMPLE_RATE - 1) / UNDIN_SAMPLE_RATE)
#define UNDIN_VOICE_END_WANTED (4000 * UNDIN_N_FFT / UNDIN_SAMPLE_RATE + 1)
#define UNDIN_VOICE_END (UNDIN_VOICE_END_WANTED < UNDIN_FFT_BINS ? UNDIN_VOICE_END_WANTED : UNDIN_FFT_BINS)

/* What a channel leaves behind. */
typedef struct {
    float network[UNDIN_NETWORK_STATE];
    float history[UNDIN_DELAY + UNDIN_HOP]; /* the last input samples, the newest hop at the end */
    float overlap[UNDIN_OVERLAP];
} undin_hop_state;

/* Memory of one hop, at an address that suits the widest vector. The transforms are over before and after the step. */
typedef struct {
    float spec[2 * UNDIN_FFT_BINS] __attribute__((aligned(64)));
    float enhanced[2 * UNDIN_FFT_BINS] __attribute__((aligned(64)));
    union {
        struct {
            float samples[UNDIN_N_FFT] __attribute__((aligned(64)));
            float scratch[UNDIN_FFT_SCRATCH] __attribute__((aligned(64)));
            float channel[2 * UNDIN_FFT_BINS] __attribute__((aligned(64))); /* spectrum of one of those that are linked */
            float power[UNDIN_FFT_BINS] __attribute__((aligned(64)));
        } transform;
        struct {
            float next_state[UNDIN_NETWORK_STATE] __attribute__((aligned(64)));
            unsigned char arena[UNDIN_NETWORK_ARENA_BYTES] __attribute__((aligned(64)));
        } network;
    } now;
} undin_hop_memory;

_Static_assert(sizeof(undin_hop_state) == UNDIN_STATE_BYTES, "hop.py and undin_hop.h disagree about the state");
_Static_assert(sizeof(undin_hop_memory) + 64 == UNDIN_ARENA_BYTES, "hop.py and undin_hop.h disagree about the arena");

/* A frame [WINDOW] → spec [BINS][re, im] */
UNDIN_INLINE void undin_analyse(const float *restrict frame, undin_hop_memory *restrict arena, float *restrict spec) {
    float *samples = arena->now.transform.samples;
    for (int i = 0; i < UNDIN_WINDOW; ++i) {
        const float audible = __builtin_fabsf(frame[i]) > UNDIN_MIN_SAMPLE ? frame[i] : 0;
        samples[i] = audible * undin_analysis_window[i];
    }
    for (int i = UNDIN_WINDOW; i < UNDIN_N_FFT; ++i) samples[i] = 0;
    undin_rfft(samples, spec, arena->now.transform.scratch);
}

/* The newest frame, and that which the output of the network belongs to, older by what the network looks ahead. */
UNDIN_INLINE const float *undin_newest_frame(const undin_hop_state *state) {
    return state->history + UNDIN_DELAY - UNDIN_OVERLAP;
}
UNDIN_INLINE const float *undin_enhanced_frame(const undin_hop_state *state) { return state->history; }

/* enhanced [BINS][re, im], overlap [OVERLAP] → out [HOP] and the next overlap */
UNDIN_INLINE void undin_synthesise(undin_hop_memory *restrict arena, const float *restrict enhanced,
                                   float *restrict overlap, float *restrict out) {
    float *samples = arena->now.transform.samples;
    undin_irfft(enhanced, samples, arena->now.transform.scratch);
    for (int i = 0; i < UNDIN_WINDOW; ++i) samples[i] *= undin_synthesis_window[i];
    for (int i = 0; i < UNDIN_HOP; ++i) out[i] = overlap[i] + samples[i];
    for (int i = UNDIN_HOP; i < UNDIN_OVERLAP; ++i) overlap[i - UNDIN_HOP] = overlap[i] + samples[i];
    for (int i = UNDIN_OVERLAP; i < UNDIN_WINDOW; ++i) overlap[i - UNDIN_HOP] = samples[i];
}

/* spec → enhanced, and the next state of the network */
static void undin_step(undin_hop_state *state, undin_hop_memory *arena, float *energies) {
    UNDIN_PUBLIC(run)(arena->spec, state->network, arena->enhanced, arena->now.network.next_state,
                      arena->now.network.arena);
    memcpy(state->network, arena->now.network.next_state, sizeof state->network);
    energies[0] += undin_energy(arena->spec + 2 * UNDIN_VOICE_BEGIN, 2 * (UNDIN_VOICE_END - UNDIN_VOICE_BEGIN));
    energies[1] += undin_energy(arena->enhanced + 2 * UNDIN_VOICE_BEGIN, 2 * (UNDIN_VOICE_END - UNDIN_VOICE_BEGIN));
}

/* The frames of all channels → spec: their mean power, with the phase of their sum. A channel whose phase is against
 * that of the sum so far is subtracted, so that opposite channels do not cancel. */
static void undin_merge(const undin_hop_state *const *states, int channels, int newest, undin_hop_memory *arena) {
    float *sum = arena->spec, *channel_spec = arena->now.transform.channel, *power = arena->now.transform.power;
    for (int channel = 0; channel < channels; ++channel) {
        const undin_hop_state *state = states[channel];
        const float *frame = newest ? undin_newest_frame(state) : undin_enhanced_frame(state);
        undin_analyse(frame, arena, channel ? channel_spec : sum);
        for (int bin = 0; bin < UNDIN_FFT_BINS; ++bin) {
            const float *x = (channel ? channel_spec : sum) + 2 * bin;
            const float square = x[0] * x[0] + x[1] * x[1];
            power[bin] = channel ? power[bin] + square : square;
            const float sign = sum[2 * bin] * x[0] + sum[2 * bin + 1] * x[1] < 0 ? -1 : 1;
            if (channel) {
                sum[2 * bin] += sign * x[0];
                sum[2 * bin + 1] += sign * x[1];
            }
        }
    }
    for (int bin = 0; bin < UNDIN_FFT_BINS; ++bin) {
        const float square = sum[2 * bin] * sum[2 * bin] + sum[2 * bin + 1] * sum[2 * bin + 1];
        const float gain = square > 0 ? __builtin_sqrtf(power[bin] / ((float)channels * square)) : 0;
        sum[2 * bin] *= gain;
        sum[2 * bin + 1] *= gain;
    }
}

/* (a + ib) (c + id) → product [re, im]. The real part is no difference of two products, for these gcc 12 fuses side by
 * side with a sum of two, though -ffp-contract=off forbids it. */
UNDIN_INLINE void undin_multiply(float a, float b, float c, float d, float *product) {
    const float ac = a * c, minus_bd = b * -d, ad = a * d, bc = b * c;
    product[0] = ac + minus_bd;
    product[1] = ad + bc;
}

/* spec, enhanced → enhanced / spec, the complex gain of every bin */
static void undin_gain(undin_hop_memory *arena) {
    for (int bin = 0; bin < UNDIN_FFT_BINS; ++bin) {
        const float *x = arena->spec + 2 * bin;
        float *y = arena->enhanced + 2 * bin;
        const float square = x[0] * x[0] + x[1] * x[1], scale = square > UNDIN_MIN_POWER ? 1 / square : 0;
        undin_multiply(y[0], y[1], x[0] * scale, -x[1] * scale, y);
    }
}

/* One hop of channels that are linked. All networks are left in the state of the one that ran. */
static void undin_linked_hop(undin_hop_state *const *states, undin_hop_memory *arena, float *const *out, int channels,
                             float *energies) {
    undin_merge((const undin_hop_state *const *)states, channels, 1, arena);
    undin_step(states[0], arena, energies);
    if (UNDIN_DELAY > UNDIN_OVERLAP) undin_merge((const undin_hop_state *const *)states, channels, 0, arena);
    undin_gain(arena);
    for (int channel = 0; channel < channels; ++channel) {
        undin_hop_state *state = states[channel];
        float *spec = arena->spec;
        undin_analyse(undin_enhanced_frame(state), arena, spec);
        for (int bin = 0; bin < UNDIN_FFT_BINS; ++bin) {
            const float *gain = arena->enhanced + 2 * bin;
            undin_multiply(gain[0], gain[1], spec[2 * bin], spec[2 * bin + 1], spec + 2 * bin);
        }
        undin_synthesise(arena, spec, state->overlap, out[channel]);
        if (channel) memcpy(state->network, states[0]->network, sizeof state->network);
    }
}

/* The public functions: `undin_model` says what they do. */

void UNDIN_PUBLIC(reset)(void *state) { memset(state, 0, sizeof(undin_hop_state)); }

void UNDIN_PUBLIC(process_hops)(void *const *states, void *arena, const float *const *in, float *const *out, int channels, int linked, size_t hops, float *energies) {
    undin_hop_memory *memory = (undin_hop_memory *)(((uintptr_t)arena + 63) & ~(uintptr_t)63);
    undin_hop_state *const *each = (undin_hop_state *const *)states;
    for (size_t begin = 0; begin < hops * UNDIN_HOP; begin += UNDIN_HOP) {
        float *hop[UNDIN_MAX_CHANNELS];
        for (int channel = 0; channel < channels; ++channel) {
            undin_hop_state *state = each[channel];
            hop[channel] = out[channel] + begin;
            memcpy(state->history + UNDIN_DELAY, in[channel] + begin, UNDIN_HOP * sizeof(float));
            if (linked && channels > 1) continue;
            undin_analyse(undin_newest_frame(state), memory, memory->spec);
            undin_step(state, memory, energies);
            undin_synthesise(memory, memory->enhanced, state->overlap, hop[channel]);
        }
        if (linked && channels > 1) undin_linked_hop(each, memory, hop, channels, energies);
        for (int channel = 0; channel < channels; ++channel)
            memmove(each[channel]->history, each[channel]->history + UNDIN_HOP, UNDIN_DELAY * sizeof(float));
    }
}

#endif
