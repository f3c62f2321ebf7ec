/* The least host of CLAP, by which tests look at a plug-in:
 *
 *     clap_host FILE RATE CHANNELS BLOCK [NAME=VALUE]... [-- NAME=VALUE]... < in.f32 > out.f32
 *
 * sets parameters by their names, then runs planes of CHANNELS, the samples of one behind those of the other, in blocks of
 * BLOCK samples, in place; 0 for blocks of changing sizes. What follows `--` is set at the first block past the middle.
 * A state is saved after the first parameters are set and loaded by a second instance, which is the one that runs.
 * Tells the latencies at the beginning and in the end, and what the parameters are after loading. */
#include "clap/entry.h"
#include "clap/ext/latency.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/plugin-factory.h"
#include "clap/plugin.h"

#include "loading.h"

#include <string.h>

enum { MAX_BLOCK = 4096, MAX_EVENTS = 16, MAX_CHANNELS = 2 };

static int restarts;
static void nothing(const clap_host_t *host) { (void)host; }
static void restart(const clap_host_t *host) { (void)host; restarts++; }
static void latency_changed(const clap_host_t *host) { (void)host; }
static const clap_host_latency_t host_latency = {latency_changed}; /* DPF calls it without asking whether it is there */
static const void *extension(const clap_host_t *host, const char *id) {
    (void)host;
    return strcmp(id, CLAP_EXT_LATENCY) ? NULL : &host_latency;
}
static const clap_host_t host = {CLAP_VERSION, NULL, "test", "undin", "", "1", extension, restart, nothing, nothing};

static clap_event_param_value_t events[MAX_EVENTS];
static uint32_t event_count;
static uint32_t events_size(const clap_input_events_t *list) { (void)list; return event_count; }
static const clap_event_header_t *events_get(const clap_input_events_t *list, uint32_t i) {
    (void)list;
    return &events[i].header;
}
static bool events_push(const clap_output_events_t *list, const clap_event_header_t *event) {
    (void)list;
    (void)event;
    return true;
}
static const clap_input_events_t in_events = {NULL, events_size, events_get};
static const clap_output_events_t out_events = {NULL, events_push};

static char state[1 << 16];
static size_t state_size, state_read;
static int64_t write_state(const clap_ostream_t *stream, const void *bytes, uint64_t size) {
    (void)stream;
    size = size > 7 ? 7 : size; /* a host may take less than is offered */
    memcpy(state + state_size, bytes, size);
    state_size += size;
    return (int64_t)size;
}
static int64_t read_state(const clap_istream_t *stream, void *bytes, uint64_t size) {
    (void)stream;
    size = size > state_size - state_read ? state_size - state_read : size > 5 ? 5 : size;
    memcpy(bytes, state + state_read, size);
    state_read += size;
    return (int64_t)size;
}

