/* DPF's plug-in of CLAP, mended in two places where that of DPF 1.6 is not enough for every host:
 *
 * - A plug-in without strings of its own has no state, so that hosts forget what is set; and the one that DPF would write is
 *   broken where a host takes less at a time than it is offered. State is saved here.
 * - The host's extension for latencies is called without asking whether there is one. Here there always is. */
#include "src/DistrhoDefines.h"
/* Hosts see the entry at the end of this file, not that of DPF. */
#undef DISTRHO_PLUGIN_EXPORT
#define DISTRHO_PLUGIN_EXPORT extern "C"
#define CLAP_EXPORT
#define clap_entry undin_clap_entry_of_dpf
#include "DistrhoPluginMain.cpp"
#undef clap_entry

#include "undin_export.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace {

/* A host that has no extension for latencies, with one. What DPF hands on of it is as the host made it. */
struct CompleteHost {
    clap_host_t host;
    const clap_host_t *real;
};

/* What hosts are given: DPF's plug-in, which is made once the host may be asked for extensions, with functions of ours. */
struct Instance {
    clap_plugin_t plugin;
    const clap_plugin_t *dpf;
    const clap_host_t *host;
    CompleteHost complete;
};

Instance *instanceOf(const clap_plugin_t *plugin) {
    return reinterpret_cast<Instance *>(const_cast<clap_plugin_t *>(plugin));
}

void nothing(const clap_host_t *) {}
const clap_host_latency_t noLatency = {nothing};

const void *hostExtension(const clap_host_t *host, const char *id) {
    const clap_host_t *real = reinterpret_cast<const CompleteHost *>(host)->real;
    return std::strcmp(id, CLAP_EXT_LATENCY) == 0 ? &noLatency : real->get_extension(real, id);
}

/* A saved state: a mark, then each parameter's number and value, little-endian as every processor here. */
constexpr char kMark[8] = {'u', 'n', 'd', 'i', 'n', '0', '0', '1'};
struct Saved {
    uint32_t parameter;
    float value;
};

const clap_plugin_params_t *paramsOf(const clap_plugin_t *plugin) {
    return static_cast<const clap_plugin_params_t *>(plugin->get_extension(plugin, CLAP_EXT_PARAMS));
}

bool save(const clap_plugin_t *plugin, const clap_ostream_t *stream) {
    const clap_plugin_params_t *params = paramsOf(plugin);
    std::vector<char> bytes(kMark, kMark + sizeof kMark);
    for (uint32_t index = 0; index < params->count(plugin); index++) {
        clap_param_info_t info;
        double value;
        if (!params->get_info(plugin, index, &info) || (info.flags & CLAP_PARAM_IS_READONLY) ||
            !params->get_value(plugin, info.id, &value))
            continue;
        const Saved saved = {info.id, static_cast<float>(value)};
        const char *start = reinterpret_cast<const char *>(&saved);
        bytes.insert(bytes.end(), start, start + sizeof saved);
    }
    for (size_t done = 0; done < bytes.size();) {
        const int64_t written = stream->write(stream, bytes.data() + done, bytes.size() - done);
        if (written <= 0)
            return false;
        done += static_cast<size_t>(written);
    }
    return true;
}

uint32_t eventCount(const clap_input_events_t *list) {
    return static_cast<uint32_t>(static_cast<std::vector<clap_event_param_value_t> *>(list->ctx)->size());
}
const clap_event_header_t *eventAt(const clap_input_events_t *list, uint32_t index) {
    return &(*static_cast<std::vector<clap_event_param_value_t> *>(list->ctx))[index].header;
}
bool noEvent(const clap_output_events_t *, const clap_event_header_t *) { return true; }

