/* pcm.h: samples of 16 bits, as codecs have them, and floats, as undin has them. */
#ifndef PCM_H
#define PCM_H

#include <stdint.h>

static inline float float_of_pcm(int16_t sample) { return (float)sample / 32768; }

/* The nearest, ties to even; what is beyond full scale is cut off. */
static inline int16_t pcm_of_float(float sample) {
    const float scaled = sample * 32768;
    if (!(scaled > -32768)) return -32768;
    if (scaled >= 32767) return 32767;
    int32_t nearest;
    __asm__("vcvtr.s32.f32 %0, %0" : "=t"(sample) : "0"(scaled));
    __builtin_memcpy(&nearest, &sample, sizeof nearest);
    return (int16_t)nearest;
}

#endif
