/* undin.h: take the noise out of speech as it comes, at any sample rate, with any number of channels.
 *
 *     #include <stdlib.h>
 *     #include "undin.h"
 *     #include "undin_tiny.h"                      // a model: `extern const undin_model undin_tiny;`
 *
 *     undin_stream *stream = malloc(undin_stream_bytes(&undin_tiny, 48000, 2));
 *     int error = undin_stream_init(stream, &undin_tiny, 48000, 2);
 *     if (error) puts(undin_error(error));
 *     undin_stream_process_interleaved(stream, in, out, 480); // 480 samples a channel, or any other number
 *     free(stream);
 *
 * Samples are floats, full scale is 1. Nothing is allocated and nothing global is written: the caller owns the memory of
 * a stream, which lies at a multiple of 8 bytes as malloc's does. Streams may run side by side in any number of
 * threads, one thread at a time each. A stream holds no pointer into itself, so that a copy by memcpy goes on as the
 * original does.
 *
 * The output comes `undin_stream_latency_samples` later than the input, whatever the lengths of the blocks, and how a
 * signal is cut into blocks changes no bit of it. Samples that are not finite, or a million times full scale, are taken
 * as silence.
 */
#ifndef UNDIN_H
#define UNDIN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Number of this interface: what `undin_model` holds. A stream takes models of its own number alone. */
#define UNDIN_ABI 1

#define UNDIN_MIN_SAMPLE_RATE_HZ 4000
#define UNDIN_MAX_SAMPLE_RATE_HZ 384000
#define UNDIN_MAX_CHANNELS 64

/* Why a call was refused; `undin_error` says it in words. */
#define UNDIN_ERROR_ABI (-1)
#define UNDIN_ERROR_SAMPLE_RATE (-2)
#define UNDIN_ERROR_CHANNELS (-3)
#define UNDIN_ERROR_ATTEN_LIM (-4)
#define UNDIN_ERROR_MODEL (-5)

/* A compiled model: a constant, which `undin compile` writes. Firmware that gathers whole hops at the model's rate by
 * itself may call its two functions without a stream. */
typedef struct undin_model {
    int abi;              /* UNDIN_ABI */
    int sample_rate_hz;   /* at which the model hears */
    int hop_samples;      /* samples of every channel that it takes at a time */
    int latency_samples;  /* of blocks of any length, at its rate; that of whole hops is hop_samples - 1 less */
    size_t state_bytes;   /* what a channel leaves behind from hop to hop, in any memory that suits a float */
    size_t arena_bytes;   /* working memory of a hop, wherever it lies; what is in it between calls does not matter */
    void (*reset)(void *state); /* make memory a fresh state: silence came before */
    /* Enhance `hops` hops of each channel, from in[channel] to out[channel], which may be the same. One state a channel.
     * If `linked`, all channels get one gain a frequency. Adds to energies[0] what was heard between 200 Hz and 4 kHz,
     * and to energies[1] what was kept of it; both in one unit, whichever. Input samples are finite. */
    void (*process_hops)(void *const *states, void *arena, const float *const *in, float *const *out, int channels,
                         int linked, size_t hops, float energies[2]);
    const char *metadata; /* what the model says of itself, JSON */
} undin_model;

/* A stream; what is in it is nobody's business but undin's. */
typedef struct undin_stream undin_stream;

/* Levels for meters. Silence counts as -120 dB. */
typedef struct undin_levels {
    float input_dbfs;   /* root mean square of the last block's input over all channels, 0 at full scale */
    float output_dbfs;  /* the same of its output */
    float reduction_db; /* how much softer the last hops of the output are than they went in */
    float presence;     /* how much of their sound between 200 Hz and 4 kHz was kept, 0 to 1 in energy: high in speech,
                           low in noise, but no trained detector of either */
} undin_levels;

/* Bytes of memory that a stream needs; 0 if `undin_stream_init` would refuse it. */
size_t undin_stream_bytes(const undin_model *model, int sample_rate_hz, int channels);

/* Make memory a fresh stream: no limit of attenuation, no bypass, channels linked if there are two.
 * Returns 0, or the number of an error and changes nothing. */
int undin_stream_init(undin_stream *stream, const undin_model *model, int sample_rate_hz, int channels);

/* Go back to a fresh state: silence came before the next sample. Limit, bypass and link stay as they are set. */
void undin_stream_reset(undin_stream *stream);

/* Enhance the next `samples` samples of each channel: sample i of a channel c is in[c][i * stride], and comes out at
 * out[c][i * stride]. A stride of 1 is for planar sound. Each out[c] may be in[c], else they must not overlap. */
void undin_stream_process(undin_stream *stream, const float *const *in, float *const *out, size_t stride, size_t samples);

/* The same for interleaved sound: sample i of a channel c is in[i * channels + c]. out may be in. */
void undin_stream_process_interleaved(undin_stream *stream, const float *in, float *out, size_t samples);

/* The same for a block each of `count` streams, as a server has them: samples[i] samples a channel of streams[i]. The
 * blocks lie one behind the other, and are enhanced in place. A stream may come several times. */
void undin_stream_process_many(undin_stream *const *streams, const size_t *samples, size_t count, float *blocks);

/* At the end of a signal: write the last `undin_stream_latency_samples` samples of each channel of the enhanced sound,
 * and go back to a fresh state. */
void undin_stream_flush(undin_stream *stream, float *const *out, size_t stride);
void undin_stream_flush_interleaved(undin_stream *stream, float *out);

/* By how many samples the output comes after the input. */
int undin_stream_latency_samples(const undin_stream *stream);

/* Attenuate no sound by more than this, dB: 0 returns the delayed input bit for bit, INFINITY sets no limit. A change
 * while sound runs is faded in over the next hop. Returns 0, or an error and changes nothing if it is negative or NaN. */
int undin_stream_set_atten_lim_db(undin_stream *stream, float atten_lim_db);

/* Let the delayed input out as it is, or not; faded over the next hop. The model goes on listening. */
void undin_stream_set_bypass(undin_stream *stream, int bypass);

/* Give all channels the same gain, so that what is left of the noise does not wander between the ears, or each its own.
 * Linked channels cost one run of the network for all. */
void undin_stream_set_link_channels(undin_stream *stream, int link_channels);

/* Levels of the last block. */
void undin_stream_get_levels(const undin_stream *stream, undin_levels *levels);

/* A sentence about an error, without its full stop. */
const char *undin_error(int error);

#ifdef __cplusplus
}
#endif

#endif
