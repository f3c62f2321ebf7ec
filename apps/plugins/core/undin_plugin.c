#include "undin_plugin.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* From this rate on, Hz, there is something above the 8 kHz that models for 16 kHz hear. */
#define FULL_BAND_FROM_HZ 32000

/* Samples of a channel that are worked on at a time where they need a copy. */
#define CHUNK 256

/* How long another model listens before it is heard, so that its state knows the noise, and how long it is faded in. */
#define WARMUP_SECONDS 0.5f
#define FADE_SECONDS 0.02f

/* A fresh stream of every model at a rate. To open one can take 6 ms, for the filters of odd rates; to copy one takes
 * none, so that a model may change where sound is made. All plug-ins of a rate share them. */
typedef struct fresh_streams {
    struct fresh_streams *next;
    int sample_rate_hz, channels, users;
    size_t bytes[UNDIN_MODEL_COUNT], max_bytes;
    undin_stream *streams[UNDIN_MODEL_COUNT];
} fresh_streams;

static fresh_streams *shared;
static atomic_flag shared_is_taken = ATOMIC_FLAG_INIT;

struct undin_plugin {
    fresh_streams *fresh;
    undin_plugin_settings settings;
    undin_stream *streams[2]; /* the one that is heard, and the next while the model changes */
    int model, next_model;    /* theirs, as undin_models.h counts; both the same while nothing changes */
    int wanted_model;         /* what the settings mean */
    int has_run;              /* since the fresh state */
    size_t heard;             /* by the next stream, samples */
    float *chunk;             /* CHUNK samples of each channel */
};

/* No one waits long: what takes time is done outside. */
static void take_shared(void) {
    while (atomic_flag_test_and_set_explicit(&shared_is_taken, memory_order_acquire))
        ;
}

static void release_shared(void) { atomic_flag_clear_explicit(&shared_is_taken, memory_order_release); }

/* To be called with `shared` taken. */
static fresh_streams *find_fresh(int sample_rate_hz, int channels) {
    fresh_streams *found = shared;
    while (found && (found->sample_rate_hz != sample_rate_hz || found->channels != channels))
        found = found->next;
    if (found)
        found->users++;
    return found;
}

static void free_fresh(fresh_streams *fresh) {
    for (int model = 0; fresh && model < UNDIN_MODEL_COUNT; model++)
        free(fresh->streams[model]);
    free(fresh);
}

static fresh_streams *make_fresh(int sample_rate_hz, int channels) {
    fresh_streams *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return NULL;
    fresh->sample_rate_hz = sample_rate_hz;
    fresh->channels = channels;
    fresh->users = 1;
    for (int number = 0; number < UNDIN_MODEL_COUNT; number++) {
        const undin_model *model = undin_model_at(number);
        size_t bytes = undin_stream_bytes(model, sample_rate_hz, channels);
        undin_stream *stream = bytes ? malloc(bytes) : NULL;
        fresh->streams[number] = stream;
        if (!stream || undin_stream_init(stream, model, sample_rate_hz, channels)) {
            free_fresh(fresh);
            return NULL;
        }
        fresh->bytes[number] = bytes;
        if (bytes > fresh->max_bytes)
            fresh->max_bytes = bytes;
    }
    return fresh;
}

static fresh_streams *share_fresh(int sample_rate_hz, int channels) {
    take_shared();
    fresh_streams *found = find_fresh(sample_rate_hz, channels);
    release_shared();
    if (found)
        return found;
    fresh_streams *made = make_fresh(sample_rate_hz, channels);
    if (!made)
        return NULL;
    take_shared();
    found = find_fresh(sample_rate_hz, channels); /* another thread may have been faster */
    if (!found) {
        made->next = shared;
        shared = made;
    }
    release_shared();
    if (found)
        free_fresh(made);
    return found ? found : made;
}

static void leave_fresh(fresh_streams *fresh) {
    take_shared();
    int is_last = --fresh->users == 0;
    if (is_last) {
        fresh_streams **place = &shared;
        while (*place != fresh)
            place = &(*place)->next;
        *place = fresh->next;
    }
    release_shared();
    if (is_last)
        free_fresh(fresh);
}

