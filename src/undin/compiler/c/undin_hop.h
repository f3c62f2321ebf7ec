/* undin_hop.h: what happens to a hop of samples around the network step, and the functions that a C program calls.
 *
 *     in → history → window, FFT → spec → network → enhanced → inverse FFT, window → overlap → mix with dry → out
 *
 * A generated file includes this at its end. Before it come the model's public header, UNDIN_PUBLIC(name) (the public
 * name of a function), UNDIN_STATE and UNDIN_ARENA (the types of that header), what compiler/hop.py and
 * compiler/fft_tables.py write, and the network step:
 *
 *     UNDIN_PUBLIC(run)(const float *spec, const float *state, float *enhanced, float *next_state, void *arena)
 *
 * What is computed is that of stft.py and model.py, hop by hop. Read next: the generated header.
 */
#ifndef UNDIN_HOP_H
#define UNDIN_HOP_H

#include <stddef.h>
#include <string.h>

#include "undin_fft.h"

/* By how many samples the output of whole hops comes after the input, and how far a frame reaches beyond its hop. */
#define UNDIN_DELAY (UNDIN_LATENCY - (UNDIN_HOP - 1))
#define UNDIN_OVERLAP (UNDIN_WINDOW - UNDIN_HOP)

/* 120 dB above full scale is no sound, and its power would soon be infinite: such samples, and what is not finite, are
 * taken as silence, so that they do not spoil the state for ever. The same as LARGEST_SAMPLE in engine.py. */
#define UNDIN_LARGEST_SAMPLE 1e6f

/* 400 dB below full scale, where filters before us fade away: the network hears silence. Near 1e-38 arithmetic would
 * become 50 times slower on many processors, and no function of ours may change how theirs is set. */
#define UNDIN_SMALLEST_SAMPLE 1e-20f

/* Memory of one hop, at an address that suits the widest vector. The transforms are over before and after the step. */
typedef struct {
    float spec[2 * UNDIN_FFT_BINS] __attribute__((aligned(64)));
    float enhanced[2 * UNDIN_FFT_BINS] __attribute__((aligned(64)));
    union {
        struct {
            float samples[UNDIN_N_FFT] __attribute__((aligned(64)));
            float scratch[UNDIN_FFT_SCRATCH] __attribute__((aligned(64)));
        } transform;
        struct {
            float next_state[sizeof ((UNDIN_STATE *)0)->network / sizeof(float)] __attribute__((aligned(64)));
            unsigned char arena[UNDIN_NETWORK_ARENA_BYTES] __attribute__((aligned(64)));
        } network;
    } now;
} undin_hop_memory;

_Static_assert(sizeof(UNDIN_ARENA) >= sizeof(undin_hop_memory) + 60, "the header and the source are not of one model");

/* history [DELAY + HOP] with the newest hop at its end → spec [BINS][re, im] */
UNDIN_INLINE void undin_analyse(const float *restrict history, undin_hop_memory *restrict arena) {
    const float *frame = history + UNDIN_DELAY - UNDIN_OVERLAP;
    float *samples = arena->now.transform.samples;
    for (int i = 0; i < UNDIN_WINDOW; ++i) {
        const float audible = __builtin_fabsf(frame[i]) > UNDIN_SMALLEST_SAMPLE ? frame[i] : 0;
        samples[i] = audible * undin_analysis_window[i];
    }
    for (int i = UNDIN_WINDOW; i < UNDIN_N_FFT; ++i) samples[i] = 0;
    undin_rfft(samples, arena->spec, arena->now.transform.scratch);
}

/* enhanced [BINS][re, im], overlap [OVERLAP] → out [HOP] and the next overlap */
UNDIN_INLINE void undin_synthesise(undin_hop_memory *restrict arena, float *restrict overlap, float *restrict out) {
    float *samples = arena->now.transform.samples;
    undin_irfft(arena->enhanced, samples, arena->now.transform.scratch);
    for (int i = 0; i < UNDIN_WINDOW; ++i) samples[i] *= undin_synthesis_window[i];
    for (int i = 0; i < UNDIN_HOP; ++i) out[i] = overlap[i] + samples[i];
    for (int i = UNDIN_HOP; i < UNDIN_OVERLAP; ++i) overlap[i - UNDIN_HOP] = overlap[i] + samples[i];
    for (int i = UNDIN_OVERLAP; i < UNDIN_WINDOW; ++i) overlap[i - UNDIN_HOP] = samples[i];
}

