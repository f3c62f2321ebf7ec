/* stream.c: reads blocks of interleaved samples, brings them through a stream, writes them; then what the stream holds.
 *
 * SAMPLE_RATE_HZ, CHANNELS and BLOCK come from the command line, and ATTEN_LIM_DB if there is a limit. The whole input is
 * as many whole blocks. */
#include "model.h"
#include "files.h"

enum { MEMORY = 1 << 18, MAX_LATENCY = 4800 };

MAIN {
    static double memory[MEMORY / sizeof(double)]; /* at a multiple of 8 bytes */
    static float samples[BLOCK * CHANNELS], rest[MAX_LATENCY * CHANNELS];
    undin_stream *stream = (undin_stream *)memory;
    begin();
    if (undin_stream_bytes(&MODEL, SAMPLE_RATE_HZ, CHANNELS) <= MEMORY &&
        undin_stream_init(stream, &MODEL, SAMPLE_RATE_HZ, CHANNELS) == 0) {
#if defined(ATTEN_LIM_DB)
        undin_stream_set_atten_lim_db(stream, ATTEN_LIM_DB);
#endif
        while (fill(samples, sizeof samples)) {
            undin_stream_process_interleaved(stream, samples, samples, BLOCK);
            put(samples, sizeof samples);
        }
        undin_stream_flush_interleaved(stream, rest);
        put(rest, (unsigned)(undin_stream_latency_samples(stream) * CHANNELS) * sizeof(float));
    }
    leave();
    RETURN
}
