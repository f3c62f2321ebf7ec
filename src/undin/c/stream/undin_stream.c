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
 * Read undin.h first; next: undin_layout.h (what is kept), undin_resampler.h, undin_high_band.h, undin_offset.h, and
 * undin_hop.h for what a model does.
 */
#define UNDIN_REPRODUCIBLE
#include "undin.h"

#include <stdint.h>
#include <string.h>

#include "undin_layout.h"

#ifndef UNDIN_PUBLIC
#define UNDIN_PUBLIC(name) undin_##name
#endif

/* 120 dB above full scale is no sound, and its power would soon be infinite. */
#define UNDIN_MAX_SAMPLE 1e6f

UNDIN_INLINE float undin_wet_wanted(const undin_stream *s) { return s->is_bypassed ? 0 : 1 - s->gain_floor; }

/* From changes of a channel to its output; where limit or bypass have changed, `wet` gets there in equal steps. */
static void undin_mix(const undin_stream *s, const float *in, float *change, int count) {
    const float wet = s->wet, wanted = undin_wet_wanted(s);
    if (wet == 0 && wanted == 0) {
        memcpy(change, in, (size_t)count * sizeof(float)); /* bit for bit, whatever the network did */
        return;
    }
    const float step = (wanted - wet) / (float)(count ? count : 1);
    if (step == 0)
        for (int i = 0; i < count; ++i) change[i] = in[i] + wet * change[i];
    else
        for (int i = 0; i < count; ++i) change[i] = in[i] + (wet + step * (float)(i + 1)) * change[i];
}

/* Let the sound beside the model's band follow: change += (gain - 1) (in - dry). `at` is the resampler before. */
static void undin_follow(const undin_stream *s, const undin_resampler *at, const float *gains, const float *in,
                         const float *dry, float *change, int count) {
    /* Between the steps the gain changes linearly. The first one that is kept belongs to this sample: */
    const int first = s->high_band.next_sample - UNDIN_STEP * (s->high_band.ahead + s->gain_count);
    const int sample = at->origin + undin_resampler_base(at, at->next) - first;
    const int unit = UNDIN_STEP * at->up; /* places in a step */
    int place = sample % UNDIN_STEP * at->up + (int)((int64_t)at->next * at->down % at->up);
    gains += sample / UNDIN_STEP;
    for (int done = 0; done < count;) {
        const float now = gains[0] - 1, slope = (gains[1] - gains[0]) / (float)unit;
        int outputs = (unit - place + at->down - 1) / at->down; /* of this step */
        if (outputs > count - done) outputs = count - done;
        for (int i = done; i < done + outputs; ++i)
            change[i] += (now + slope * (float)(place + (i - done) * at->down)) * (in[i] - dry[i]);
        done += outputs;
        place += outputs * at->down;
        gains += place / unit;
        place %= unit;
    }
}

/* Resample what the model has done to one or two channels from `channel` on; mix it with their input in the queue. */
static void undin_deliver(undin_stream *s, int channel, int channels, undin_resampler *up, int count) {
    const undin_resampler before = *up;
    const float *from[4];
    float *to[4], *work = undin_arena(s);
    undin_channel each[2];
    const int signals = up->half ? 2 : 1;
    for (int i = 0; i < channels; ++i) {
        each[i] = undin_channel_at(s, channel + i);
        from[signals * i] = each[i].change;
        to[signals * i] = each[i].queue + s->queue_end;
        if (signals == 1) continue;
        from[2 * i + 1] = each[i].dry;
        to[2 * i + 1] = work + i * undin_max_outputs(s);
    }
    undin_resample(up, undin_memory(s) + s->layout.up, from, to, count, signals * channels);
    for (int i = 0; i < channels; ++i) {
        const float *in = each[i].input + s->mix;
        float *out = to[signals * i];
        if (signals == 2) undin_follow(s, &before, each[i].gains, in, to[2 * i + 1], out, count);
        undin_mix(s, in, out, count);
        undin_meter_hop(&s->meter, in, out, count);
    }
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
    const undin_resampler before = s->down;
    for (int channel = 0; channel < s->channels; channel += 2) {
        const int channels = channel + 1 < s->channels ? 2 : 1;
        const float *from[2];
        float *to[2];
        for (int i = 0; i < channels; ++i) {
            const undin_channel c = undin_channel_at(s, channel + i);
            from[i] = c.input;
            to[i] = c.dry + s->dry_count;
            hops[channel + i] = c.hop;
            states[channel + i] = undin_state_at(s, channel + i);
        }
        s->down = before;
        undin_resample(&s->down, undin_memory(s) + s->layout.down, from, to, hop, channels);
        for (int i = 0; i < channels; ++i) {
            undin_offset *offset = undin_channel_at(s, channel + i).offset;
            undin_take_offset(offset, to[i], hops[channel + i], hop, model->sample_rate_hz);
        }
    }
    s->dry_count += hop;
    model->process_hops(states, undin_arena(s), (const float *const *)hops, hops, s->channels, s->is_linked, 1,
                        s->meter.energies);
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
                                  c.energy, c.gains + s->gain_count, steps, undin_arena(s));
    }
    s->gain_count += steps;
    s->high_band.next_sample += UNDIN_STEP * steps;
}

