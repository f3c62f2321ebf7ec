/* undin_bridge.h: a queue from one sound card's clock to another's, without locks: one thread writes, one reads.
 *
 * Two clocks that are called 48 kHz differ, often by 20 and at times by 200 parts in a million, and two devices may have
 * rates that nobody calls the same. So what is read is resampled, at places whose distance, `step` input frames, follows
 * from how full the queue is:
 *
 *     fill = mean(written - rate time) - mean(read - rate time),    error = fill - centre
 *     step = ratio (1 + 2 w error + w^2 integral(error)),           a loop of the second order, critically damped
 *
 * as in Fons Adriaensen's "Controlling adaptive resampling" (Linux Audio Conference 2012). Each side is averaged by itself,
 * over a second: blocks of two sizes that beat against each other cannot be heard. While the error has never left a narrow
 * band the clocks are one, as those of one device are, and the step stays the ratio; where that is 1, samples pass bit
 * for bit, since at the places of samples the filter is 1 and zeros.
 *
 * How much must wait is learnt, not set, since drivers call in bursts of their own. In the first second nothing is heard
 * and reading is only counted; to the least that was there, `slack_s` is added. Should that ever be too little, the sound
 * fades, a little more waits from then on, and the gap is counted.
 *
 * Who writes never asks how far reading is, and goes over what is older than `size`; a reader that slept so long finds
 * far too much waiting, and fades before it reads another frame.
 */
#ifndef UNDIN_BRIDGE_H
#define UNDIN_BRIDGE_H

#include <stdint.h>

#define UNDIN_BRIDGE_MAX_CHANNELS 2

/* What one thread tells another. Each value is whole, though not all of them are of one moment. */
#define UNDIN_TELL(place, value) __atomic_store(&(place), &(__typeof__(place)){value}, __ATOMIC_RELEASE)
#define UNDIN_ASK(place) ({ __typeof__(place) undin_asked; __atomic_load(&(place), &undin_asked, __ATOMIC_ACQUIRE); undin_asked; })

typedef struct undin_bridge {
    /* Set by the owner before sound runs; all else is zero. */
    float *frames;       /* (size, channels): frame i of the input lies at i % size */
    const float *filter; /* (phases + 1, taps): weights of the frames around a place, by its fraction */
    int64_t size;        /* a power of two */
    double rate_hz;      /* of the input */
    double ratio;        /* input frames for an output frame */
    double slack_s;      /* what waits besides the least that must */
    int32_t channels, taps, phases;
    /* Of the thread that writes. */
    int32_t has_clock;
    int64_t written;     /* frames */
    double ahead;        /* of the time: mean of written - rate time, frames, */
    double wrote_s;      /* over so many seconds */
    /* Of the thread that reads. */
    int64_t read;        /* the frame before the next place, */
    double phase;        /* which is so far behind it, 0 to 1 */
    double step, fill, centre, error;
    double integral;     /* in the end, by how much the input's clock is faster */
    double waited_s, learnt_s, least, mean;
    float held[UNDIN_BRIDGE_MAX_CHANNELS], gain;
    int32_t state, is_tracking; /* the clocks were found to be two */
    uint32_t gaps;       /* times that the sound had to fade out and in again */
} undin_bridge;

enum { UNDIN_WAITING, UNDIN_LEARNING, UNDIN_PLAYING, UNDIN_FADING };

#define UNDIN_START_S 0.5        /* drivers begin restlessly, */
#define UNDIN_LEARN_S 0.5        /* then it is learnt what must wait, */
#define UNDIN_SETTLE_S 3.0       /* and until then what waits on average */
#define UNDIN_MORE_S 0.01        /* what waits in addition after each gap */
#define UNDIN_FADE_S 0.005
#define UNDIN_MEAN_S 1.0         /* time constant of means */
#define UNDIN_BAND_S 0.0015      /* of error, within which clocks count as one */
#define UNDIN_LOOP 0.314         /* w: 0.05 Hz in radians a second */
#define UNDIN_MAX_CHANGE 0.002   /* of the step: no two clocks of one name differ more, and nobody hears that pitch */
#define UNDIN_DRIFT_S 0.001      /* of error, that drift alone can cause */
#define UNDIN_JUMP_S 0.02        /* more waits on average, or */
#define UNDIN_MAX_ERROR_S 0.25   /* at once, when one side has slept: reading jumps */

static double undin_within(double x, double most) { return x > most ? most : x < -most ? -most : x; }

/* Where frame `at` of the input goes, and how many from there on lie in one piece. */
static float *undin_bridge_place(const undin_bridge *b, int64_t at, int64_t *frames) {
    at &= b->size - 1;
    if (*frames > b->size - at) *frames = b->size - at;
    return b->frames + at * b->channels;
}

/* A block of so many frames lies at its place, and came at this time in seconds, 0 where there is no clock. */
static void undin_bridge_wrote(undin_bridge *b, int64_t frames, double time_s) {
    const double ahead = (double)(b->written + frames) - b->rate_hz * time_s, late = ahead - b->ahead;
    const double dt = (double)frames / b->rate_hz, most = 0.05 * b->rate_hz;
    if (!b->has_clock || late > most || late < -most) b->wrote_s = 0;
    b->wrote_s += dt;
    /* How it began is soon forgotten: memory is a third of what there was. */
    UNDIN_TELL(b->ahead, b->ahead + late * undin_within(3 * dt / undin_within(b->wrote_s, 3 * UNDIN_MEAN_S), 1));
    UNDIN_TELL(b->has_clock, time_s != 0);
    UNDIN_TELL(b->written, b->written + frames);
}

