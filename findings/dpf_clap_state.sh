#!/usr/bin/env bash
# DPF 1.6: what does a plug-in of CLAP save, if the host takes less of its state at a time than it is offered?
#
# Guess, when a host was written for undin's tests that does so: what it saves to one that takes all at once. CLAP lets a
# stream return how many bytes it took, and DPF does call it in a loop until all are gone.
# Seen: every call begins with the first byte again, so that a host which takes 7 bytes at a time is given
# "__dpf_s__dpf_s__dpf_s..." as long as the state is, and a limit of 12 that was set is gone when that is loaded. And a
# plug-in that has parameters alone has no state at all, so that hosts of CLAP forget them. undin's plug-in of CLAP saves its
# state by itself (apps/plugins/dpf/Clap.cpp).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 . # apt reads as another user

apt-get download -qq dpf-source=1.6+ds-2 2>/dev/null
dpkg -x dpf-source_*.deb .
dpf=$PWD/usr/share/dpf/distrho

cat >DistrhoPluginInfo.h <<'END'
#pragma once
#define DISTRHO_PLUGIN_BRAND "test"
#define DISTRHO_PLUGIN_NAME "test"
#define DISTRHO_PLUGIN_URI "urn:test"
#define DISTRHO_PLUGIN_CLAP_ID "test.test"
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect"
#define DISTRHO_PLUGIN_NUM_INPUTS 1
#define DISTRHO_PLUGIN_NUM_OUTPUTS 1
#define DISTRHO_PLUGIN_WANT_STATE STATES
END
cat >plugin.cpp <<'END'
#include "DistrhoPlugin.hpp"
START_NAMESPACE_DISTRHO
struct Test : Plugin {
    float limit = 100;
    Test() : Plugin(1, 0, STATES) {}
    const char *getLabel() const override { return "test"; }
    const char *getMaker() const override { return "test"; }
    const char *getLicense() const override { return "test"; }
    uint32_t getVersion() const override { return 1; }
    int64_t getUniqueId() const override { return 1; }
    void initParameter(uint32_t, Parameter &parameter) override {
        parameter.name = "Limit";
        parameter.symbol = "limit";
        parameter.ranges = ParameterRanges(100, 0, 100);
    }
#if STATES
    void initState(uint32_t, State &state) override { state.key = "some"; }
    void setState(const char *, const char *) override {}
#endif
    float getParameterValue(uint32_t) const override { return limit; }
    void setParameterValue(uint32_t, float value) override { limit = value; }
    void run(const float **, float **, uint32_t) override {}
};
Plugin *createPlugin() { return new Test; }
END_NAMESPACE_DISTRHO
END
cat >host.c <<'END'
#include "clap/entry.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/plugin-factory.h"
#include "clap/plugin.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const void *extension(const clap_host_t *host, const char *id) { return NULL; }
static void nothing(const clap_host_t *host) {}
static const clap_host_t host = {CLAP_VERSION, NULL, "test", "", "", "1", extension, nothing, nothing, nothing};
static char saved[1 << 16];
static size_t size, most, taken;
static int64_t take(const clap_ostream_t *stream, const void *bytes, uint64_t count) {
    count = count < most ? count : most;
    memcpy(saved + size, bytes, count);
    size += count;
    return (int64_t)count;
}
static int64_t give(const clap_istream_t *stream, void *bytes, uint64_t count) {
    count = count < size - taken ? count : size - taken;
    memcpy(bytes, saved + taken, count);
    taken += count;
    return (int64_t)count;
}
static clap_event_param_value_t limit = {{sizeof limit, 0, 0, CLAP_EVENT_PARAM_VALUE, 0}, 0, NULL, -1, -1, -1, -1, 12};
static uint32_t one(const clap_input_events_t *list) { return 1; }
static const clap_event_header_t *get(const clap_input_events_t *list, uint32_t i) { return &limit.header; }
static bool push(const clap_output_events_t *list, const clap_event_header_t *event) { return true; }
static const clap_plugin_t *make(const clap_plugin_factory_t *factory) {
    const clap_plugin_t *plugin = factory->create_plugin(factory, &host, "test.test");
    plugin->init(plugin);
    return plugin;
}

int main(int count, char **arguments) {
    most = (size_t)atoi(arguments[2]);
    const clap_plugin_entry_t *entry = dlsym(dlopen(arguments[1], RTLD_NOW), "clap_entry");
    entry->init(arguments[1]);
    const clap_plugin_factory_t *factory = entry->get_factory(CLAP_PLUGIN_FACTORY_ID);
    const clap_plugin_t *plugin = make(factory), *other = make(factory);
    const clap_plugin_params_t *params = plugin->get_extension(plugin, CLAP_EXT_PARAMS);
    clap_param_info_t info;
    params->get_info(plugin, 0, &info);
    limit.param_id = info.id;
    clap_input_events_t in = {NULL, one, get};
    clap_output_events_t out = {NULL, push};
    params->flush(plugin, &in, &out);
    const clap_plugin_state_t *state = plugin->get_extension(plugin, CLAP_EXT_STATE);
    if (!state) {
        puts("no state");
        return 0;
    }
    clap_ostream_t to = {NULL, take};
    clap_istream_t from = {NULL, give};
    bool stored = state->save(plugin, &to);
    bool loaded = state->load(other, &from);
    double value;
    params->get_value(other, info.id, &value);
    printf("saved %d, %zu bytes, '%.14s...'; loaded %d, limit %g\n", stored, size, saved, loaded, value);
    return 0;
}
END
for states in 0 1; do
	g++ -std=gnu++11 -w -shared -fPIC -DSTATES=$states -DDISTRHO_PLUGIN_TARGET_CLAP -I. -I"$dpf" \
		plugin.cpp "$dpf/DistrhoPluginMain.cpp" -o "states$states.clap"
done
gcc -w -I"$dpf/src" host.c -o host -ldl
echo "dpf-source $(dpkg-deb -f dpf-source_*.deb Version)"
none=$(./host ./states0.clap 65536)
whole=$(./host ./states1.clap 65536)
parts=$(./host ./states1.clap 7)
printf 'parameters alone: %s\nall at once: %s\n7 bytes at a time: %s\n' "$none" "$whole" "$parts"
[ "$none" = "no state" ] && [[ $whole == *"limit 12" ]] && [[ $parts == *"'__dpf_s__dpf_s..."*"limit 100" ]] || {
	echo "that has changed" >&2
	exit 1
}
