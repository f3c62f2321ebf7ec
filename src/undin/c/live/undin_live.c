/* undin_live.c: from one sound card through a stream of undin.h to another: the callbacks of `undin live`.
 *
 *     microphone ─► undin_live_input: undin_stream ─► undin_bridge.h ─► undin_live_output ─► loudspeaker
 *
 * PortAudio calls each in a thread of its own, which may neither wait nor allocate nor take anybody's lock; so they are C.
 * A program sets `atten_lim_db`, `is_bypassed` and `is_recording` whenever it likes, and reads what is told. What is
 * recorded goes to it by the tape, another queue without locks. PortAudio's types are spelt here as its header has them.
 */
#include <stddef.h>
#include <stdint.h>

#include "undin.h"

#include "undin_bridge.h"

typedef struct undin_live_times { /* PaStreamCallbackTimeInfo: seconds */
    double input_adc, current, output_dac;
} undin_live_times;

typedef struct undin_live {
    undin_bridge bridge;
    undin_stream *stream;     /* of as many channels */
    float *tape;              /* (tape_size, 2 channels): input, then output of the stream */
    int64_t tape_size;        /* frames, a power of two */
    int32_t out_channels;
    /* Wanted by the program. */
    float atten_lim_db;
    int32_t is_bypassed, is_recording;
    /* As it is now. */
    float atten_lim_db_now;
    int32_t is_bypassed_now;
    /* Told to the program. */
    int64_t taped, untaped;   /* frames that were ever put on the tape, and taken from it by the program */
    uint32_t tape_lost;       /* frames that it was too late for */
    uint32_t input_blocks, output_blocks; /* calls */
    uint32_t input_xruns, output_xruns;   /* of the driver */
    float input_power, output_power;      /* mean square over the last tenth of a second */
    float reduction_db;
    /* Sums for them. */
    double input_energy, output_energy;
    int64_t summed;
} undin_live;

enum { CONTINUE = 0, INPUT_UNDERFLOW = 1, INPUT_OVERFLOW = 2, OUTPUT_UNDERFLOW = 4, OUTPUT_OVERFLOW = 8 }; /* Pa... */

/* Bytes of the structure, so that its twin in another language can be held to it. */
size_t undin_live_bytes(void) { return sizeof(undin_live); }

/* What ALSA may call in place of writing to standard error, with arguments that nobody reads. */
void undin_live_ignore(void) {}

static void undin_live_obey(undin_live *l) {
    const float limit = UNDIN_ASK(l->atten_lim_db);
    const int32_t bypass = UNDIN_ASK(l->is_bypassed);
    if (limit != l->atten_lim_db_now) undin_stream_set_atten_lim_db(l->stream, limit);
    if (bypass != l->is_bypassed_now) undin_stream_set_bypass(l->stream, bypass);
    l->atten_lim_db_now = limit;
    l->is_bypassed_now = bypass;
}

static void undin_live_tape(undin_live *l, const float *in, const float *out, int64_t frames) {
    const int channels = l->bridge.channels;
    for (int64_t i = 0; i < frames; ++i, in += channels, out += channels) {
        if (l->taped - UNDIN_ASK(l->untaped) >= l->tape_size) {
            UNDIN_TELL(l->tape_lost, l->tape_lost + (uint32_t)(frames - i));
            return;
        }
        float *frame = l->tape + (l->taped & (l->tape_size - 1)) * 2 * channels;
        for (int c = 0; c < channels; ++c) {
            frame[c] = in[c];
            frame[channels + c] = out[c];
        }
        UNDIN_TELL(l->taped, l->taped + 1);
    }
}

static void undin_live_meter(undin_live *l, const float *in, const float *out, int64_t frames) {
    const int64_t samples = frames * l->bridge.channels;
    for (int64_t i = 0; i < samples; ++i) {
        l->input_energy += in[i] * in[i];
        l->output_energy += out[i] * out[i];
    }
    l->summed += samples;
    if ((double)l->summed < 0.1 * l->bridge.rate_hz * l->bridge.channels) return;
    undin_levels levels;
    undin_stream_get_levels(l->stream, &levels);
    UNDIN_TELL(l->reduction_db, levels.reduction_db);
    UNDIN_TELL(l->input_power, (float)(l->input_energy / (double)l->summed));
    UNDIN_TELL(l->output_power, (float)(l->output_energy / (double)l->summed));
    l->input_energy = l->output_energy = 0;
    l->summed = 0;
}

/* A block came: in (frames, channels). PaStreamCallback; `live` is an undin_live. */
int undin_live_input(const void *in, void *out, unsigned long frames, const undin_live_times *times, unsigned long flags,
                     void *live) {
    undin_live *l = live;
    undin_bridge *b = &l->bridge;
    (void)out;
    undin_live_obey(l);
    if (flags & (INPUT_UNDERFLOW | INPUT_OVERFLOW)) UNDIN_TELL(l->input_xruns, l->input_xruns + 1);
    UNDIN_TELL(l->input_blocks, l->input_blocks + 1);
    const float *from = in;
    for (int64_t left = (int64_t)frames, at = b->written; left > 0;) {
        int64_t count = left;
        float *to = undin_bridge_place(b, at, &count);
        undin_stream_process_interleaved(l->stream, from, to, (size_t)count);
        undin_live_meter(l, from, to, count);
        if (UNDIN_ASK(l->is_recording)) undin_live_tape(l, from, to, count);
        from += count * b->channels;
        at += count;
        left -= count;
    }
    undin_bridge_wrote(b, (int64_t)frames, times->current);
    return CONTINUE;
}

/* A block is wanted: out (frames, out_channels). PaStreamCallback; `live` is an undin_live. */
int undin_live_output(const void *in, void *out, unsigned long frames, const undin_live_times *times, unsigned long flags,
                      void *live) {
    undin_live *l = live;
    (void)in;
    if (flags & (OUTPUT_UNDERFLOW | OUTPUT_OVERFLOW)) UNDIN_TELL(l->output_xruns, l->output_xruns + 1);
    UNDIN_TELL(l->output_blocks, l->output_blocks + 1);
    undin_bridge_read(&l->bridge, out, l->out_channels, (int64_t)frames, times->current);
    return CONTINUE;
}
