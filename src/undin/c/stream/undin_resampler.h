/* undin_resampler.h: change the sample rate of a stream, linear in phase, with a short and exact delay.
 *
 * Each output sample is a windowed-sinc interpolation of the input at its own instant (Crochiere and Rabiner, Multirate
 * Digital Signal Processing, 1983, chapter 4; Kaiser's window): output k stands at the input's time k * in_rate /
 * out_rate and nothing is shifted. It waits for `half` input samples: 2.8 ms where the lower rate is 16 kHz or less,
 * and 1 ms at 44.1 kHz, because the filter gives up the top tenth of the band. Flat within 0.01 dB up to 0.9 of the
 * lower Nyquist frequency, 72 dB down from the transition band's end on.
 *
 * A block of 8 or 16 outputs is made at a time. Their filters, each shifted to its place, form a banded matrix of `rows`
 * by `lanes`, which is multiplied by as many input samples. After a turn of `turn_out` outputs the filters repeat. Rates whose turn is too
 * long for that, such as 47,999 Hz, find the filter of an output between two of a table of phases, by a straight line:
 * slower, and as exact, for the phases lie close enough.
 */
#ifndef UNDIN_RESAMPLER_H
#define UNDIN_RESAMPLER_H

#include <stdint.h>

#include "undin_design.h"

#define UNDIN_KAISER_BETA 6.97566f /* 0.1102 (72 - 8.7): Kaiser's rule for a stopband of 72 dB */
#define UNDIN_MIN_TRANSITION_HZ 800

/* Floats of banded matrices above which phases are interpolated: 256 kB. */
#define UNDIN_MAX_BANDED_FLOATS 65536

/* A plan and the place in the input. Indices of input samples are those of the buffer that the caller keeps. */
typedef struct undin_resampler {
    int in_rate, out_rate;
    int up, down;           /* out_rate / in_rate in lowest terms */
    int half;               /* input samples that an output waits for; 0: equal rates */
    int turn_out, turn_in;  /* outputs and inputs after which the filters repeat */
    int lanes;              /* outputs of a block */
    int rows;               /* input samples to a block, or to one output, a multiple of 8 */
    int blocks;             /* banded matrices of a turn; 0: interpolated phases */
    int phases;             /* in the table of these, which has two more */
    int next;               /* output of this turn that comes next */
    int origin;             /* index of the input sample at the start of this turn */
} undin_resampler;

