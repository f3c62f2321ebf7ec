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
#define UNDIN_STEP 4 /* half of the eight that are filtered at once */

/* Mean square below which a sound counts as none, so that it cannot open or close anything: -120 dBFS. */
#define UNDIN_SILENCE 1e-12f

#define UNDIN_HIGH_PASS_BETA 5.65f /* 60 dB down at the bottom, where speech has that much more energy */

typedef struct undin_high_band {
    int half;          /* of the high-pass filter, samples */
    int ahead, back;   /* of the window, steps */
    int past;          /* steps before the next one whose energies are kept */
    int next_sample;   /* index of the sample at the start of the next step, in the buffer that the caller keeps */
} undin_high_band;

/* Samples to eight outputs of the high-pass filter, which are two steps. */
UNDIN_INLINE int undin_high_band_rows(const undin_high_band *h) { return undin_whole_eights(2 * h->half + 1 + 7); }
UNDIN_INLINE int undin_high_band_window(const undin_high_band *h) { return undin_whole_eights(h->ahead + 1 + h->back); }
UNDIN_INLINE int undin_high_band_floats(const undin_high_band *h) {
    return 8 * undin_high_band_rows(h) + undin_high_band_window(h);
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

/* Write the high-pass filter, as the matrix that makes eight outputs, then the window, the earliest step first.
 * `work` has room for the filter. */
static void undin_high_band_design(const undin_high_band *h, const undin_resampler *up, float *filters, float *work) {
    const int lower = up->in_rate < up->out_rate ? up->in_rate : up->out_rate, taps = 2 * h->half + 1;
    for (int i = 0; i < undin_high_band_floats(h); ++i) filters[i] = 0;
    for (int i = 0; i < taps; ++i) {
        const int time = i - h->half;
        work[i] = undin_sinc((int64_t)3 * lower * time, (int64_t)4 * up->in_rate) *
                  undin_kaiser(h->half ? (float)time / (float)h->half : 0, UNDIN_HIGH_PASS_BETA);
    }
    undin_normalise(work, taps);
    for (int i = 0; i < taps; ++i)
        for (int lane = 0; lane < 8; ++lane) filters[8 * (i + lane) + lane] = (i == h->half ? 1 : 0) - work[i];
    /* Two halves of raised cosines; the zeros that make eights whole come first, where the past is longest. */
    const int length = h->back + 1 + h->ahead;
    float *window = filters + undin_high_band_floats(h) - length;
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

/* Steps that are complete when the caller's buffer holds `count` samples. */
UNDIN_INLINE int undin_high_band_steps(const undin_high_band *h, int count) {
    const int samples = count - h->half - h->next_sample;
    return samples > 0 ? samples / UNDIN_STEP : 0;
}

/* Energies of steps of two signals behind the high-pass filter, which reads from `half` samples before a step on. */
static void undin_high_energies(const float *matrix, int rows, const float *dry, const float *enhanced,
                                float *dry_energy, float *energy, int steps) {
    for (int step = 0; step < steps; step += 2) {
        const float *x[2] = {dry + UNDIN_STEP * step, enhanced + UNDIN_STEP * step};
        float y[16];
        undin_eight_outputs(matrix, rows, x, 2, y);
        for (int i = 0; i < 2 && step + i < steps; ++i) {
            const float *a = y + UNDIN_STEP * i, *b = a + 8;
            dry_energy[step + i] = (a[0] * a[0] + a[1] * a[1]) + (a[2] * a[2] + a[3] * a[3]);
            energy[step + i] = (b[0] * b[0] + b[1] * b[1]) + (b[2] * b[2] + b[3] * b[3]);
        }
    }
}

/* A gain for each of the next `steps` steps of a channel; it belongs to the step that lies `ahead` before.
 * Energies hold `past` steps and have room for more; they are brought to the next call's past. */
static void undin_high_band_gains(const undin_high_band *h, const float *filters, const float *dry, const float *change,
                                  float *dry_energy, float *energy, float *gains, int steps, float *work) {
    const int rows = undin_high_band_rows(h), length = undin_high_band_window(h), start = h->next_sample - h->half;
    const float *window = filters + 8 * rows;
    for (int i = 0; i < UNDIN_STEP * steps + rows; ++i) work[i] = dry[start + i] + change[start + i];
    undin_high_energies(filters, rows, dry + start, work, dry_energy + h->past, energy + h->past, steps);
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