static void undin_bridge_move(undin_bridge *b, double frames) {
    const double to = b->phase + frames;
    const int64_t whole = (int64_t)to; /* neither is negative */
    b->read += whole;
    b->phase = to - (double)whole;
}

/* Read on in silence, and learn how much must wait. */
static void undin_bridge_learn(undin_bridge *b, int64_t written, int64_t frames, double dt) {
    if (b->state == UNDIN_WAITING) {
        if (written) b->waited_s += dt;
        if (b->waited_s < UNDIN_START_S) return;
        b->state = UNDIN_LEARNING;
        b->step = b->ratio;
        b->read = written;
        return;
    }
    undin_bridge_move(b, (double)frames * b->step);
    const double left = (double)(written - b->read) - b->phase - b->taps / 2;
    if (!b->learnt_s || left < b->least) b->least = left;
    b->learnt_s += dt;
    b->mean += (b->fill - b->mean) * dt / b->learnt_s;
    if (b->learnt_s < UNDIN_LEARN_S) return;
    const int64_t back = (int64_t)(b->slack_s * b->rate_hz - b->least) + 1; /* whole: samples may pass as they are */
    b->read -= back;
    b->centre = b->mean + (double)back;
    b->state = UNDIN_PLAYING;
}

/* Follow the other clock, before `dt` seconds of output are read. */
static void undin_bridge_follow(undin_bridge *b, double dt) {
    double *slow = b->learnt_s < UNDIN_SETTLE_S ? &b->centre : &b->error;
    *slow += (b->fill - b->centre - b->error) * undin_within(dt / UNDIN_MEAN_S, 1);
    b->learnt_s += dt;
    const double error = b->error / b->rate_hz, w = UNDIN_LOOP;
    if (error > UNDIN_BAND_S || error < -UNDIN_BAND_S) UNDIN_TELL(b->is_tracking, 1);
    if (b->is_tracking) {
        const double drift = undin_within(error, UNDIN_DRIFT_S); /* what is more came by a jump, and says nothing of rates */
        b->integral = undin_within(b->integral + w * w * drift * dt, UNDIN_MAX_CHANGE);
        UNDIN_TELL(b->step, b->ratio * (1 + undin_within(2 * w * error + b->integral, UNDIN_MAX_CHANGE)));
    }
    if (error > UNDIN_JUMP_S || b->fill > b->centre + UNDIN_MAX_ERROR_S * b->rate_hz) {
        b->state = UNDIN_FADING;
        UNDIN_TELL(b->gaps, b->gaps + 1);
    }
}

/* After a gap: go on where as much waits as shall wait, if that is there for a block of so many frames. */
static void undin_bridge_resume(undin_bridge *b, int64_t written, int64_t frames) {
    const int64_t over = (int64_t)(b->fill - b->centre);
    if (b->gain > 0 || b->fill < b->centre) return;
    if ((double)(written - b->read - over) < (double)frames * b->step + b->taps) return;
    b->read += over;
    b->error = 0;
    b->state = UNDIN_PLAYING;
}

/* The frame at the place of reading, to `held`; and on to the next place. */
static void undin_bridge_frame(undin_bridge *b) {
    const double place = b->phase * b->phases;
    const int row = (int)place;
    const float between = (float)(place - row), *filter = b->filter + (int64_t)row * b->taps;
    const int64_t first = b->read - (b->taps / 2 - 1), mask = b->size - 1;
    float sums[UNDIN_BRIDGE_MAX_CHANNELS] = {0};
    for (int tap = 0; tap < b->taps; ++tap) {
        const float weight = filter[tap] + between * (filter[b->taps + tap] - filter[tap]);
        const float *frame = b->frames + ((first + tap) & mask) * b->channels;
        for (int c = 0; c < b->channels; ++c) sums[c] += weight * frame[c];
    }
    for (int c = 0; c < b->channels; ++c) b->held[c] = sums[c];
    undin_bridge_move(b, b->step);
}

/* Read `frames` frames to out (frames, out_channels), which get the channels in turn, at this time in seconds. */
static void undin_bridge_read(undin_bridge *b, float *out, int out_channels, int64_t frames, double time_s) {
    const int64_t written = UNDIN_ASK(b->written);
    const double dt = (double)frames * b->ratio / b->rate_hz;
    const float slope = (float)(b->ratio / (UNDIN_FADE_S * b->rate_hz));
    const double came = UNDIN_ASK(b->has_clock) ? UNDIN_ASK(b->ahead) + b->rate_hz * time_s : (double)written;
    UNDIN_TELL(b->fill, came - (double)b->read - b->phase);
    if (b->state <= UNDIN_LEARNING) {
        undin_bridge_learn(b, written, frames, dt);
        for (int64_t i = 0; i < frames * out_channels; ++i) out[i] = 0;
        return;
    }
    if (b->state == UNDIN_PLAYING) undin_bridge_follow(b, dt);
    if (b->state == UNDIN_FADING) undin_bridge_resume(b, written, frames);
    for (int64_t i = 0; i < frames; ++i, out += out_channels) {
        if (b->state == UNDIN_PLAYING && b->read + b->taps / 2 >= written) { /* too late: a little more waits from now on */
            b->state = UNDIN_FADING;
            b->centre += UNDIN_MORE_S * b->rate_hz;
            UNDIN_TELL(b->gaps, b->gaps + 1);
        }
        const float gain = b->gain + (b->state == UNDIN_PLAYING ? slope : -slope);
        b->gain = gain > 1 ? 1 : gain < 0 ? 0 : gain;
        if (b->state == UNDIN_PLAYING) undin_bridge_frame(b);
        for (int c = 0; c < out_channels; ++c) out[c] = b->gain * b->held[c % b->channels];
    }
}

#endif