/* in [HOP] → out [HOP]; the two may be the same. */
static void undin_hop(UNDIN_STATE *state, undin_hop_memory *arena, const float *in, float *out) {
    float *history = state->history, *newest = history + UNDIN_DELAY;
    for (int i = 0; i < UNDIN_HOP; ++i) newest[i] = __builtin_fabsf(in[i]) < UNDIN_LARGEST_SAMPLE ? in[i] : 0;
    undin_analyse(history, arena);
    UNDIN_PUBLIC(run)(arena->spec, state->network, arena->enhanced, arena->now.network.next_state,
                      arena->now.network.arena);
    memcpy(state->network, arena->now.network.next_state, sizeof state->network);
    undin_synthesise(arena, state->overlap, out);
    const float wet = 1 - state->gain_floor;
    if (wet == 0)
        memcpy(out, history, UNDIN_HOP * sizeof(float)); /* bit for bit, whatever the network did */
    else
        for (int i = 0; i < UNDIN_HOP; ++i) out[i] = history[i] + wet * (out[i] - history[i]);
    memmove(history, history + UNDIN_HOP, UNDIN_DELAY * sizeof(float));
}

UNDIN_INLINE undin_hop_memory *undin_aligned(UNDIN_ARENA *arena) {
    return (undin_hop_memory *)(((uintptr_t)arena + 63) & ~(uintptr_t)63);
}

/* The public functions: the generated header says what they do. */

size_t UNDIN_PUBLIC(state_size)(void) { return sizeof(UNDIN_STATE); }

size_t UNDIN_PUBLIC(arena_size)(void) { return sizeof(UNDIN_ARENA); }

int UNDIN_PUBLIC(latency_samples)(void) { return UNDIN_LATENCY; }

void UNDIN_PUBLIC(reset)(UNDIN_STATE *state) { memset(state, 0, sizeof *state); }

int UNDIN_PUBLIC(set_atten_lim_db)(UNDIN_STATE *state, float atten_lim_db) {
    if (!(atten_lim_db >= 0)) return -1;
    /* 10^(-dB/20) without a library or doubles, to 1e-6 of itself: halved for every 6.0206 dB, and the series of exp for
     * the rest. The first part of those 6.0206 has so few digits that its multiples are exact. Below 1e-37 it is 0. */
    float gain = 0;
    if (atten_lim_db < 740) {
        const int halvings = (int)(atten_lim_db / 6.0206f);
        const float rest_db = atten_lim_db - (float)halvings * 6.0205078125f - (float)halvings * 9.21007796e-5f;
        const float exponent = 0.115129255f * rest_db; /* below ln 2 */
        gain = 1;
        for (int k = 10; k > 0; --k) gain = 1 - exponent / (float)k * gain;
        for (int k = 0; k < halvings; ++k) gain *= 0.5f;
    }
    state->gain_floor = gain;
    return 0;
}

void UNDIN_PUBLIC(process_hops)(UNDIN_STATE *state, UNDIN_ARENA *arena, const float *in, float *out, size_t hops) {
    for (size_t hop = 0; hop < hops; ++hop)
        undin_hop(state, undin_aligned(arena), in + hop * UNDIN_HOP, out + hop * UNDIN_HOP);
}

void UNDIN_PUBLIC(process)(UNDIN_STATE *state, UNDIN_ARENA *arena, const float *in, float *out) {
    undin_hop(state, undin_aligned(arena), in, out);
}

void UNDIN_PUBLIC(process_block)(UNDIN_STATE *state, UNDIN_ARENA *arena, const float *in, float *out, size_t samples) {
    /* One queue serves both ways: a sample waits for its hop in the place that the output sample before it has left. */
    float *queue = state->queue;
    int queued = state->queued;
    for (size_t i = 0; i < samples; ++i) {
        queue[queued] = in[i];
        if (++queued == UNDIN_HOP) {
            undin_hop(state, undin_aligned(arena), queue, queue);
            queued = 0;
        }
        out[i] = queue[queued];
    }
    state->queued = queued;
}

#endif
