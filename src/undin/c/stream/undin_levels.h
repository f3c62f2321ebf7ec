/* undin_levels.h: what meters show: sums over a block of the stream, and decibels of them when somebody asks. */
#ifndef UNDIN_LEVELS_H
#define UNDIN_LEVELS_H

#include "undin.h"
#include "undin_eight.h"
#include "undin_math.h"

#define UNDIN_MIN_DB (-120.0f)
#define UNDIN_MAX_DB 120.0f

typedef struct undin_meter {
    float input, output;   /* energy of the last block */
    float samples;         /* of all its channels */
    float before, after;   /* energy of the input and of the output of the last hops, aligned */
    float energies[2];     /* heard and kept by the model in them */
    int has_hops;          /* of this block */
} undin_meter;

UNDIN_INLINE void undin_meter_block(undin_meter *m, size_t samples) {
    m->input = m->output = 0;
    m->samples = (float)samples;
    m->has_hops = 0;
}

/* A hop begins: those of the blocks before count no more. */
UNDIN_INLINE void undin_meter_begin_hop(undin_meter *m) {
    if (!m->has_hops) m->before = m->after = m->energies[0] = m->energies[1] = 0;
    m->has_hops = 1;
}

UNDIN_INLINE void undin_meter_hop(undin_meter *m, const float *in, const float *out, int count) {
    m->before += undin_energy(in, count);
    m->after += undin_energy(out, count);
}

UNDIN_INLINE float undin_ratio_db(float energy, float reference) {
    const float least = 1e-12f, most = 1e12f; /* the same as ratios */
    if (!(energy > least * reference)) return UNDIN_MIN_DB;
    if (energy > most * reference) return UNDIN_MAX_DB;
    return 4.34294482f * undin_log(energy / reference);
}

UNDIN_INLINE void undin_meter_read(const undin_meter *m, undin_levels *levels) {
    levels->input_dbfs = undin_ratio_db(m->input, m->samples);
    levels->output_dbfs = undin_ratio_db(m->output, m->samples);
    levels->reduction_db = m->before > 0 ? -undin_ratio_db(m->after, m->before) : 0;
    const float presence = m->energies[0] > 0 ? m->energies[1] / m->energies[0] : 0;
    levels->presence = presence < 1 ? presence : 1;
}

/* A gain from an attenuation in dB, which may be infinite. */
UNDIN_INLINE float undin_gain_of_db(float attenuation_db) { return undin_exp(-0.115129255f * attenuation_db); }

#endif
