/* soak.c: hundreds of hops and blocks through a model, good samples and bad, in memory of exactly the size asked for.
 *
 * To be built with sanitizers, which see any access beyond that memory. Prints what went wrong and returns 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { HOP = UNDIN_SIZE(HOP_SAMPLES), HOPS = 20 };

static const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f, -3e38f, 9e5f, 1e-39f, -1e-45f, -0.0f, 1e-20f};

static unsigned long long seed = 1;

static unsigned any(unsigned below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static float good_sample(void) { return (float)any(20001) * 1e-5f - 0.1f; }

static float *samples_of(int count, unsigned bad_percent) {
    float *samples = malloc((size_t)count * sizeof *samples);
    for (int i = 0; i < count; ++i)
        samples[i] = any(100) < bad_percent ? bad[any(sizeof bad / sizeof *bad)] : good_sample();
    return samples;
}

static void check(int is_right, const char *otherwise) {
    if (is_right) return;
    puts(otherwise);
    exit(1);
}

static void check_finite(const float *samples, int count) {
    for (int i = 0; i < count; ++i) check(isfinite(samples[i]), "an output sample is not finite");
}

/* Hops one by one; the caller frees the result. */
static float *through_hops(UNDIN(state) *state, UNDIN(arena) *arena, const float *in, int hops) {
    float *out = malloc((size_t)hops * HOP * sizeof *out);
    for (int hop = 0; hop < hops; ++hop) {
        float *hop_in = malloc(HOP * sizeof *hop_in), *hop_out = malloc(HOP * sizeof *hop_out);
        memcpy(hop_in, in + hop * HOP, HOP * sizeof *hop_in);
        UNDIN(process)(state, arena, hop_in, hop_out);
        memcpy(out + hop * HOP, hop_out, HOP * sizeof *hop_out);
        free(hop_in);
        free(hop_out);
    }
    check_finite(out, hops * HOP);
    return out;
}

static void through_blocks(UNDIN(state) *state, UNDIN(arena) *arena, int samples, unsigned bad_percent) {
    for (int done = 0, count; done < samples; done += count) {
        count = (int)any(3 * HOP);
        float *in = samples_of(count, bad_percent), *out = malloc((size_t)count * sizeof *out);
        UNDIN(process_block)(state, arena, in, out, (size_t)count);
        check_finite(out, count);
        free(in);
        free(out);
    }
}

int main(void) {
    UNDIN(state) *state = malloc(UNDIN_SIZE(STATE_SIZE));
    UNDIN(arena) *arena = malloc(UNDIN_SIZE(ARENA_SIZE));
    check(UNDIN(state_size)() == sizeof *state && UNDIN(arena_size)() == sizeof *arena, "the sizes contradict");
    memset(arena, 0xFF, sizeof *arena);
    float *in = samples_of(HOPS * HOP, 0);
    UNDIN(reset)(state);
    float *expected = through_hops(state, arena, in, HOPS);

    const unsigned bad_percents[] = {0, 1, 50, 100};
    for (int round = 0; round < 8; ++round) {
        const unsigned bad_percent = bad_percents[round % 4];
        UNDIN(reset)(state);
        UNDIN(set_atten_lim_db)(state, round < 4 ? INFINITY : 12);
        if (round % 2) {
            through_blocks(state, arena, HOPS * HOP, bad_percent);
        } else {
            float *worse = samples_of(HOPS * HOP, bad_percent);
            free(through_hops(state, arena, worse, HOPS));
            free(worse);
        }
        /* What was bad has passed: the sound is finite without a reset, and after one nothing is left of it. */
        free(through_hops(state, arena, in, HOPS));
        UNDIN(reset)(state);
        float *again = through_hops(state, arena, in, HOPS);
        check(!memcmp(again, expected, HOPS * HOP * sizeof *again), "a reset stream differs from a fresh one");
        free(again);
    }
    UNDIN(reset)(state);
    UNDIN(process_hops)(state, arena, in, in, HOPS);
    check(!memcmp(in, expected, HOPS * HOP * sizeof *in), "hops in one call, in place, differ from one by one");
    free(in);
    free(expected);
    free(arena);
    free(state);
    return 0;
}
