/* undin as LV2, `urn:undin:mono` and `urn:undin:stereo`; describe.py writes of their ports what hosts read.
 *
 * It asks a host for no feature: lv2apply and ffmpeg refuse plug-ins that do. */
#include "undin_export.h"
#include "undin_plugin.h"

#include <lv2/core/lv2.h>
#include <stdlib.h>
#include <string.h>

/* Ports behind inputs and outputs, in the order that the window takes for granted too. */
enum { LATENCY, LIMIT, BYPASS, MODEL, SEPARATE, INPUT_LEVEL, OUTPUT_LEVEL, REDUCTION, CONTROLS };
enum { MAX_CHANNELS = 2 };

typedef struct instance {
    undin_plugin *plugin;
    int channels;
    float *inputs[MAX_CHANNELS], *outputs[MAX_CHANNELS], *controls[CONTROLS];
} instance;

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double sample_rate, const char *bundle,
                              const LV2_Feature *const *features) {
    (void)bundle;
    (void)features;
    int is_rate = sample_rate >= UNDIN_MIN_SAMPLE_RATE_HZ && sample_rate <= UNDIN_MAX_SAMPLE_RATE_HZ;
    instance *made = is_rate ? calloc(1, sizeof *made) : NULL;
    if (!made)
        return NULL;
    made->channels = strcmp(descriptor->URI, "urn:undin:mono") ? 2 : 1;
    made->plugin = undin_plugin_open((int)(sample_rate + 0.5), made->channels);
    if (!made->plugin) {
        free(made);
        return NULL;
    }
    return made;
}

static void connect_port(LV2_Handle handle, uint32_t port, void *data) {
    instance *self = handle;
    uint32_t channels = (uint32_t)self->channels;
    if (port < channels) {
        self->inputs[port] = data;
        return;
    }
    if (port < 2 * channels) {
        self->outputs[port - channels] = data;
        return;
    }
    port -= 2 * channels;
    port += channels == 1 && port >= SEPARATE; /* a single channel has none to be separate from */
    if (port < CONTROLS)
        self->controls[port] = data;
}

static void tell(instance *self, int number, float value) {
    if (self->controls[number])
        *self->controls[number] = value;
}

static void follow_controls(instance *self) {
    float *const *controls = self->controls;
    undin_plugin_follow(self->plugin, controls[LIMIT], controls[BYPASS], controls[MODEL], controls[SEPARATE]);
    tell(self, LATENCY, (float)undin_plugin_latency_samples(self->plugin));
}

static void activate(LV2_Handle handle) {
    instance *self = handle;
    undin_plugin_reset(self->plugin);
    follow_controls(self);
}

static void run(LV2_Handle handle, uint32_t samples) {
    instance *self = handle;
    follow_controls(self);
    if (samples == 0) /* a host asks for the latency */
        return;
    undin_plugin_run(self->plugin, (const float *const *)self->inputs, self->outputs, 1, samples);
    undin_levels levels;
    undin_plugin_get_levels(self->plugin, &levels);
    tell(self, INPUT_LEVEL, levels.input_dbfs);
    tell(self, OUTPUT_LEVEL, levels.output_dbfs);
    tell(self, REDUCTION, levels.reduction_db);
}

static void cleanup(LV2_Handle handle) {
    instance *self = handle;
    undin_plugin_close(self->plugin);
    free(self);
}

static const LV2_Descriptor descriptors[] = {
    {"urn:undin:mono", instantiate, connect_port, activate, run, NULL, cleanup, NULL},
    {"urn:undin:stereo", instantiate, connect_port, activate, run, NULL, cleanup, NULL},
};

UNDIN_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index) {
    return index < sizeof descriptors / sizeof *descriptors ? &descriptors[index] : NULL;
}