static void die(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* Make an event of NAME=VALUE. */
static void want(const clap_plugin_t *plugin, const char *setting) {
    const clap_plugin_params_t *params = plugin->get_extension(plugin, CLAP_EXT_PARAMS);
    const char *equals = strchr(setting, '=');
    for (uint32_t i = 0; equals && i < params->count(plugin); i++) {
        clap_param_info_t info;
        params->get_info(plugin, i, &info);
        if (strncmp(info.name, setting, (size_t)(equals - setting)) || info.name[equals - setting])
            continue;
        clap_event_param_value_t *event = &events[event_count++];
        memset(event, 0, sizeof *event);
        event->header.size = sizeof *event;
        event->header.type = CLAP_EVENT_PARAM_VALUE;
        event->param_id = info.id;
        event->note_id = event->port_index = event->channel = event->key = -1;
        event->value = atof(equals + 1);
        return;
    }
    die(setting);
}

static const clap_plugin_t *make(const clap_plugin_factory_t *factory, double rate) {
    const clap_plugin_descriptor_t *descriptor = factory->get_plugin_descriptor(factory, 0);
    const clap_plugin_t *plugin = factory->create_plugin(factory, &host, descriptor->id);
    if (!plugin || !plugin->init(plugin) || !plugin->activate(plugin, rate, 1, MAX_BLOCK))
        die("cannot open");
    return plugin;
}

static void discard(const clap_plugin_t *plugin) {
    plugin->deactivate(plugin);
    plugin->destroy(plugin);
}

static float samples[MAX_CHANNELS * 10 * 48000];

int main(int count, char **arguments) {
    if (count < 5)
        die("usage: clap_host FILE RATE CHANNELS BLOCK [NAME=VALUE]... [-- NAME=VALUE]...");
    let_bytes_be();
    double rate = atof(arguments[2]);
    uint32_t channels = (uint32_t)atoi(arguments[3]), block = (uint32_t)atoi(arguments[4]);
    const clap_plugin_entry_t *entry = found(loaded(arguments[1]), "clap_entry");
    entry->init(arguments[1]);
    const clap_plugin_factory_t *factory = entry->get_factory(CLAP_PLUGIN_FACTORY_ID);

    const clap_plugin_t *first = make(factory, rate);
    int next = 5;
    for (; next < count && strcmp(arguments[next], "--"); next++)
        want(first, arguments[next]);
    const clap_plugin_params_t *params = first->get_extension(first, CLAP_EXT_PARAMS);
    params->flush(first, &in_events, &out_events);
    event_count = 0;
    const clap_plugin_state_t *states = first->get_extension(first, CLAP_EXT_STATE);
    clap_ostream_t saved = {NULL, write_state};
    clap_istream_t loaded = {NULL, read_state};
    if (!states->save(first, &saved))
        die("cannot save");
    discard(first);

    const clap_plugin_t *plugin = make(factory, rate);
    states = plugin->get_extension(plugin, CLAP_EXT_STATE);
    if (!states->load(plugin, &loaded))
        die("cannot load");
    params = plugin->get_extension(plugin, CLAP_EXT_PARAMS);
    for (uint32_t i = 0; i < params->count(plugin); i++) {
        clap_param_info_t info;
        double value;
        params->get_info(plugin, i, &info);
        params->get_value(plugin, info.id, &value);
        fprintf(stderr, "%s=%g\n", info.name, value);
    }
    plugin->deactivate(plugin);
    plugin->activate(plugin, rate, 1, MAX_BLOCK); /* as a host does when a latency changed */
    const clap_plugin_latency_t *latency = plugin->get_extension(plugin, CLAP_EXT_LATENCY);
    fprintf(stderr, "latency=%u\n", latency->get(plugin));

    size_t length = fread(samples, sizeof *samples, sizeof samples / sizeof *samples, stdin) / channels;
    plugin->start_processing(plugin);
    for (size_t at = 0, step = 0; at < length; step++) {
        static const uint32_t sizes[] = {1, 7, 480, 64, 1023, 128, 2048};
        size_t now = block ? block : sizes[step % 7];
        now = now < length - at ? now : length - at;
        if (next < count && at >= length / 2)
            for (next++; next < count; next++)
                want(plugin, arguments[next]);
        float *planes[MAX_CHANNELS];
        for (uint32_t c = 0; c < channels; c++)
            planes[c] = samples + c * length + at;
        clap_audio_buffer_t in = {planes, NULL, channels, 0, 0}, out = {planes, NULL, channels, 0, 0};
        clap_process_t process = {(int64_t)at, (uint32_t)now, NULL, &in, &out, 1, 1, &in_events, &out_events};
        plugin->process(plugin, &process);
        event_count = 0;
        at += now;
    }
    plugin->stop_processing(plugin);
    plugin->deactivate(plugin);
    plugin->activate(plugin, rate, 1, MAX_BLOCK);
    fprintf(stderr, "latency=%u\nrestarts=%d\n", latency->get(plugin), restarts);
    discard(plugin);
    entry->deinit();
    fwrite(samples, sizeof *samples, length * channels, stdout);
    return 0;
}
