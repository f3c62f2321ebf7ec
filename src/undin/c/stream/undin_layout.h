/* undin_layout.h: what a stream keeps, where that lies in the memory of its owner, and how long the output waits.
 *
 * All of it lies behind the structure, in floats, and is found by its distance from there: a copy elsewhere is a stream.
 */
#ifndef UNDIN_LAYOUT_H
#define UNDIN_LAYOUT_H

#include <stdint.h>
#include <string.h>

#include "undin.h"

#include "undin_high_band.h"
#include "undin_levels.h"
#include "undin_offset.h"
#include "undin_resampler.h"

#define UNDIN_ARENA_ALIGNMENT 64 /* bytes, a cache line and the widest vector */

/* Numbers of floats in the memory of a stream, and where its parts begin. */
typedef struct undin_layout {
    int input, queue, dry, change, energy, gains; /* floats of a channel's buffers */
    size_t channel;                              /* floats of all of them together */
    size_t state;                                /* floats of a state of the model */
    size_t down, up, high_band;                  /* where filters begin, floats */
    size_t channels, states;                     /* where buffers and states of all channels begin, floats */
    size_t arena;                                /* where the arena of the model begins, which others may use too */
    size_t bytes;                                /* of the whole stream */
} undin_layout;

struct undin_stream {
    const undin_model *model;
    int channels;
    int latency, delay; /* samples of the stream, and of the model in whole hops */
    int is_linked, is_bypassed;
    float gain_floor;   /* the least gain that the limit of attenuation allows */
    float wet;          /* of the last output sample */
    int is_fresh;       /* nothing has gone through since the last reset */

    int silence;        /* of the output that comes before the queue */
    int input_count, mix; /* samples in the buffers of input, and index of the one that is mixed next */
    int queue_begin, queue_end;
    int dry_count, change_count, early; /* samples at the model's rate; enhanced ones to come that precede the input */
    int gain_count;
    undin_resampler down, up;
    undin_high_band high_band;
    undin_meter meter;
    undin_layout layout;
};

/* Samples of the queue, at the most, that have not been given out when a hop begins. */
#define UNDIN_MAX_LEFT 2

/* The buffers of one channel. A hop of the model lies where its output will be, behind what is left in the queue. */
typedef struct undin_channel {
    float *input, *queue, *dry, *change, *dry_energy, *energy, *gains, *hop, *end;
    undin_offset *offset;
} undin_channel;

UNDIN_INLINE float *undin_memory(undin_stream *s) { return (float *)(s + 1); }

/* Floats between buffers, so that each begins at a multiple of 16 bytes from the stream's start. */
UNDIN_INLINE size_t undin_place(size_t *end, size_t floats) {
    const size_t begin = *end;
    *end += (floats + 3) & ~(size_t)3;
    return begin;
}

UNDIN_INLINE int undin_max_outputs(const undin_stream *s) {
    return (int)((int64_t)s->model->hop_samples * s->up.up / s->up.down) + 2;
}

static undin_channel undin_channel_at(undin_stream *s, int channel) {
    const undin_layout *l = &s->layout;
    float *place = undin_memory(s) + l->channels + (size_t)channel * l->channel;
    undin_channel c;
    size_t end = 0;
    c.offset = (undin_offset *)(place + undin_place(&end, (sizeof(undin_offset) + 3) / sizeof(float)));
    c.input = place + undin_place(&end, (size_t)l->input);
    c.queue = place + undin_place(&end, (size_t)l->queue);
    c.dry = place + undin_place(&end, (size_t)l->dry);
    c.change = place + undin_place(&end, (size_t)l->change);
    c.dry_energy = place + undin_place(&end, (size_t)l->energy);
    c.energy = place + undin_place(&end, (size_t)l->energy);
    c.gains = place + undin_place(&end, (size_t)l->gains);
    c.hop = c.queue + UNDIN_MAX_LEFT;
    c.end = place + end;
    return c;
}

/* The most input samples that an output sample ever lags behind, which is so just before a hop is complete.
 *
 * After n input samples the resampler has made ceil((n - h) up / down) for the model. Just before the K-th of them, the
 * end of a hop, n = h + floor((K - 1) down / up), and ceil((K - c - 1) down / up) outputs are there, where c counts the
 * samples at the model's rate that wait: a hop less one, the delay of the model, half a filter. The difference is
 * (c down - a - b) / up with the remainders a = (K - 1) down and b = (c + 1 - K) down, mod up. Their sum is c down mod
 * up, or up more than that; it is the former for a hop whose a is small enough, and a takes all values below up that
 * leave the remainder -down when divided by the common factor of hop and up. */
