/* soak_hops.c: hundreds of hops through a model, good samples and none at all, in memory of exactly the size asked for. */
#include "model.h"
#include "soak.h"

enum { HOP = UNDIN_SIZE(HOP_SAMPLES), HOPS = 20, CHANNELS = 3 };

typedef struct {
    void *states[CHANNELS];
    void *arena;
} memory;

static void reset(const memory *m) {
    for (int channel = 0; channel < CHANNELS; ++channel) MODEL.reset(m->states[channel]);
}

/* Hops one by one, from one signal for all channels; the caller frees the result, of the last of them. */
static float *through_hops(const memory *m, const float *in, int linked) {
    float *out = malloc(HOPS * HOP * sizeof *out), energies[2] = {0, 0};
    for (int hop = 0; hop < HOPS; ++hop) {
        float *ins[CHANNELS], *outs[CHANNELS];
        for (int channel = 0; channel < CHANNELS; ++channel) {
            ins[channel] = malloc(HOP * sizeof **ins);
            outs[channel] = malloc(HOP * sizeof **outs);
            memcpy(ins[channel], in + hop * HOP, HOP * sizeof **ins);
        }
        MODEL.process_hops(m->states, m->arena, (const float *const *)ins, outs, CHANNELS, linked, 1, energies);
        memcpy(out + hop * HOP, outs[CHANNELS - 1], HOP * sizeof *out);
        for (int channel = 0; channel < CHANNELS; ++channel) {
            check_finite(outs[channel], HOP);
            free(ins[channel]);
            free(outs[channel]);
        }
    }
    check(isfinite(energies[0]) && isfinite(energies[1]), "an energy is not finite");
    return out;
}

int main(void) {
    memory m = {.arena = malloc(MODEL.arena_bytes)};
    check(MODEL.state_bytes == UNDIN_SIZE(STATE_BYTES) && MODEL.arena_bytes == UNDIN_SIZE(ARENA_BYTES), "other sizes");
    for (int channel = 0; channel < CHANNELS; ++channel) m.states[channel] = malloc(MODEL.state_bytes);
    memset(m.arena, 0xFF, MODEL.arena_bytes);
    float *in = samples_of(HOPS * HOP, 0);
    for (int linked = 0; linked < 2; ++linked) {
        reset(&m);
        float *expected = through_hops(&m, in, linked);
        for (int round = 0; round < 3; ++round) {
            /* Finite samples are all that a stream lets through. When they are over, the sound is finite without a
             * reset, and after one nothing is left of them. */
            float *worse = samples_of(HOPS * HOP, 50);
            for (int i = 0; i < HOPS * HOP; ++i) worse[i] = fabsf(worse[i]) < 1e6f ? worse[i] : 0;
            reset(&m);
            free(through_hops(&m, worse, round % 2));
            free(through_hops(&m, in, linked));
            reset(&m);
            float *again = through_hops(&m, in, linked);
            check(!memcmp(again, expected, HOPS * HOP * sizeof *again), "a reset state differs from a fresh one");
            free(again);
            free(worse);
        }
        float *copy = malloc(HOPS * HOP * sizeof *copy), *places[CHANNELS] = {copy}, energies[2] = {0, 0};
        memcpy(copy, in, HOPS * HOP * sizeof *copy);
        reset(&m);
        MODEL.process_hops(m.states, m.arena, (const float *const *)places, places, 1, linked, HOPS, energies);
        if (!linked) check(!memcmp(copy, expected, HOPS * HOP * sizeof *copy), "hops in one call, in place, differ");
        free(copy);
        free(expected);
    }
    free(in);
    for (int channel = 0; channel < CHANNELS; ++channel) free(m.states[channel]);
    free(m.arena);
    return 0;
}
