/* The least host of LADSPA, for machines where tests have no Python: brings planes of channels, the samples of one behind
 * those of the other, through a plug-in whose controls are 0 but the limit, and tells the latency.
 *
 *     ladspa_host FILE LABEL RATE LIMIT < in.f32 > out.f32 */
#include "loading.h"

#include <ladspa.h>
#include <string.h>

enum { MAX_SAMPLES = 10 * 48000, BLOCK = 1000, MAX_PORTS = 16, MAX_CHANNELS = 2 };

static float samples[MAX_CHANNELS * MAX_SAMPLES];

static const LADSPA_Descriptor *descriptor_of(LADSPA_Descriptor_Function all, const char *label) {
    const LADSPA_Descriptor *one;
    for (unsigned long i = 0; (one = all(i)); i++)
        if (strcmp(one->Label, label) == 0)
            return one;
    exit(3);
}

int main(int count, char **arguments) {
    if (count != 5)
        return 2;
    let_bytes_be();
    const LADSPA_Descriptor *plugin = descriptor_of(found(loaded(arguments[1]), "ladspa_descriptor"), arguments[2]);
    LADSPA_Handle handle = plugin->instantiate(plugin, strtoul(arguments[3], NULL, 10));
    if (!handle)
        return 1;
    unsigned long channels = 0;
    while (LADSPA_IS_PORT_AUDIO(plugin->PortDescriptors[channels]) &&
           LADSPA_IS_PORT_INPUT(plugin->PortDescriptors[channels]))
        channels++;
    float controls[MAX_PORTS] = {0};
    controls[2 * channels] = strtof(arguments[4], NULL);
    for (unsigned long port = 2 * channels; port < plugin->PortCount; port++)
        plugin->connect_port(handle, port, &controls[port]);
    size_t length = fread(samples, sizeof *samples, channels * MAX_SAMPLES, stdin) / channels;
    plugin->activate(handle);
    for (size_t at = 0; at < length; at += BLOCK) {
        for (unsigned long c = 0; c < channels; c++) {
            plugin->connect_port(handle, c, samples + c * length + at);
            plugin->connect_port(handle, channels + c, samples + c * length + at);
        }
        plugin->run(handle, length - at < BLOCK ? length - at : BLOCK);
    }
    plugin->cleanup(handle);
    fwrite(samples, sizeof *samples, channels * length, stdout);
    fprintf(stderr, "latency=%g\n", (double)controls[plugin->PortCount - 1]);
    return 0;
}