static void apply(const undin_plugin *plugin, int which) {
    const undin_plugin_settings *settings = &plugin->settings;
    undin_stream *stream = plugin->streams[which];
    undin_stream_set_atten_lim_db(stream, settings->limit_db < UNDIN_PLUGIN_NO_LIMIT_DB ? settings->limit_db : INFINITY);
    undin_stream_set_bypass(stream, settings->bypass);
    undin_stream_set_link_channels(stream, !settings->separate_channels);
}

/* Make one of the two streams a fresh one of a model, with the settings. */
static void refresh(undin_plugin *plugin, int which, int model) {
    memcpy(plugin->streams[which], plugin->fresh->streams[model], plugin->fresh->bytes[model]);
    apply(plugin, which);
}

/* The model of undin_models.h that a number of hosts means at a rate. */
static int model_at(int number, int sample_rate_hz) {
    const char *name = sample_rate_hz < FULL_BAND_FROM_HZ ? "undin-small" : "undin-small-48k";
    int model = number - 1;
    for (int i = 0; number == 0 && i < UNDIN_MODEL_COUNT; i++)
        if (strcmp(undin_model_name(i), name) == 0)
            model = i;
    return model;
}

undin_plugin *undin_plugin_open(int sample_rate_hz, int channels) {
    fresh_streams *fresh = share_fresh(sample_rate_hz, channels);
    if (!fresh)
        return NULL;
    undin_plugin *plugin = calloc(1, sizeof *plugin);
    if (plugin) {
        plugin->fresh = fresh;
        plugin->settings.limit_db = UNDIN_PLUGIN_NO_LIMIT_DB;
        plugin->wanted_model = model_at(0, sample_rate_hz);
        plugin->streams[0] = malloc(fresh->max_bytes);
        plugin->streams[1] = malloc(fresh->max_bytes);
        plugin->chunk = malloc((size_t)channels * CHUNK * sizeof *plugin->chunk);
    }
    if (!plugin || !plugin->streams[0] || !plugin->streams[1] || !plugin->chunk) {
        if (!plugin)
            leave_fresh(fresh);
        undin_plugin_close(plugin);
        return NULL;
    }
    undin_plugin_reset(plugin);
    return plugin;
}

void undin_plugin_close(undin_plugin *plugin) {
    if (!plugin)
        return;
    free(plugin->streams[0]);
    free(plugin->streams[1]);
    free(plugin->chunk);
    leave_fresh(plugin->fresh);
    free(plugin);
}

void undin_plugin_reset(undin_plugin *plugin) {
    plugin->model = plugin->next_model = plugin->wanted_model;
    plugin->has_run = 0;
    refresh(plugin, 0, plugin->model);
}

/* Let another model listen, to be heard later. */
static void begin_change(undin_plugin *plugin) {
    plugin->next_model = plugin->wanted_model;
    plugin->heard = 0;
    refresh(plugin, 1, plugin->next_model);
}

static void end_change(undin_plugin *plugin) {
    undin_stream *ended = plugin->streams[0];
    plugin->streams[0] = plugin->streams[1];
    plugin->streams[1] = ended;
    plugin->model = plugin->next_model;
    if (plugin->wanted_model != plugin->model) /* it was changed again meanwhile */
        begin_change(plugin);
}

/* The nearest number in a range; what is none is its end. */
static float within(float value, float low, float high) {
    return value < low ? low : value < high ? value : high;
}

void undin_plugin_set(undin_plugin *plugin, const undin_plugin_settings *settings) {
    undin_plugin_settings wanted = *settings;
    if (wanted.limit_db != wanted.limit_db) /* not a number */
        wanted.limit_db = plugin->settings.limit_db;
    wanted.limit_db = within(wanted.limit_db, 0.0f, UNDIN_PLUGIN_NO_LIMIT_DB);
    wanted.bypass = wanted.bypass != 0;
    wanted.separate_channels = wanted.separate_channels != 0;
    wanted.model = wanted.model < 0 ? 0 : wanted.model < UNDIN_PLUGIN_MODELS ? wanted.model : UNDIN_PLUGIN_MODELS - 1;
    const undin_plugin_settings *old = &plugin->settings;
    int same_sound = wanted.limit_db == old->limit_db && wanted.bypass == old->bypass &&
                     wanted.separate_channels == old->separate_channels;
    plugin->wanted_model = model_at(wanted.model, plugin->fresh->sample_rate_hz);
    plugin->settings = wanted;
    if (plugin->wanted_model != plugin->model && !plugin->has_run) {
        undin_plugin_reset(plugin);
        return;
    }
    if (!same_sound) {
        apply(plugin, 0);
        if (plugin->next_model != plugin->model)
            apply(plugin, 1);
    }
    if (plugin->wanted_model != plugin->model && plugin->next_model == plugin->model)
        begin_change(plugin);
}

