/* undin_offset.h: take out the constant offset that some microphones and sound cards add, without delay.
 *
 * An offset shows as means of hops that are alike for longer than any sound that can be heard would keep them so. A
 * signal without one passes as it is, bit for bit, which no high-pass filter could promise. Wind and breath under some
 * 16 Hz may pass for an offset for a while; nobody hears them, and nothing that is heard changes.
 */
#ifndef UNDIN_OFFSET_H
#define UNDIN_OFFSET_H

#include "undin_eight.h"

/* How long means must be alike: half a period of 2 Hz, and so many hops, for a few means of noise are alike by chance.
 * Where the signal is softer than its offset, which leaves no doubt, both count four times. */
#define UNDIN_OFFSET_MILLISECONDS 256
#define UNDIN_OFFSET_HOPS 16
#define UNDIN_PLAIN_OFFSET 4

/* Means are alike that lie on one side of zero, the largest within this factor of the least. */
#define UNDIN_ALIKE 3

typedef struct undin_offset {
    float taken;       /* what is taken out now */
    float sum;         /* of the means of the last hops that are alike, beyond it */
    float least, most; /* magnitudes of these means */
    int hops;          /* their number */
    int evidence;      /* the same, weighted */
} undin_offset;

UNDIN_INLINE float undin_mean(const float *x, int count) {
    undin_eight sums = {0};
    int i = 0;
    for (; i + 8 <= count; i += 8) sums += UNDIN_LOAD_EIGHT(x + i);
    float sum = UNDIN_SUM_OF_EIGHT(sums);
    for (; i < count; ++i) sum += x[i];
    return sum / (float)count;
}

/* Whether means are alike with one more, the mean of a hop beyond what is taken. */
UNDIN_INLINE int undin_is_alike(undin_offset *o, float mean) {
    const float magnitude = __builtin_fabsf(mean);
    if (magnitude < o->least) o->least = magnitude;
    if (magnitude > o->most) o->most = magnitude;
    return mean * o->sum > 0 && o->most < UNDIN_ALIKE * o->least;
}

/* Mean square of what is left of samples without their mean. */
UNDIN_INLINE float undin_deviation(const float *x, int count, float mean) {
    return undin_energy(x, count) / (float)count - mean * mean;
}

/* in [hop_samples] → out without the offset; a change of it comes gradually over the hop. */
static void undin_take_offset(undin_offset *o, const float *in, float *out, int hop_samples, int sample_rate) {
    const float whole_mean = undin_mean(in, hop_samples), mean = whole_mean - o->taken, before = o->taken;
    if (!undin_is_alike(o, mean)) {
        o->sum = 0;
        o->hops = o->evidence = 0;
        o->least = o->most = __builtin_fabsf(mean);
    }
    o->sum += mean;
    o->hops += 1;
    o->evidence += mean * mean > undin_deviation(in, hop_samples, whole_mean) ? UNDIN_PLAIN_OFFSET : 1;
    const int is_long = (int64_t)o->evidence * hop_samples * 1000 > (int64_t)UNDIN_OFFSET_MILLISECONDS * sample_rate;
    if (is_long && o->evidence >= UNDIN_OFFSET_HOPS && o->sum != 0) {
        o->taken += o->sum / (float)o->hops;
        o->sum = 0; /* the next hop is the first of others */
    }
    if (before == 0 && o->taken == 0) {
        for (int i = 0; i < hop_samples; ++i) out[i] = in[i];
        return;
    }
    const float step = (o->taken - before) / (float)hop_samples;
    for (int i = 0; i < hop_samples; ++i) out[i] = in[i] - (before + step * (float)(i + 1));
}

#endif