static void undin_hop_of_all(undin_stream *s) {
    for (int channel = 0; channel < s->channels; ++channel)
        undin_shift(undin_channel_at(s, channel).queue, s->queue_begin, s->queue_end);
    s->queue_end -= s->queue_begin;
    s->queue_begin = 0;
    undin_meter_begin_hop(&s->meter);
    undin_hear(s);
    undin_compare(s);
    const int count = undin_resampler_available(&s->up, s->change_count);
    const undin_resampler before = s->up;
    for (int channel = 0; channel < s->channels; channel += 2) {
        s->up = before;
        undin_deliver(s, channel, channel + 1 < s->channels ? 2 : 1, &s->up, count);
    }
    s->queue_end += count;
    s->mix += count;
    if (count) s->wet = undin_wet_wanted(s);
    undin_forget(s);
}

/* Take in the next `count` samples of all channels, from place `start` on; the impossible ones count as silence. */
static void undin_take_in(undin_stream *s, const float *const *in, size_t stride, size_t start, int count) {
    for (int channel = 0; channel < s->channels; ++channel) {
        const float *from = in[channel] + start * stride;
        float *to = undin_channel_at(s, channel).input + s->input_count;
        if (stride == 1)
            for (int i = 0; i < count; ++i) to[i] = __builtin_fabsf(from[i]) < UNDIN_MAX_SAMPLE ? from[i] : 0;
        else
            for (int i = 0; i < count; ++i) {
                const float x = from[(size_t)i * stride];
                to[i] = __builtin_fabsf(x) < UNDIN_MAX_SAMPLE ? x : 0;
            }
        s->meter.input += undin_energy(to, count);
    }
    s->input_count += count;
}

/* Give out the next `count` samples of all channels, to place `start` and on. */
static void undin_give_out(undin_stream *s, float *const *out, size_t stride, size_t start, int count) {
    const int silent = s->silence < count ? s->silence : count, heard = count - silent;
    for (int channel = 0; channel < s->channels; ++channel) {
        float *to = out[channel] + start * stride;
        const float *queue = undin_channel_at(s, channel).queue + s->queue_begin;
        for (int i = 0; i < silent; ++i) to[(size_t)i * stride] = 0;
        to += (size_t)silent * stride;
        if (stride == 1)
            memcpy(to, queue, (size_t)heard * sizeof(float));
        else
            for (int i = 0; i < heard; ++i) to[(size_t)i * stride] = queue[i];
        s->meter.output += undin_energy(queue, heard);
    }
    s->silence -= silent;
    s->queue_begin += heard;
}

/* Input samples that are missing for the next hop. */
UNDIN_INLINE int undin_due(const undin_stream *s) {
    return undin_resampler_last(&s->down, s->model->hop_samples - 1) + 1 - s->input_count;
}

static void undin_process(undin_stream *s, const float *const *in, size_t in_stride, float *const *out,
                          size_t out_stride, size_t samples) {
    undin_meter_block(&s->meter, samples * (size_t)s->channels);
    for (size_t done = 0; done < samples;) {
        const int due = undin_due(s);
        const int count = samples - done < (size_t)due ? (int)(samples - done) : due;
        /* When a hop is run the queue is as good as empty: only the last sample needs what comes out of the hop. */
        const int is_complete = count == due;
        undin_take_in(s, in, in_stride, done, count);
        undin_give_out(s, out, out_stride, done, count - is_complete);
        if (is_complete) {
            do undin_hop_of_all(s); /* one sample may complete several hops, where these are short and its rate is low */
            while (undin_due(s) == 0);
            undin_give_out(s, out, out_stride, done + (size_t)count - 1, 1);
        }
        s->is_fresh = 0;
        done += (size_t)count;
    }
}

static void undin_process_interleaved(undin_stream *s, const float *in, float *out, size_t samples) {
    const float *ins[UNDIN_MAX_CHANNELS];
    float *outs[UNDIN_MAX_CHANNELS];
    for (int channel = 0; channel < s->channels; ++channel) {
        ins[channel] = in + channel;
        outs[channel] = out + channel;
    }
    const size_t stride = (size_t)s->channels;
    undin_process(s, ins, stride, outs, stride, samples);
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
    float *memory = undin_memory(s), *work = undin_arena(s);
    undin_resampler_design(&s->down, memory + s->layout.down, work);
    undin_resampler_design(&s->up, memory + s->layout.up, work);
    if (s->up.half) undin_high_band_design(&s->high_band, &s->up, memory + s->layout.high_band, work);
    undin_start_over(s);
    return 0;
}

void UNDIN_PUBLIC(stream_reset)(undin_stream *s) { undin_start_over(s); }

void UNDIN_PUBLIC(stream_process)(undin_stream *s, const float *const *in, float *const *out, size_t stride, size_t samples) {
    undin_process(s, in, stride, out, stride, samples);
}

void UNDIN_PUBLIC(stream_process_interleaved)(undin_stream *s, const float *in, float *out, size_t samples) {
    undin_process_interleaved(s, in, out, samples);
}

void UNDIN_PUBLIC(stream_process_many)(undin_stream *const *streams, const size_t *samples, size_t count, float *blocks) {
    for (size_t i = 0; i < count; ++i) {
        undin_process_interleaved(streams[i], blocks, blocks, samples[i]);
        blocks += samples[i] * (size_t)streams[i]->channels;
    }
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