static int undin_longest_wait(const undin_stream *s) {
    const int64_t up = s->down.up, down = s->down.down;
    const int64_t waiting = (int64_t)s->model->hop_samples - 1 + s->delay + s->up.half;
    const int64_t factor = undin_gcd(s->model->hop_samples, s->down.up);
    const int64_t least = (factor - down % factor) % factor;
    return (int)(s->down.half + waiting * down / up - (least > waiting * down % up));
}

/* Everything that follows from model, rate and channels. */
static void undin_plan(undin_stream *s, const undin_model *model, int sample_rate, int channels) {
    memset(s, 0, sizeof *s);
    s->model = model;
    s->channels = channels;
    s->delay = model->latency_samples - (model->hop_samples - 1);
    undin_resampler_plan(&s->down, sample_rate, model->sample_rate_hz);
    undin_resampler_plan(&s->up, model->sample_rate_hz, sample_rate);
    s->latency = undin_longest_wait(s);
    undin_high_band_plan(&s->high_band, &s->up);

    undin_layout *l = &s->layout;
    const int hop = model->hop_samples, outputs = undin_max_outputs(s), has_other_rate = s->up.half > 0;
    /* Input waits for its output, which comes at the latest when it would be late. */
    l->input = undin_resampler_history(&s->down) + s->latency + undin_resampler_slack(&s->down) + 2;
    l->queue = UNDIN_MAX_LEFT + (outputs > hop ? outputs : hop);
    l->change = s->up.rows + hop + 16 + undin_resampler_slack(&s->up);
    l->dry = l->change + s->delay;
    l->energy = has_other_rate ? undin_high_band_energies(&s->high_band, hop + s->delay) : 0;
    l->gains = has_other_rate ? l->change / UNDIN_STEP + s->high_band.ahead + 4 : 0;
    l->state = (model->state_bytes + 3) / sizeof(float);

    size_t end = 0;
    l->down = undin_place(&end, undin_resampler_floats(&s->down));
    l->up = undin_place(&end, undin_resampler_floats(&s->up));
    l->high_band = undin_place(&end, has_other_rate ? (size_t)undin_high_band_floats(&s->high_band) : 0);
    l->channels = end;
    const undin_channel first = undin_channel_at(s, 0);
    l->channel = (size_t)(first.end - (float *)first.offset);
    end += l->channel * (size_t)channels;
    l->states = undin_place(&end, ((l->state + 3) & ~(size_t)3) * (size_t)channels);
    l->arena = end;
    /* What is needed for a moment: a filter in design, a signal for the high band, two signals of two channels. */
    const int filter = 2 * (s->down.half > s->up.half ? s->down.half : s->up.half), signal = l->change + 8;
    const int moment = filter > signal ? filter : signal, floats = moment > 2 * outputs ? moment : 2 * outputs;
    const size_t arena = sizeof(float) * (size_t)floats;
    l->bytes = sizeof *s + end * sizeof(float) + UNDIN_ARENA_ALIGNMENT;
    l->bytes += model->arena_bytes > arena ? model->arena_bytes : arena;
}

static int undin_refusal(const undin_model *model, int sample_rate, int channels) {
    if (!model || model->abi != UNDIN_ABI) return UNDIN_ERROR_ABI;
    if (model->hop_samples < 1 || model->latency_samples < model->hop_samples - 1 || model->sample_rate_hz < 1000)
        return UNDIN_ERROR_MODEL;
    if (sample_rate < UNDIN_MIN_SAMPLE_RATE_HZ || sample_rate > UNDIN_MAX_SAMPLE_RATE_HZ) return UNDIN_ERROR_SAMPLE_RATE;
    if (channels < 1 || channels > UNDIN_MAX_CHANNELS) return UNDIN_ERROR_CHANNELS;
    return 0;
}

/* Memory for a moment. */
UNDIN_INLINE float *undin_arena(undin_stream *s) {
    const uintptr_t end = (uintptr_t)(undin_memory(s) + s->layout.arena) + UNDIN_ARENA_ALIGNMENT - 1;
    return (float *)(end - end % UNDIN_ARENA_ALIGNMENT);
}

UNDIN_INLINE void *undin_state_at(undin_stream *s, int channel) {
    return undin_memory(s) + s->layout.states + (size_t)channel * ((s->layout.state + 3) & ~(size_t)3);
}

#endif
