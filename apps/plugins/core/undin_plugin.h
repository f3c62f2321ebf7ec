/* undin_plugin.h: what all plug-ins are made of. A stream of undin.h whose model may change while it runs.
 *
 * One thread at a time each. `open` and `close` allocate; nothing else does, so that all else may be called where sound
 * is made. Samples are floats, full scale is 1. */
#ifndef UNDIN_PLUGIN_H
#define UNDIN_PLUGIN_H

#include "undin.h"
#include "undin_models.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of attenuation from here on are none: a control of a host has to end somewhere. */
#define UNDIN_PLUGIN_NO_LIMIT_DB 100.0f

/* Models by the numbers that hosts know. With number 0, with which they begin, the rate of the sound chooses: undin-small,
 * and undin-small-48k from 32 kHz up. Behind it come those of undin_models.h. */
#define UNDIN_PLUGIN_MODELS (1 + UNDIN_MODEL_COUNT)
#define UNDIN_PLUGIN_MODEL_NAMES "by rate", UNDIN_MODEL_NAMES

typedef struct undin_plugin undin_plugin;

/* What a host may set at any time. All zeros but the limit is what it begins with. */
typedef struct undin_plugin_settings {
    float limit_db;        /* attenuate no sound by more, 0 to UNDIN_PLUGIN_NO_LIMIT_DB */
    int bypass;            /* let the delayed input out as it is */
    int separate_channels; /* give each channel a gain of its own */
    int model;             /* number of a model */
} undin_plugin_settings;

/* Open a plug-in in its fresh state; NULL if the rate or the number of channels is none of undin.h's, or memory is out. */
undin_plugin *undin_plugin_open(int sample_rate_hz, int channels);
void undin_plugin_close(undin_plugin *plugin);

/* Go back to the fresh state: silence came before. The settings stay, and the model is at once the one that is set. */
void undin_plugin_reset(undin_plugin *plugin);

/* Take settings; what is out of its range counts as the nearest in it. A change while sound runs is faded in: limit,
 * bypass and link over the next hop, a model once it has heard enough, so that its sound is there when it takes over. */
void undin_plugin_set(undin_plugin *plugin, const undin_plugin_settings *settings);

/* Take settings from where a host keeps its controls; NULL where it has none, which then is as at the beginning. */
void undin_plugin_follow(undin_plugin *plugin, const float *limit_db, const float *bypass, const float *model,
                         const float *separate_channels);

/* The name of a number of hosts. */
const char *undin_plugin_model_name(int number);

/* The number of a model that a control of a host means, which is a float. */
int undin_plugin_model_of(float control);

/* Enhance a block: sample i of a channel c is in[c][i * stride], and comes out at out[c][i * stride]. The stride is 1, or
 * the number of channels of interleaved sound. Outputs may be inputs, their own or each other's. */
void undin_plugin_run(undin_plugin *plugin, const float *const *in, float *const *out, size_t stride, size_t samples);

/* By how many samples the output comes after the input. Models differ in it: it changes when one takes over. */
int undin_plugin_latency_samples(const undin_plugin *plugin);

/* Levels of the last block. */
void undin_plugin_get_levels(const undin_plugin *plugin, undin_levels *levels);

#ifdef __cplusplus
}
#endif

#endif
