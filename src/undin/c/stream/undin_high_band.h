/* undin_high_band.h: what becomes of the sound that the model does not see.
 *
 * A model at 16 kHz says nothing about what lies above 8 kHz, nor, at any rate but its own, about the edge of the band
 * that the resampler's filter gives up. Left alone, noise would go on hissing there; cut off, speech would sound as over
 * a telephone. So it is turned down as much as the network turns down the top quarter of the band that it sees.
 *
 * The gain is the root of the ratio of two energies, enhanced over dry, each behind a high-pass filter and a window that
 * looks just as far ahead as the resampler behind the network must wait anyway, and four times as far back: so it costs
 * no latency, opens before the onset of a sibilant and closes a few milliseconds after its end.
 */
#ifndef UNDIN_HIGH_BAND_H
#define UNDIN_HIGH_BAND_H

#include "undin_design.h"
#include "undin_resampler.h"

/* Samples of the model's rate to one gain: 0.25 ms at 16 kHz, and gains change far more slowly. */
#define UNDIN_STEP 4

/* Mean square below which a sound counts as none, so that it cannot open or close anything: -120 dBFS. */
#define UNDIN_SILENCE 1e-12f

#define UNDIN_HIGH_PASS_BETA 5.65f /* 60 dB down at the bottom, where speech has that much more energy */

typedef struct undin_high_band {
    int half;          /* of the high-pass filter, samples */
    int ahead, back;   /* of the window, steps */
    int past;          /* steps before the next one whose energies are kept */
    int next_sample;   /* index of the sample at the start of the next step, in the buffer that the caller keeps */
} undin_high_band;

UNDIN_INLINE int undin_high_band_taps(const undin_high_band *h) { return undin_whole_eights(2 * h->half + 1); }
UNDIN_INLINE int undin_high_band_window(const undin_high_band *h) { return undin_whole_eights(h->ahead + 1 + h->back); }
UNDIN_INLINE int undin_high_band_floats(const undin_high_band *h) {
    return undin_high_band_taps(h) + undin_high_band_window(h);
}

/* Plan for the resampler that brings the model's output to the stream's rate. */
static void undin_high_band_plan(undin_high_band *h, const undin_resampler *up) {
    /* The last step that an output depends on begins up to a step later, and is complete another one later. */
    const int ahead = up->half > 2 * UNDIN_STEP ? up->half - 2 * UNDIN_STEP : 0;
    h->half = ahead / 3;
    h->ahead = (ahead - h->half) / UNDIN_STEP;
    h->back = 4 * h->ahead;
    h->past = undin_high_band_window(h) - 1;
}

/* Write the high-pass filter, then the window, the earliest step first. */
static void undin_high_band_design(const undin_high_band *h, const undin_resampler *up, float *filters) {
    const int lower = up->in_rate < up->out_rate ? up->in_rate : up->out_rate, taps = 2 * h->half + 1;
    float *high_pass = filters, *window = filters + undin_high_band_taps(h);
    for (int i = 0; i < undin_high_band_floats(h); ++i) filters[i] = 0;
    for (int i = 0; i < taps; ++i) {
        const int time = i - h->half;
        high_pass[i] = undin_sinc((int64_t)3 * lower * time, (int64_t)4 * up->in_rate) *
                       undin_kaiser(h->half ? (float)time / (float)h->half : 0, UNDIN_HIGH_PASS_BETA);
    }
    undin_normalise(high_pass, taps);
    for (int i = 0; i < taps; ++i) high_pass[i] = (i == h->half ? 1 : 0) - high_pass[i];
    /* Two halves of raised cosines; the zeros that make eights whole come first, where the past is longest. */
    const int length = h->back + 1 + h->ahead;
    window += undin_high_band_window(h) - length;
    for (int i = 0; i < length; ++i)
        window[i] = i < h->back ? undin_hann(i + 1, 2 * h->back + 2) : undin_hann(length - i, 2 * h->ahead + 2);
    undin_normalise(window, length);
}

/* Energies that are kept of each of the two signals of a channel, when `samples` are added at once. */
UNDIN_INLINE int undin_high_band_energies(const undin_high_band *h, int samples) {
    return h->past + (samples + 2 * h->half) / UNDIN_STEP + 2;
}

/* Go back to the start: sample 0 lies at index `first` of the caller's buffer. Steps before it are silent, and the
 * filter begins to hear it half its length before. */
static void undin_high_band_reset(undin_high_band *h, int first) {
    const int steps_before = (h->half + UNDIN_STEP - 1) / UNDIN_STEP;
    h->next_sample = first - UNDIN_STEP * steps_before;
}

/* Energy of a step behind the high-pass filter, which reads from `half` samples before the step on. */
UNDIN_INLINE float undin_high_energy(const float *restrict filter, int taps, const float *restrict x) {
    float energy = 0;
    for (int i = 0; i < UNDIN_STEP; ++i) {
        const float y = undin_dot(filter, x + i, taps);
        energy += y * y;
    }
    return energy;
}

/* Steps that are complete when the caller's buffer holds `count` samples. */
UNDIN_INLINE int undin_high_band_steps(const undin_high_band *h, int count) {
    const int samples = count - h->half - h->next_sample;
    return samples > 0 ? samples / UNDIN_STEP : 0;
}

/* A gain for each of the next `steps` steps of a channel; it belongs to the step that lies `ahead` before.
 * Energies hold `past` steps and have room for more; they are brought to the next call's past. */
static void undin_high_band_gains(const undin_high_band *h, const float *filters, const float *dry, const float *change,
                                  float *dry_energy, float *energy, float *gains, int steps, float *work) {
    const int taps = undin_high_band_taps(h), length = undin_high_band_window(h);
    const float *window = filters + taps;
    const int samples = UNDIN_STEP * steps + taps, start = h->next_sample - h->half;
    for (int i = 0; i < samples; ++i) work[i] = dry[start + i] + change[start + i];
    for (int step = 0; step < steps; ++step) {
        dry_energy[h->past + step] = undin_high_energy(filters, taps, dry + start + UNDIN_STEP * step);
        energy[h->past + step] = undin_high_energy(filters, taps, work + UNDIN_STEP * step);
    }
    for (int step = 0; step < steps; ++step) {
        const float before = undin_dot(window, dry_energy + step, length) + UNDIN_SILENCE;
        const float after = undin_dot(window, energy + step, length) + UNDIN_SILENCE;
        gains[step] = after < before ? __builtin_sqrtf(after / before) : 1;
    }
    for (int i = 0; i < h->past; ++i) {
        dry_energy[i] = dry_energy[i + steps];
        energy[i] = energy[i + steps];
    }
}

#endif
