/* soak_stream.c: streams at any rate, with any number of channels and any blocks, whose limit, bypass and link change
 * while they run, good samples and none at all, in memory of exactly the size asked for.
 *
 *     soak_stream SEED ROUNDS */
#include "model.h"
#include "soak.h"

enum { SAMPLES = 6000 };

static const int usual_rates[] = {4000, 8000, 11025, 16000, 22050, 44100, 44056, 47999, 48000, 96000, 384000};

static int any_rate(void) {
    if (any(2)) return usual_rates[any(sizeof usual_rates / sizeof *usual_rates)];
    return UNDIN_MIN_SAMPLE_RATE_HZ + (int)any(UNDIN_MAX_SAMPLE_RATE_HZ - UNDIN_MIN_SAMPLE_RATE_HZ + 1);
}

static void change_something(undin_stream *stream) {
    switch (any(8)) {
    case 0: undin_stream_set_atten_lim_db(stream, (float)any(40)); break;
    case 1: undin_stream_set_atten_lim_db(stream, INFINITY); break;
    case 2: undin_stream_set_bypass(stream, (int)any(2)); break;
    case 3: undin_stream_set_link_channels(stream, (int)any(2)); break;
    default: break;
    }
    check(undin_stream_set_atten_lim_db(stream, NAN) == UNDIN_ERROR_ATTEN_LIM, "NaN is no limit");
}

/* A block of planar samples, each channel in memory of its own, perhaps apart and perhaps in place. */
static void planar_block(undin_stream *stream, int channels, int count, unsigned bad_percent) {
    float *in[UNDIN_MAX_CHANNELS], *out[UNDIN_MAX_CHANNELS];
    const int stride = 1 + (int)any(3), in_place = (int)any(2), floats = count ? (count - 1) * stride + 1 : 0;
    for (int channel = 0; channel < channels; ++channel) {
        in[channel] = samples_of(floats, bad_percent);
        out[channel] = in_place ? in[channel] : samples_of(floats, 0);
    }
    undin_stream_process(stream, (const float *const *)in, out, (size_t)stride, (size_t)count);
    for (int channel = 0; channel < channels; ++channel) {
        for (int i = 0; i < count; ++i) check(isfinite(out[channel][i * stride]), "an output sample is not finite");
        if (!in_place) free(out[channel]);
        free(in[channel]);
    }
}

static void interleaved_block(undin_stream *stream, int channels, int count, unsigned bad_percent) {
    float *in = samples_of(count * channels, bad_percent), *out = any(2) ? in : samples_of(count * channels, 0);
    undin_stream_process_interleaved(stream, in, out, (size_t)count);
    check_finite(out, count * channels);
    if (out != in) free(out);
    free(in);
}

static void flush(undin_stream *stream, int channels) {
    const int latency = undin_stream_latency_samples(stream);
    float *rest = malloc((size_t)(latency * channels) * sizeof *rest);
    undin_stream_flush_interleaved(stream, rest);
    check_finite(rest, latency * channels);
    free(rest);
}

/* What a fresh stream makes of good samples; the caller frees it. */
static float *good_output(undin_stream *stream, int channels, const float *in, int count) {
    float *out = malloc((size_t)(count * channels) * sizeof *out);
    undin_stream_set_atten_lim_db(stream, INFINITY);
    undin_stream_set_bypass(stream, 0);
    undin_stream_set_link_channels(stream, 0);
    undin_stream_reset(stream);
    undin_stream_process_interleaved(stream, in, out, (size_t)count);
    return out;
}

static void round_of(int rate, int channels) {
    const size_t bytes = undin_stream_bytes(&MODEL, rate, channels);
    undin_stream *stream = malloc(bytes);
    memset(stream, 0xFF, bytes);
    check(undin_stream_init(stream, &MODEL, rate, channels) == 0, "it was refused");
    const int count = SAMPLES / channels + 1;
    float *in = samples_of(count * channels, 0), *expected = good_output(stream, channels, in, count);
    const unsigned bad_percents[] = {0, 1, 50, 100}, bad_percent = bad_percents[any(4)];
    for (int done = 0; done < count;) {
        const int block = (int)any(any(2) ? 20 : 2000);
        change_something(stream);
        (any(2) ? planar_block : interleaved_block)(stream, channels, block, bad_percent);
        undin_levels levels;
        undin_stream_get_levels(stream, &levels);
        check(isfinite(levels.input_dbfs) && isfinite(levels.output_dbfs) && isfinite(levels.reduction_db) &&
                  levels.presence >= 0 && levels.presence <= 1, "levels are none");
        done += block + 1;
    }
    flush(stream, channels);
    float *again = good_output(stream, channels, in, count);
    check(!memcmp(again, expected, (size_t)(count * channels) * sizeof *again), "a reset stream differs from a fresh one");
    free(again);
    free(expected);
    free(in);
    free(stream);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    seed = strtoull(arguments[1], NULL, 10);
    for (int round = atoi(arguments[2]); round > 0; --round) {
        const int rate = any_rate(), channels = 1 + (int)(any(4) ? any(4) : any(UNDIN_MAX_CHANNELS));
        printf("%d Hz, %d channels\n", rate, channels);
        round_of(rate, channels);
    }
    return 0;
}
