/* OBS without a window: obs_host MODULE DATA < in.f32 > out.f32 loads a module, puts its filter `undin` on a source of ours,
 * gives that two planes of sound in packets of OBS's size, and writes what comes behind the filter. */
#include <obs-module.h>
#include <obs.h>
#include <stdio.h>
#include <stdlib.h>

enum { RATE = 48000, CHANNELS = 2, PACKET = 1024, MOST = 20 * RATE };

static const char *name(void *data) { (void)data; return "test"; }
static void *create(obs_data_t *told, obs_source_t *source) { (void)told; return source; }
static void destroy(void *data) { (void)data; }
static struct obs_source_info source_info = {.id = "test",
                                             .type = OBS_SOURCE_TYPE_INPUT,
                                             .output_flags = OBS_SOURCE_AUDIO,
                                             .get_name = name,
                                             .create = create,
                                             .destroy = destroy};

static float in[CHANNELS][MOST], out[CHANNELS][MOST];
static size_t heard;
static uint64_t last_time;

static void capture(void *data, obs_source_t *source, const struct audio_data *audio, bool muted) {
    (void)data;
    (void)source;
    (void)muted;
    for (int channel = 0; channel < CHANNELS; channel++)
        memcpy(out[channel] + heard, audio->data[channel], audio->frames * sizeof(float));
    heard += audio->frames;
    last_time = audio->timestamp;
}

static void quiet(int level, const char *format, va_list arguments, void *data) {
    (void)data;
    if (level <= LOG_WARNING)
        vfprintf(stderr, format, arguments), fputc('\n', stderr);
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    static float all[CHANNELS * MOST];
    size_t length = fread(all, sizeof(float), CHANNELS * MOST, stdin) / CHANNELS;
    for (int channel = 0; channel < CHANNELS; channel++)
        memcpy(in[channel], all + channel * length, length * sizeof(float));

    base_set_log_handler(quiet, NULL);
    if (!obs_startup("en-US", NULL, NULL))
        return 3;
    struct obs_audio_info info = {RATE, SPEAKERS_STEREO};
    obs_module_t *module;
    if (!obs_reset_audio(&info) || obs_open_module(&module, arguments[1], arguments[2]) || !obs_init_module(module))
        return 4;
    obs_register_source(&source_info);
    obs_source_t *source = obs_source_create("test", "test", NULL, NULL);
    obs_data_t *settings = obs_data_create();
    obs_data_set_double(settings, "limit_db", 12.0);
    obs_source_t *filter = obs_source_create("undin", "undin", settings, NULL);
    if (!source || !filter)
        return 5;
    fprintf(stderr, "undin: %s\n", obs_source_get_display_name("undin"));
    obs_source_filter_add(source, filter);
    obs_source_add_audio_capture_callback(source, capture, NULL);

    uint64_t time = 0;
    for (size_t at = 0; at + PACKET <= length; at += PACKET) {
        time = 10000000000u + at * 1000000000u / RATE;
        struct obs_source_audio audio = {.frames = PACKET,
                                         .speakers = SPEAKERS_STEREO,
                                         .format = AUDIO_FORMAT_FLOAT_PLANAR,
                                         .samples_per_sec = RATE,
                                         .timestamp = time};
        for (int channel = 0; channel < CHANNELS; channel++)
            audio.data[channel] = (const uint8_t *)(in[channel] + at);
        obs_source_output_audio(source, &audio);
    }
    fprintf(stderr, "late by %llu ns\n", (unsigned long long)(time - last_time));
    for (int channel = 0; channel < CHANNELS; channel++)
        fwrite(out[channel], sizeof(float), heard, stdout);
    obs_source_filter_remove(source, filter);
    obs_source_release(filter);
    obs_source_release(source);
    obs_data_release(settings);
    obs_shutdown();
    return 0;
}
