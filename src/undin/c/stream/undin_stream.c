/* undin_stream.c: the one stream: samples of any rate, in blocks of any size, through the hops of a model.
 *
 *     input ─┬──────────────────────────── delayed ───────────────────────────► mix with `wet` ─► queue ─► output
 *            └─ down ─┬─ dry ─ offset out ─ model ─ enhanced                        ▲
 *                     └─────────────────────── − ──────┴─ change ─ up, high band ───┘
 *
 *     output = input + wet (up(change) + (gain − 1) (input − up(dry))),    change = enhanced − dry
 *
 * What the network did is added to the input, so that sound outside the model's band is never lost: it follows the gain
 * of the top of that band (undin_high_band.h). `wet` is 1 without a limit of attenuation and 0 in bypass. All signals
 * are aligned by their index in time, only ever later available; the queue, which begins with the latency in silence,
 * makes each block as long as it came. At the model's own rate down and up do nothing, and change is all there is.
 *
 * All work is done when the input for a hop of the model is complete, so how a signal is cut into blocks changes nothing.
 * Read undin.h first; next: undin_resampler.h, undin_high_band.h, undin_offset.h, and undin_hop.h for what a model does.
 */
#include "undin.h"

#include <stdint.h>
#include <string.h>

#include "undin_high_band.h"
#include "undin_levels.h"
#include "undin_offset.h"
#include "undin_resampler.h"

#ifndef UNDIN_PUBLIC
#define UNDIN_PUBLIC(name) undin_##name
#endif

/* 120 dB above full scale is no sound, and its power would soon be infinite. */
#define UNDIN_LARGEST_SAMPLE 1e6f

#define UNDIN_ARENA_ALIGNMENT 64 /* bytes, a cache line and the widest vector */

/* Numbers of floats in the memory of a stream, and where its parts begin. */
typedef struct undin_layout {
    int input, queue, model_rate, energy, gains; /* floats of a channel's buffers */
    size_t channel;                              /* floats of all of them together */
    size_t state;                                /* floats of a state of the model */
    size_t down, up, high_band;                  /* where filters begin, floats */
    size_t work, channels, states, arena;        /* where working memory, buffers and states of all channels begin */
    size_t bytes;                                /* of the whole stream */
} undin_layout;