bool load(const clap_plugin_t *plugin, const clap_istream_t *stream) {
    const clap_plugin_params_t *params = paramsOf(plugin);
    const size_t most = sizeof kMark + params->count(plugin) * sizeof(Saved);
    std::vector<char> bytes(most + 1);
    size_t size = 0;
    while (size < bytes.size()) {
        const int64_t read = stream->read(stream, bytes.data() + size, bytes.size() - size);
        if (read < 0)
            return false;
        if (read == 0)
            break;
        size += static_cast<size_t>(read);
    }
    if (size < sizeof kMark || size > most || (size - sizeof kMark) % sizeof(Saved) ||
        std::memcmp(bytes.data(), kMark, sizeof kMark) != 0)
        return false;
    std::vector<clap_event_param_value_t> events;
    for (size_t at = sizeof kMark; at < size; at += sizeof(Saved)) {
        Saved saved;
        std::memcpy(&saved, bytes.data() + at, sizeof saved);
        clap_event_param_value_t event = {};
        event.header.size = sizeof event;
        event.header.type = CLAP_EVENT_PARAM_VALUE;
        event.param_id = saved.parameter;
        event.note_id = event.port_index = event.channel = event.key = -1;
        for (uint32_t index = 0; index < params->count(plugin); index++) {
            clap_param_info_t info;
            if (params->get_info(plugin, index, &info) && info.id == saved.parameter && saved.value == saved.value) {
                event.value = std::fmin(std::fmax(saved.value, info.min_value), info.max_value);
                events.push_back(event);
            }
        }
    }
    const clap_input_events_t in = {&events, eventCount, eventAt};
    const clap_output_events_t out = {nullptr, noEvent};
    params->flush(plugin, &in, &out);
    return true;
}
const clap_plugin_state_t state = {save, load};

const void *getExtension(const clap_plugin_t *plugin, const char *id) {
    const Instance *instance = instanceOf(plugin);
    if (!instance->dpf)
        return nullptr;
    return std::strcmp(id, CLAP_EXT_STATE) == 0 ? &state : instance->dpf->get_extension(plugin, id);
}

void destroy(const clap_plugin_t *plugin) {
    Instance *instance = instanceOf(plugin);
    if (instance->dpf)
        instance->dpf->destroy(instance->dpf);
    delete instance;
}

const clap_plugin_factory_t *factoryOfDpf() {
    return static_cast<const clap_plugin_factory_t *>(undin_clap_entry_of_dpf.get_factory(CLAP_PLUGIN_FACTORY_ID));
}

uint32_t pluginCount(const clap_plugin_factory_t *) { return 1; }

const clap_plugin_descriptor_t *pluginDescriptor(const clap_plugin_factory_t *, uint32_t index) {
    return index == 0 ? factoryOfDpf()->get_plugin_descriptor(factoryOfDpf(), 0) : nullptr;
}

bool initialiseInstance(const clap_plugin_t *plugin) {
    Instance *instance = instanceOf(plugin);
    const clap_host_t *host = instance->host;
    if (!host->get_extension(host, CLAP_EXT_LATENCY)) {
        instance->complete = {*host, host};
        instance->complete.host.get_extension = hostExtension;
        host = &instance->complete.host;
    }
    instance->dpf = factoryOfDpf()->create_plugin(factoryOfDpf(), host, plugin->desc->id);
    if (!instance->dpf)
        return false;
    instance->plugin = *instance->dpf; /* its functions look at nothing but plugin_data, which is theirs now */
    instance->plugin.get_extension = getExtension;
    instance->plugin.destroy = destroy;
    return instance->dpf->init(plugin);
}

const clap_plugin_t *createPlugin(const clap_plugin_factory_t *factory, const clap_host_t *host, const char *id) {
    const clap_plugin_descriptor_t *descriptor = pluginDescriptor(factory, 0);
    if (std::strcmp(id, descriptor->id) != 0)
        return nullptr;
    auto *instance = new Instance{};
    instance->host = host;
    instance->plugin.desc = descriptor;
    instance->plugin.init = initialiseInstance;
    instance->plugin.destroy = destroy;
    instance->plugin.get_extension = getExtension;
    return &instance->plugin;
}
const clap_plugin_factory_t factory = {pluginCount, pluginDescriptor, createPlugin};

const void *getFactory(const char *id) { return std::strcmp(id, CLAP_PLUGIN_FACTORY_ID) == 0 ? &factory : nullptr; }

bool initialise(const char *path) { return undin_clap_entry_of_dpf.init(path); }
void deinitialise() { undin_clap_entry_of_dpf.deinit(); }

} // namespace

extern "C" UNDIN_EXPORT const clap_plugin_entry_t clap_entry;
const clap_plugin_entry_t clap_entry = {CLAP_VERSION, initialise, deinitialise, getFactory};