UNDIN_INLINE int undin_gcd(int a, int b) {
    while (b) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

UNDIN_INLINE int undin_whole_eights(int count) { return (count + 7) & ~7; }

/* Twentieths of a hertz: transition band, and twice the cutoff frequency in its middle. */
UNDIN_INLINE int undin_transition(const undin_resampler *r) {
    const int lower = r->in_rate < r->out_rate ? r->in_rate : r->out_rate;
    return lower > 20 * UNDIN_MIN_TRANSITION_HZ ? lower : 20 * UNDIN_MIN_TRANSITION_HZ;
}
UNDIN_INLINE int undin_twice_cutoff(const undin_resampler *r) {
    const int lower = r->in_rate < r->out_rate ? r->in_rate : r->out_rate;
    return 18 * lower + undin_transition(r);
}

/* Floats of the filters. */
UNDIN_INLINE size_t undin_resampler_floats(const undin_resampler *r) {
    return (size_t)r->rows * (r->blocks ? (size_t)r->lanes * (size_t)r->blocks : (size_t)r->phases + 2);
}

/* Plan for two rates. */
static void undin_resampler_plan(undin_resampler *r, int in_rate, int out_rate) {
    const int divisor = undin_gcd(in_rate, out_rate);
    *r = (undin_resampler){.lanes = 1, .in_rate = in_rate, .out_rate = out_rate, .up = out_rate / divisor, .down = in_rate / divisor};
    r->turn_out = r->up;
    r->turn_in = r->down;
    if (in_rate == out_rate) return;
    /* Kaiser's estimate of the length for an attenuation and a transition band: (72 - 7.95) / (2 * 14.36 * width) s. */
    r->half = (int)((int64_t)6405 * 20 * in_rate / ((int64_t)2872 * undin_transition(r))) + 1;
    /* Where blocks are wide, matrices have more zeros in them; it is worth it where many outputs come of few inputs. */
    r->lanes = 4 * (int)((int64_t)15 * r->down / r->up) < r->half ? 16 : 8;
    const int repeats = r->up < 64 ? r->lanes / undin_gcd(r->up, r->lanes) : 1; /* whole blocks, where turns are short */
    const int span = (int)((int64_t)(r->lanes - 1) * r->down / r->up) + 1;      /* of a block, input samples */
    r->turn_out *= repeats;
    r->turn_in *= repeats;
    r->blocks = (r->turn_out + r->lanes - 1) / r->lanes;
    r->rows = undin_whole_eights(2 * r->half + span);
    if (undin_resampler_floats(r) <= UNDIN_MAX_BANDED_FLOATS) return;
    /* Phases so close that a straight line between them is wrong by 5e-6 at the most, (pi frequency / phases)^2 / 2. */
    r->turn_out = r->up;
    r->turn_in = r->down;
    r->lanes = 1;
    r->blocks = 0;
    r->rows = undin_whole_eights(2 * r->half);
    r->phases = 1024 * (undin_twice_cutoff(r) / 40) / in_rate + 1;
}

/* The filter of an output that stands a `phase` of `phases` behind an input sample: `2 half` taps. Phase 0 reaches one
 * sample further to the right than to the left, and the last phase to the left: that tap is there `with_ends` alone. */
static void undin_resampler_taps(const undin_resampler *r, int64_t phase, int64_t phases, int with_ends, float *taps) {
    const int64_t twice_cutoff = undin_twice_cutoff(r), unit = 20 * (int64_t)r->in_rate;
    for (int tap = 0; tap < 2 * r->half; ++tap) {
        const int64_t time = phase - (tap + 1 - r->half) * phases; /* of the output after the input sample */
        const float place = (float)time / (float)(r->half * phases);
        const int is_end = time == r->half * phases || time == -r->half * phases;
        taps[tap] = is_end && !with_ends ? 0 : undin_sinc(twice_cutoff * time, unit * phases) * undin_kaiser(place, UNDIN_KAISER_BETA);
    }
    undin_normalise(taps, 2 * r->half);
}

/* Input samples from the start of a turn to an output of it, which may lie turns later. */
UNDIN_INLINE int undin_resampler_base(const undin_resampler *r, int64_t output) {
    return (int)(output * r->down / r->up);
}

/* Place of a tap of an output's filter in the banded matrices. */
UNDIN_INLINE float *undin_resampler_tap(const undin_resampler *r, float *filters, int output, int tap) {
    const int lane = output % r->lanes, begin = output - lane;
    const int shift = undin_resampler_base(r, output) - undin_resampler_base(r, begin);
    return filters + (size_t)begin * r->rows + (size_t)r->lanes * (tap + shift) + lane;
}

/* Write the filters; `work` has room for 2 half floats. */
static void undin_resampler_design(const undin_resampler *r, float *filters, float *work) {
    for (size_t i = 0; i < undin_resampler_floats(r); ++i) filters[i] = 0;
    if (r->half == 0) return;
    if (!r->blocks) {
        for (int phase = 0; phase <= r->phases; ++phase)
            undin_resampler_taps(r, phase, r->phases, 1, filters + (size_t)phase * r->rows);
        undin_resampler_taps(r, 0, r->phases, 0, filters + (size_t)(r->phases + 1) * r->rows);
    }
    for (int output = 0; r->blocks && output < r->turn_out; ++output) {
        /* Where a turn repeats the shortest one, its filters are designed once. */
        if (output < r->up)
            undin_resampler_taps(r, (int64_t)output * r->down % r->up, r->up, 0, work);
        else
            for (int tap = 0; tap < 2 * r->half; ++tap) work[tap] = *undin_resampler_tap(r, filters, output % r->up, tap);
        for (int tap = 0; tap < 2 * r->half; ++tap) *undin_resampler_tap(r, filters, output, tap) = work[tap];
    }
}

/* Go back to the start: `history` samples of silence lie in the buffer, then comes input sample 0. */
UNDIN_INLINE int undin_resampler_history(const undin_resampler *r) { return r->half ? r->half - 1 : 0; }
UNDIN_INLINE void undin_resampler_reset(undin_resampler *r) {
    r->next = 0;
    r->origin = undin_resampler_history(r);
}

/* Index of the last input sample that the output `ahead` outputs after the next one depends on. */
UNDIN_INLINE int undin_resampler_last(const undin_resampler *r, int ahead) {
    return r->origin + undin_resampler_base(r, (int64_t)r->next + ahead) + r->half;
}

/* Index of the first input sample that will still be looked at. */
UNDIN_INLINE int undin_resampler_first(const undin_resampler *r) {
    const int begin = r->next - r->next % r->lanes;
    return r->origin + undin_resampler_base(r, begin) - undin_resampler_history(r);
}

/* How many outputs there are when the buffer holds `count` samples: all k with base(k) + half < count. */
UNDIN_INLINE int undin_resampler_available(const undin_resampler *r, int count) {
    const int64_t reach = (int64_t)count - r->half - r->origin;
    if (reach <= 0) return 0;
    const int64_t outputs = (reach * r->up + r->down - 1) / r->down - r->next;
    return outputs > 0 ? (int)outputs : 0;
}

/* Floats that are read behind the last sample of a buffer, for outputs of a block that are not due yet. */
UNDIN_INLINE int undin_resampler_slack(const undin_resampler *r) { return r->rows - 2 * r->half; }

/* Outputs of the block of the next one, `turns` turns of it: of each signal at most `count` in a turn. Returns how many
 * that were; they go to out[signal] and, for the next turns, `turn_out` floats further. */
UNDIN_INLINE int undin_block(const undin_resampler *r, const float *filters, const float *const *x, float *const *out,
                             int begin, int count, int signals, int turns) {
    const float *from[UNDIN_MAX_TOGETHER];
    float outputs[UNDIN_MAX_TOGETHER * 16];
    const int lane = r->next % r->lanes, rest = r->turn_out - r->next;
    const int whole = r->lanes - lane < rest ? r->lanes - lane : rest;
    const int made = whole < count ? whole : count, first = undin_resampler_first(r);
    const float *matrix = filters + (size_t)(r->next - lane) * r->rows;
    for (int i = 0; i < signals * turns; ++i) from[i] = x[i / turns] + first + i % turns * r->turn_in;
    if (r->lanes == 16)
        undin_two_eights(matrix, r->rows, from, signals * turns, outputs);
    else
        undin_eight_outputs(matrix, r->rows, from, signals * turns, outputs);
    for (int i = 0; i < signals * turns; ++i) {
        float *to = out[i / turns] + begin + i % turns * r->turn_out;
        for (int output = 0; output < made; ++output) to[output] = outputs[r->lanes * i + lane + output];
    }
    return made;
}

UNDIN_INLINE void undin_advance(undin_resampler *r, int outputs, int turns) {
    r->next += outputs;
    if (r->next < r->turn_out) return;
    r->next = 0;
    r->origin += turns * r->turn_in;
}

/* One output of a signal, from the two phases beside it; phase 0 has a filter of its own. */
UNDIN_INLINE float undin_between_phases(const undin_resampler *r, const float *filters, const float *x) {
    const int64_t phase = (int64_t)r->next * r->down % r->up * r->phases;
    if (phase == 0) return undin_dot(filters + (size_t)(r->phases + 1) * r->rows, x, r->rows);
    const float *before = filters + (size_t)(phase / r->up) * r->rows, *after = before + r->rows;
    const float weight = (float)(phase % r->up) / (float)r->up, y = undin_dot(before, x, r->rows);
    return y + weight * (undin_dot(after, x, r->rows) - y);
}

/* The next `count` outputs of signals whose buffers have the same indices. How many are made at once changes no bit. */
UNDIN_INLINE void undin_resample_signals(undin_resampler *r, const float *filters, const float *const *x,
                                         float *const *out, int count, int signals) {
    const int turns = UNDIN_MAX_TOGETHER / signals;
    if (r->half == 0) {
        for (int signal = 0; signal < signals; ++signal)
            for (int i = 0; i < count; ++i) out[signal][i] = x[signal][r->origin + i];
        r->origin += count;
        return;
    }
    for (int done = 0; done < count;) {
        if (!r->blocks) {
            const int first = undin_resampler_first(r);
            for (int signal = 0; signal < signals; ++signal)
                out[signal][done] = undin_between_phases(r, filters, x[signal] + first);
            undin_advance(r, 1, 1);
            ++done;
        } else if (turns > 1 && r->next == 0 && count - done >= turns * r->turn_out) {
            for (int of_turn = 0; of_turn < r->turn_out;) {
                const int made = undin_block(r, filters, x, out, done + of_turn, r->turn_out, signals, turns);
                of_turn += made;
                undin_advance(r, made, turns);
            }
            done += turns * r->turn_out;
        } else {
            const int made = undin_block(r, filters, x, out, done, count - done, signals, 1);
            undin_advance(r, made, 1);
            done += made;
        }
    }
}

/* The same for any number of signals, 1, 2 or 4, each with its own code where there are vectors. */
static void undin_resample(undin_resampler *r, const float *filters, const float *const *x, float *const *out, int count,
                           int signals) {
    if (UNDIN_LANES == 1) {
        undin_resample_signals(r, filters, x, out, count, signals);
        return;
    }
    if (signals == 1) undin_resample_signals(r, filters, x, out, count, 1);
    if (signals == 2) undin_resample_signals(r, filters, x, out, count, 2);
    if (signals == 4) undin_resample_signals(r, filters, x, out, count, 4);
}

#endif