struct undin_stream {
    const undin_model *model;
    int sample_rate, channels;
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

/* The buffers of one channel. */
typedef struct undin_channel {
    float *input, *queue, *dry, *change, *dry_energy, *energy, *gains, *hop;
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
    c.dry = place + undin_place(&end, (size_t)l->model_rate);
    c.change = place + undin_place(&end, (size_t)l->model_rate);
    c.dry_energy = place + undin_place(&end, (size_t)l->energy);
    c.energy = place + undin_place(&end, (size_t)l->energy);
    c.gains = place + undin_place(&end, (size_t)l->gains);
    c.hop = place + undin_place(&end, (size_t)s->model->hop_samples);
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
    s->sample_rate = sample_rate;
    s->channels = channels;
    s->delay = model->latency_samples - (model->hop_samples - 1);
    undin_resampler_plan(&s->down, sample_rate, model->sample_rate_hz);
    undin_resampler_plan(&s->up, model->sample_rate_hz, sample_rate);
    s->latency = undin_longest_wait(s);
    undin_high_band_plan(&s->high_band, &s->up);

    undin_layout *l = &s->layout;
    const int hop = model->hop_samples, outputs = undin_max_outputs(s), has_other_rate = s->up.half > 0;
    const int down_rows = undin_resampler_slack(&s->down), up_rows = undin_resampler_slack(&s->up);
    l->input = s->latency + 2 * down_rows + outputs + 2 * UNDIN_STEP;
    l->queue = 2 * outputs + 2 * UNDIN_STEP;
    l->model_rate = s->delay + 2 * up_rows + hop + 2 * UNDIN_STEP;
    l->energy = has_other_rate ? undin_high_band_energies(&s->high_band, hop + s->delay) : 0;
    l->gains = has_other_rate ? (hop + s->delay + 2 * up_rows) / UNDIN_STEP + 4 + s->high_band.ahead : 0;
    l->state = (model->state_bytes + 3) / sizeof(float);

    size_t end = 0;
    l->down = undin_place(&end, undin_resampler_floats(&s->down));
    l->up = undin_place(&end, undin_resampler_floats(&s->up));
    l->high_band = undin_place(&end, has_other_rate ? (size_t)undin_high_band_floats(&s->high_band) : 0);
    l->work = undin_place(&end, (size_t)(2 * outputs + l->model_rate + down_rows));
    l->channels = end;
    /* The size of a channel is where the buffer after its last one would begin. */
    const undin_channel first = undin_channel_at(s, 0);
    l->channel = (size_t)(first.hop - (float *)first.offset) + (((size_t)hop + 3) & ~(size_t)3);
    end += l->channel * (size_t)channels;
    l->states = undin_place(&end, ((l->state + 3) & ~(size_t)3) * (size_t)channels);
    l->arena = end;
    l->bytes = sizeof *s + end * sizeof(float) + model->arena_bytes + UNDIN_ARENA_ALIGNMENT;
}

static int undin_refusal(const undin_model *model, int sample_rate, int channels) {
    if (!model || model->abi != UNDIN_ABI) return UNDIN_ERROR_ABI;
    if (model->hop_samples < 1 || model->latency_samples < model->hop_samples - 1 || model->sample_rate_hz < 1000)
        return UNDIN_ERROR_MODEL;
    if (sample_rate < UNDIN_MIN_SAMPLE_RATE_HZ || sample_rate > UNDIN_MAX_SAMPLE_RATE_HZ) return UNDIN_ERROR_SAMPLE_RATE;
    if (channels < 1 || channels > UNDIN_MAX_CHANNELS) return UNDIN_ERROR_CHANNELS;
    return 0;
}

UNDIN_INLINE void *undin_state_at(undin_stream *s, int channel) {
    return undin_memory(s) + s->layout.states + (size_t)channel * ((s->layout.state + 3) & ~(size_t)3);
}

UNDIN_INLINE float undin_wet_wanted(const undin_stream *s) { return s->is_bypassed ? 0 : 1 - s->gain_floor; }

/* Output samples of a channel; where limit or bypass have changed, `wet` gets there in equal steps. */
static void undin_mix(const undin_stream *s, const float *in, const float *change, float *out, int count) {
    const float wet = s->wet, wanted = undin_wet_wanted(s);
    if (wet == 0 && wanted == 0) {
        memcpy(out, in, (size_t)count * sizeof(float)); /* bit for bit, whatever the network did */
        return;
    }
    const float step = (wanted - wet) / (float)(count ? count : 1);
    if (step == 0)
        for (int i = 0; i < count; ++i) out[i] = in[i] + wet * change[i];
    else
        for (int i = 0; i < count; ++i) out[i] = in[i] + (wet + step * (float)(i + 1)) * change[i];
}

/* Gains of the sound beside the model's band: change += (gain - 1) (in - dry). `at` is the resampler before `count`. */
static void undin_follow(const undin_stream *s, const undin_resampler *at, const float *gains, const float *in,
                         const float *dry, float *change, int count) {
    /* Between the steps the gain changes linearly. The first gain that is kept belongs to this sample: */
    const int first = s->high_band.next_sample - UNDIN_STEP * (s->high_band.ahead + s->gain_count);
    const int whole = at->down / at->up, rest = at->down % at->up;
    int sample = at->origin + undin_resampler_base(at, at->next) - first;
    int part = (int)((int64_t)at->next * at->down % at->up);
    const float unit = 1 / (float)at->up;
    for (int i = 0; i < count; ++i) {
        const float *gain = gains + sample / UNDIN_STEP;
        const float place = ((float)(sample % UNDIN_STEP) + (float)part * unit) * (1.0f / UNDIN_STEP);
        change[i] += (gain[0] + place * (gain[1] - gain[0]) - 1) * (in[i] - dry[i]);
        sample += whole;
        part += rest;
        if (part >= at->up) {
            part -= at->up;
            ++sample;
        }
    }
}

/* Resample the change of a channel, and let what lies beside the model's band follow; mix into the queue. */
static void undin_deliver(undin_stream *s, const undin_channel *c, undin_resampler *up, int count) {
    float *change = undin_memory(s) + s->layout.work, *dry = change + undin_max_outputs(s);
    const float *filters = undin_memory(s) + s->layout.up, *in = c->input + s->mix;
    float *out = c->queue + s->queue_end - s->queue_begin;
    if (up->half == 0) {
        undin_resample(up, filters, c->change, change, count);
    } else {
        const undin_resampler at = *up;
        undin_resample_two(up, filters, (const float *const[]){c->change, c->dry}, (float *const[]){change, dry}, count);
        undin_follow(s, &at, c->gains, in, dry, change, count);
    }
    undin_mix(s, in, change, out, count);
    undin_meter_hop(&s->meter, in, out, count);
}

UNDIN_INLINE void undin_shift(float *buffer, int by, int count) {
    if (by > 0 && count > by) memmove(buffer, buffer + by, (size_t)(count - by) * sizeof(float));
}

/* Drop what no later output depends on. */
static void undin_forget(undin_stream *s) {
    const int first_down = undin_resampler_first(&s->down), input = s->mix < first_down ? s->mix : first_down;
    int model_rate = undin_resampler_first(&s->up), gains = 0;
    if (model_rate > s->change_count) model_rate = s->change_count;
    if (s->up.half) {
        const int first_gain = s->high_band.next_sample - UNDIN_STEP * (s->high_band.ahead + s->gain_count);
        const int heard = s->high_band.next_sample - s->high_band.half;
        gains = (s->up.origin + undin_resampler_base(&s->up, s->up.next) - first_gain) / UNDIN_STEP;
        if (gains > s->gain_count) gains = s->gain_count;
        if (gains < 0) gains = 0;
        if (model_rate > heard) model_rate = heard;
    }
    for (int channel = 0; channel < s->channels; ++channel) {
        const undin_channel c = undin_channel_at(s, channel);
        undin_shift(c.input, input, s->input_count);
        undin_shift(c.dry, model_rate, s->dry_count);
        undin_shift(c.change, model_rate, s->change_count);
        undin_shift(c.gains, gains, s->gain_count);
    }
    s->input_count -= input;
    s->mix -= input;
    s->down.origin -= input;
    s->dry_count -= model_rate;
    s->change_count -= model_rate;
    s->up.origin -= model_rate;
    s->high_band.next_sample -= model_rate;
    s->gain_count -= gains;
}

/* The input for a hop of the model is complete: bring it to the model, and let the model enhance it. */
static void undin_hear(undin_stream *s) {
    const undin_model *model = s->model;
    const int hop = model->hop_samples;
    void *states[UNDIN_MAX_CHANNELS];
    float *hops[UNDIN_MAX_CHANNELS];
    undin_resampler down = s->down;
    for (int channel = 0; channel < s->channels; ++channel) {
        const undin_channel c = undin_channel_at(s, channel);
        down = s->down;
        undin_resample(&down, undin_memory(s) + s->layout.down, c.input, c.dry + s->dry_count, hop);
        undin_take_offset(c.offset, c.dry + s->dry_count, c.hop, hop, model->sample_rate_hz);
        states[channel] = undin_state_at(s, channel);
        hops[channel] = c.hop;
    }
    s->down = down;
    s->dry_count += hop;
    const uintptr_t arena = (uintptr_t)(undin_memory(s) + s->layout.arena) + UNDIN_ARENA_ALIGNMENT - 1;
    model->process_hops(states, (void *)(arena - arena % UNDIN_ARENA_ALIGNMENT), (const float *const *)hops, hops,
                        s->channels, s->is_linked, 1, s->meter.energies);
}

/* What the model has done, and its gains at the top of its band. */
static void undin_compare(undin_stream *s) {
    const int hop = s->model->hop_samples, skipped = s->early < hop ? s->early : hop, added = hop - skipped;
    const int first = s->change_count;
    s->early -= skipped;
    s->change_count += added;
    const int steps = s->up.half ? undin_high_band_steps(&s->high_band, s->change_count) : 0;
    for (int channel = 0; channel < s->channels; ++channel) {
        const undin_channel c = undin_channel_at(s, channel);
        for (int i = 0; i < added; ++i) c.change[first + i] = c.hop[skipped + i] - c.dry[first + i];
        if (steps)
            undin_high_band_gains(&s->high_band, undin_memory(s) + s->layout.high_band, c.dry, c.change, c.dry_energy,
                                  c.energy, c.gains + s->gain_count, steps, undin_memory(s) + s->layout.work);
    }
    s->gain_count += steps;
    s->high_band.next_sample += UNDIN_STEP * steps;
}

static void undin_hop_of_all(undin_stream *s) {
    undin_meter_begin_hop(&s->meter);
    undin_hear(s);
    undin_compare(s);
    const int count = undin_resampler_available(&s->up, s->change_count);
    undin_resampler up = s->up;
    for (int channel = 0; channel < s->channels; ++channel) {
        const undin_channel c = undin_channel_at(s, channel);
        up = s->up;
        undin_shift(c.queue, s->queue_begin, s->queue_end);
        undin_deliver(s, &c, &up, count);
    }
    s->up = up;
    s->queue_end += count - s->queue_begin;
    s->queue_begin = 0;
    s->mix += count;
    if (count) s->wet = undin_wet_wanted(s);
    undin_forget(s);
}

/* Take in `count` samples of a channel, the impossible ones as silence. */
UNDIN_INLINE void undin_take_in(float *restrict to, const float *restrict from, size_t stride, int count) {
    if (stride == 1)
        for (int i = 0; i < count; ++i) to[i] = __builtin_fabsf(from[i]) < UNDIN_LARGEST_SAMPLE ? from[i] : 0;
    else
        for (int i = 0; i < count; ++i) {
            const float x = from[(size_t)i * stride];
            to[i] = __builtin_fabsf(x) < UNDIN_LARGEST_SAMPLE ? x : 0;
        }
}

/* Give out `silent` zeros and the next samples of the queue, `count` in all. */
UNDIN_INLINE void undin_give_out(float *restrict to, const float *restrict queue, size_t stride, int silent, int count) {
    for (int i = 0; i < silent; ++i) to[(size_t)i * stride] = 0;
    if (stride == 1)
        memcpy(to + silent, queue, (size_t)(count - silent) * sizeof(float));
    else
        for (int i = silent; i < count; ++i) to[(size_t)i * stride] = queue[i - silent];
}

/* The next `count` samples, not more than complete a hop, from place `start` on. */
static void undin_part(undin_stream *s, const float *const *in, size_t in_stride, float *const *out, size_t out_stride,
                       size_t start, int count, int is_due) {
    for (int channel = 0; channel < s->channels; ++channel) {
        float *input = undin_channel_at(s, channel).input + s->input_count;
        undin_take_in(input, in[channel] + start * in_stride, in_stride, count);
        s->meter.input += undin_energy(input, count);
    }
    s->input_count += count;
    if (is_due) undin_hop_of_all(s);
    const int silent = s->silence < count ? s->silence : count;
    for (int channel = 0; channel < s->channels; ++channel) {
        const float *queue = undin_channel_at(s, channel).queue + s->queue_begin;
        undin_give_out(out[channel] + start * out_stride, queue, out_stride, silent, count);
        s->meter.output += undin_energy(queue, count - silent);
    }
    s->silence -= silent;
    s->queue_begin += count - silent;
}

static void undin_process(undin_stream *s, const float *const *in, size_t in_stride, float *const *out,
                          size_t out_stride, size_t samples) {
    undin_meter_block(&s->meter, samples * (size_t)s->channels);
    for (size_t done = 0; done < samples;) {
        const int due = undin_resampler_last(&s->down, s->model->hop_samples - 1) + 1 - s->input_count;
        const int count = samples - done < (size_t)due ? (int)(samples - done) : due;
        undin_part(s, in, in_stride, out, out_stride, done, count, count == due);
        s->is_fresh = 0;
        done += (size_t)count;
    }
}

static void undin_start_over(undin_stream *s) {
    const undin_layout *l = &s->layout;
    memset(undin_memory(s) + l->channels, 0, l->channel * (size_t)s->channels * sizeof(float));
    for (int channel = 0; channel < s->channels; ++channel) s->model->reset(undin_state_at(s, channel));
    undin_resampler_reset(&s->down);
    undin_resampler_reset(&s->up);
    s->input_count = s->mix = undin_resampler_history(&s->down);
    s->dry_count = s->change_count = undin_resampler_history(&s->up);
    undin_high_band_reset(&s->high_band, s->dry_count);
    s->early = s->delay;
    s->gain_count = 0;
    s->queue_begin = s->queue_end = 0;
    s->silence = s->latency;
    s->wet = undin_wet_wanted(s);
    s->is_fresh = 1;
    memset(&s->meter, 0, sizeof s->meter);
}

static void undin_flush(undin_stream *s, float *const *out, size_t stride) {
    /* What comes after the end is the silence of each channel, which lies at its offset. */
    float silence[UNDIN_MAX_CHANNELS];
    const float *ins[UNDIN_MAX_CHANNELS];
    for (int channel = 0; channel < s->channels; ++channel) {
        silence[channel] = undin_channel_at(s, channel).offset->taken;
        ins[channel] = silence + channel;
    }
    undin_process(s, ins, 0, out, stride, (size_t)s->latency);
    undin_start_over(s);
}

/* The public functions: undin.h says what they do. None calls another, which has other names where variants are built. */

size_t UNDIN_PUBLIC(stream_bytes)(const undin_model *model, int sample_rate_hz, int channels) {
    if (undin_refusal(model, sample_rate_hz, channels)) return 0;
    undin_stream plan;
    undin_plan(&plan, model, sample_rate_hz, channels);
    return plan.layout.bytes;
}

int UNDIN_PUBLIC(stream_init)(undin_stream *s, const undin_model *model, int sample_rate_hz, int channels) {
    const int refusal = undin_refusal(model, sample_rate_hz, channels);
    if (refusal) return refusal;
    undin_plan(s, model, sample_rate_hz, channels);
    s->is_linked = channels == 2;
    float *memory = undin_memory(s), *work = memory + s->layout.work;
    undin_resampler_design(&s->down, memory + s->layout.down, work);
    undin_resampler_design(&s->up, memory + s->layout.up, work);
    if (s->up.half) undin_high_band_design(&s->high_band, &s->up, memory + s->layout.high_band);
    undin_start_over(s);
    return 0;
}

void UNDIN_PUBLIC(stream_reset)(undin_stream *s) { undin_start_over(s); }

void UNDIN_PUBLIC(stream_process)(undin_stream *s, const float *const *in, float *const *out, size_t stride, size_t samples) {
    undin_process(s, in, stride, out, stride, samples);
}

void UNDIN_PUBLIC(stream_process_interleaved)(undin_stream *s, const float *in, float *out, size_t samples) {
    const float *ins[UNDIN_MAX_CHANNELS];
    float *outs[UNDIN_MAX_CHANNELS];
    for (int channel = 0; channel < s->channels; ++channel) {
        ins[channel] = in + channel;
        outs[channel] = out + channel;
    }
    const size_t stride = (size_t)s->channels;
    undin_process(s, ins, stride, outs, stride, samples);
}

void UNDIN_PUBLIC(stream_flush)(undin_stream *s, float *const *out, size_t stride) { undin_flush(s, out, stride); }

void UNDIN_PUBLIC(stream_flush_interleaved)(undin_stream *s, float *out) {
    float *outs[UNDIN_MAX_CHANNELS];
    for (int channel = 0; channel < s->channels; ++channel) outs[channel] = out + channel;
    undin_flush(s, outs, (size_t)s->channels);
}

int UNDIN_PUBLIC(stream_latency_samples)(const undin_stream *s) { return s->latency; }

static void undin_wet_changed(undin_stream *s) {
    if (s->is_fresh) s->wet = undin_wet_wanted(s);
}

int UNDIN_PUBLIC(stream_set_atten_lim_db)(undin_stream *s, float atten_lim_db) {
    if (!(atten_lim_db >= 0)) return UNDIN_ERROR_ATTEN_LIM;
    s->gain_floor = undin_gain_of_db(atten_lim_db);
    undin_wet_changed(s);
    return 0;
}

void UNDIN_PUBLIC(stream_set_bypass)(undin_stream *s, int bypass) {
    s->is_bypassed = bypass != 0;
    undin_wet_changed(s);
}

void UNDIN_PUBLIC(stream_set_link_channels)(undin_stream *s, int link_channels) { s->is_linked = link_channels != 0; }

void UNDIN_PUBLIC(stream_get_levels)(const undin_stream *s, undin_levels *levels) { undin_meter_read(&s->meter, levels); }

const char *UNDIN_PUBLIC(error)(int error) {
    switch (error) {
    case 0: return "no error";
    case UNDIN_ERROR_ABI: return "the model was compiled for another version of undin: compile both anew";
    case UNDIN_ERROR_SAMPLE_RATE: return "the sample rate must be 4,000 to 384,000 Hz";
    case UNDIN_ERROR_CHANNELS: return "channels must be 1 to 64";
    case UNDIN_ERROR_ATTEN_LIM: return "the limit of attenuation must be 0 dB or more";
    case UNDIN_ERROR_MODEL: return "the model contradicts itself";
    default: return "no such error";
    }
}
