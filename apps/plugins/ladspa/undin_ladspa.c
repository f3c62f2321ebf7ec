/* undin as LADSPA: labels `mono` and `stereo`. For PipeWire, PulseAudio, GStreamer, ffmpeg, SoX and whatever else takes it.
 *
 * Hosts differ in what they make of hints: some multiply what is given for a sample rate, some let a switch start off
 * that is on by default, some refuse a control without a default. So every control is in its own unit with a default
 * that is a plain number, and off is 0. */
#include "undin_export.h"
#include "undin_plugin.h"

#include <ladspa.h>
#include <stdlib.h>

enum { LIMIT, BYPASS, MODEL, SEPARATE, CONTROLS };
enum { MAX_CHANNELS = 2, MAX_PORTS = 2 * MAX_CHANNELS + CONTROLS + 1 };

/* Of both plug-ins, within the 24 bits that are for plug-ins. */
#define UNIQUE_ID 0x756e44

typedef struct instance {
    undin_plugin *plugin;
    int channels;
    LADSPA_Data *ports[MAX_PORTS]; /* inputs, outputs, controls, latency */
} instance;

/* A plug-in of mono has the first three controls. */
static int latency_port(int channels) { return 2 * channels + (channels == 1 ? SEPARATE : CONTROLS); }

static LADSPA_Handle instantiate(const LADSPA_Descriptor *descriptor, unsigned long sample_rate) {
    instance *made = sample_rate <= UNDIN_MAX_SAMPLE_RATE_HZ ? calloc(1, sizeof *made) : NULL;
    if (!made)
        return NULL;
    made->channels = descriptor->UniqueID == UNIQUE_ID ? 1 : 2;
    made->plugin = undin_plugin_open((int)sample_rate, made->channels);
    if (!made->plugin) {
        free(made);
        return NULL;
    }
    return made;
}

static void connect_port(LADSPA_Handle handle, unsigned long port, LADSPA_Data *data) {
    instance *self = handle;
    if (port < MAX_PORTS)
        self->ports[port] = data;
}

/* Take what the controls say, and tell the latency. */
static void follow_controls(instance *self) {
    LADSPA_Data **controls = self->ports + 2 * self->channels;
    undin_plugin_follow(self->plugin, controls[LIMIT], controls[BYPASS], controls[MODEL],
                        self->channels > 1 ? controls[SEPARATE] : NULL);
    LADSPA_Data *latency = self->ports[latency_port(self->channels)];
    if (latency)
        *latency = (float)undin_plugin_latency_samples(self->plugin);
}

static void activate(LADSPA_Handle handle) {
    instance *self = handle;
    undin_plugin_reset(self->plugin);
    follow_controls(self);
}

static void run(LADSPA_Handle handle, unsigned long samples) {
    instance *self = handle;
    follow_controls(self);
    undin_plugin_run(self->plugin, (const float *const *)self->ports, self->ports + self->channels, 1, samples);
}

static void cleanup(LADSPA_Handle handle) {
    instance *self = handle;
    undin_plugin_close(self->plugin);
    free(self);
}

#define AUDIO_IN (LADSPA_PORT_INPUT | LADSPA_PORT_AUDIO)
#define AUDIO_OUT (LADSPA_PORT_OUTPUT | LADSPA_PORT_AUDIO)
#define CONTROL_IN (LADSPA_PORT_INPUT | LADSPA_PORT_CONTROL)
#define CONTROL_OUT (LADSPA_PORT_OUTPUT | LADSPA_PORT_CONTROL)
#define BOUNDED (LADSPA_HINT_BOUNDED_BELOW | LADSPA_HINT_BOUNDED_ABOVE)

#define LIMIT_HINT {BOUNDED | LADSPA_HINT_DEFAULT_100, 0.0f, UNDIN_PLUGIN_NO_LIMIT_DB}
#define MODEL_HINT {BOUNDED | LADSPA_HINT_INTEGER | LADSPA_HINT_DEFAULT_0, 0.0f, UNDIN_PLUGIN_MODELS - 1}
#define SWITCH_HINT {LADSPA_HINT_TOGGLED | LADSPA_HINT_DEFAULT_0, 0.0f, 1.0f}
#define NO_HINT {0, 0.0f, 0.0f}

/* clang-format off */
static const LADSPA_PortDescriptor mono_ports[] = {AUDIO_IN, AUDIO_OUT, CONTROL_IN, CONTROL_IN, CONTROL_IN, CONTROL_OUT};
static const char *const mono_names[] = {"Input", "Output", "Limit (dB)", "Bypass", "Model", "latency"};
static const LADSPA_PortRangeHint mono_hints[] = {NO_HINT, NO_HINT, LIMIT_HINT, SWITCH_HINT, MODEL_HINT, NO_HINT};

static const LADSPA_PortDescriptor stereo_ports[] = {
    AUDIO_IN, AUDIO_IN, AUDIO_OUT, AUDIO_OUT, CONTROL_IN, CONTROL_IN, CONTROL_IN, CONTROL_IN, CONTROL_OUT};
static const char *const stereo_names[] = {
    "Input L", "Input R", "Output L", "Output R", "Limit (dB)", "Bypass", "Model", "Separate channels", "latency"};
static const LADSPA_PortRangeHint stereo_hints[] = {
    NO_HINT, NO_HINT, NO_HINT, NO_HINT, LIMIT_HINT, SWITCH_HINT, MODEL_HINT, SWITCH_HINT, NO_HINT};
/* clang-format on */

#define DESCRIPTOR(id, label, name, kind)                                                                              \
    {                                                                                                                  \
        .UniqueID = (id), .Label = (label), .Properties = LADSPA_PROPERTY_HARD_RT_CAPABLE, .Name = (name),             \
        .Maker = "undin", .Copyright = "Apache-2.0", .PortCount = sizeof kind##_ports / sizeof *kind##_ports,          \
        .PortDescriptors = kind##_ports, .PortNames = kind##_names, .PortRangeHints = kind##_hints,                    \
        .instantiate = instantiate, .connect_port = connect_port, .activate = activate, .run = run, .cleanup = cleanup \
    }

static const LADSPA_Descriptor descriptors[] = {
    DESCRIPTOR(UNIQUE_ID, "mono", "undin (mono)", mono),
    DESCRIPTOR(UNIQUE_ID + 1, "stereo", "undin (stereo)", stereo),
};

UNDIN_EXPORT const LADSPA_Descriptor *ladspa_descriptor(unsigned long index) {
    return index < sizeof descriptors / sizeof *descriptors ? &descriptors[index] : NULL;
}