void undin_plugin_follow(undin_plugin *plugin, const float *limit_db, const float *bypass, const float *model,
                         const float *separate_channels) {
    undin_plugin_settings settings = {
        .limit_db = limit_db ? *limit_db : UNDIN_PLUGIN_NO_LIMIT_DB,
        .bypass = bypass && *bypass > 0.0f,
        .separate_channels = separate_channels && *separate_channels > 0.0f,
        .model = model ? undin_plugin_model_of(*model) : 0,
    };
    undin_plugin_set(plugin, &settings);
}

const char *undin_plugin_model_name(int number) {
    static const char *const names[] = {UNDIN_PLUGIN_MODEL_NAMES};
    return names[number];
}

int undin_plugin_model_of(float control) {
    return (int)(within(control, 0.0f, UNDIN_PLUGIN_MODELS - 1) + 0.5f);
}

/* Whether an output lies where another channel's input does, as a host may choose. */
static int is_crossed(const undin_plugin *plugin, const float *const *in, float *const *out) {
    int channels = plugin->fresh->channels;
    for (int c = 0; c < channels; c++)
        for (int other = 0; other < channels; other++)
            if (other != c && out[c] == in[other])
                return 1;
    return 0;
}

/* How much of the next model is heard, from 0 to 1, after so many samples. */
static float share_of_next(const undin_plugin *plugin, size_t heard) {
    float seconds = (float)heard / (float)plugin->fresh->sample_rate_hz;
    return within((seconds - WARMUP_SECONDS) / FADE_SECONDS, 0.0f, 1.0f);
}

/* A chunk through a copy of it, and through the next model too while that changes. */
static void run_chunk(undin_plugin *plugin, const float *const *in, float *const *out, size_t stride, size_t samples) {
    int channels = plugin->fresh->channels, changes = plugin->next_model != plugin->model;
    float *copies[UNDIN_MAX_CHANNELS];
    for (int c = 0; c < channels; c++) {
        copies[c] = plugin->chunk + c * (stride == 1 ? CHUNK : 1);
        for (size_t i = 0; i < samples; i++)
            copies[c][i * stride] = in[c][i * stride];
    }
    undin_stream_process(plugin->streams[0], (const float *const *)copies, out, stride, samples);
    if (!changes)
        return;
    undin_stream_process(plugin->streams[1], (const float *const *)copies, copies, stride, samples);
    for (size_t i = 0; i < samples; i++) {
        float share = share_of_next(plugin, plugin->heard + i);
        for (int c = 0; c < channels; c++)
            out[c][i * stride] += share * (copies[c][i * stride] - out[c][i * stride]);
    }
    plugin->heard += samples;
    if (share_of_next(plugin, plugin->heard) == 1.0f)
        end_change(plugin);
}

void undin_plugin_run(undin_plugin *plugin, const float *const *in, float *const *out, size_t stride, size_t samples) {
    int channels = plugin->fresh->channels, crossed = is_crossed(plugin, in, out);
    size_t done = 0;
    plugin->has_run |= samples != 0;
    while (done < samples) {
        size_t count = samples - done;
        int copied = crossed || plugin->next_model != plugin->model;
        const float *from[UNDIN_MAX_CHANNELS];
        float *to[UNDIN_MAX_CHANNELS];
        for (int c = 0; c < channels; c++) {
            from[c] = in[c] + done * stride;
            to[c] = out[c] + done * stride;
        }
        if (copied && count > CHUNK)
            count = CHUNK;
        if (copied)
            run_chunk(plugin, from, to, stride, count);
        else
            undin_stream_process(plugin->streams[0], from, to, stride, count);
        done += count;
    }
}

int undin_plugin_latency_samples(const undin_plugin *plugin) {
    return undin_stream_latency_samples(plugin->streams[0]);
}

void undin_plugin_get_levels(const undin_plugin *plugin, undin_levels *levels) {
    undin_stream_get_levels(plugin->streams[0], levels);
}
