/* undin as an audio filter of OBS Studio: "Take the noise out (undin)" among the filters of a source.
 *
 * OBS compensates no filter's latency; but a filter may date what it gives out, so sound that comes `latency` late is said
 * to be of that time, and OBS's mixer keeps it in step with the picture. */
#include "undin_plugin.h"

#include <obs-module.h>
#include <string.h>
#include <util/threading.h>

OBS_DECLARE_MODULE()
OBS_MODULE_USE_DEFAULT_LOCALE("undin", "en-US")

MODULE_EXPORT const char *obs_module_description(void) { return "Takes the din out of speech"; }

typedef struct filter {
    pthread_mutex_t lock; /* settings change in another thread */
    undin_plugin_settings settings;
    undin_plugin *plugin;
    int sample_rate_hz, channels;
} filter;

static const char *get_name(void *data) {
    (void)data;
    return obs_module_text("undin");
}

static void update(void *data, obs_data_t *told) {
    filter *self = data;
    pthread_mutex_lock(&self->lock);
    self->settings = (undin_plugin_settings){
        .limit_db = (float)obs_data_get_double(told, "limit_db"),
        .bypass = obs_data_get_bool(told, "bypass"),
        .separate_channels = obs_data_get_bool(told, "separate_channels"),
        .model = (int)obs_data_get_int(told, "model"),
    };
    pthread_mutex_unlock(&self->lock);
}

static void *create(obs_data_t *told, obs_source_t *source) {
    (void)source;
    filter *self = bzalloc(sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    update(self, told);
    return self;
}

static void destroy(void *data) {
    filter *self = data;
    undin_plugin_close(self->plugin);
    pthread_mutex_destroy(&self->lock);
    bfree(self);
}

/* Open a plug-in for sound of a format, unless there is one; whether there is one then. */
static bool open_plugin(filter *self, int sample_rate_hz, int channels) {
    if (self->plugin && channels == self->channels && sample_rate_hz == self->sample_rate_hz)
        return true;
    undin_plugin_close(self->plugin);
    self->plugin = undin_plugin_open(sample_rate_hz, channels);
    self->channels = channels;
    self->sample_rate_hz = sample_rate_hz;
    return self->plugin != NULL;
}

static struct obs_audio_data *filter_audio(void *data, struct obs_audio_data *audio) {
    filter *self = data;
    struct obs_audio_info info;
    float *planes[MAX_AV_PLANES];
    int channels = 0;
    while (channels < MAX_AV_PLANES && audio->data[channels]) {
        planes[channels] = (float *)audio->data[channels];
        channels++;
    }
    if (!obs_get_audio_info(&info) || !open_plugin(self, (int)info.samples_per_sec, channels))
        return NULL; /* nothing, which nobody takes for enhanced sound */
    pthread_mutex_lock(&self->lock);
    undin_plugin_set(self->plugin, &self->settings);
    pthread_mutex_unlock(&self->lock);
    undin_plugin_run(self->plugin, (const float *const *)planes, planes, 1, audio->frames);
    uint64_t latency = (uint64_t)undin_plugin_latency_samples(self->plugin) * 1000000000u / (uint64_t)self->sample_rate_hz;
    audio->timestamp = audio->timestamp > latency ? audio->timestamp - latency : 0;
    return audio;
}

static void get_defaults(obs_data_t *told) { obs_data_set_default_double(told, "limit_db", UNDIN_PLUGIN_NO_LIMIT_DB); }

static obs_properties_t *get_properties(void *data) {
    (void)data;
    obs_properties_t *shown = obs_properties_create();
    obs_property_t *models = obs_properties_add_list(shown, "model", obs_module_text("Model"), OBS_COMBO_TYPE_LIST,
                                                     OBS_COMBO_FORMAT_INT);
    for (int model = 0; model < UNDIN_PLUGIN_MODELS; model++)
        obs_property_list_add_int(models, undin_plugin_model_name(model), model);
    obs_property_t *limit = obs_properties_add_float_slider(shown, "limit_db", obs_module_text("Limit"), 0.0,
                                                            UNDIN_PLUGIN_NO_LIMIT_DB, 1.0);
    obs_property_float_set_suffix(limit, " dB");
    obs_properties_add_bool(shown, "separate_channels", obs_module_text("SeparateChannels"));
    obs_properties_add_bool(shown, "bypass", obs_module_text("Bypass"));
    return shown;
}

static struct obs_source_info info = {
    .id = "undin",
    .type = OBS_SOURCE_TYPE_FILTER,
    .output_flags = OBS_SOURCE_AUDIO,
    .get_name = get_name,
    .create = create,
    .destroy = destroy,
    .update = update,
    .get_defaults = get_defaults,
    .get_properties = get_properties,
    .filter_audio = filter_audio,
};

bool obs_module_load(void) {
    obs_register_source(&info);
    return true;
}
