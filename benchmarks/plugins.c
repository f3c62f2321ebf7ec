/* A host of LADSPA for plugins.py: plugins SECONDS PACED FILE LABEL=VALUE,VALUE… [FILE LABEL=…]… < stereo.f32
 *
 * runs every plug-in on the same 48 kHz sound in blocks of 128, each a second in turn, controls set to the values. If PACED,
 * a block of each comes when it is due, by a real-time clock. A line for each plug-in: the processor's time as a share
 * of the sound's, and shares of a block's time at the median, the 99.9th percentile and most. */
#include <dlfcn.h>
#include <ladspa.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { RATE = 48000, BLOCK = 128, CHANNELS = 2, MAX_PLUGINS = 8, MAX_PORTS = 16, LONGEST = 60 * RATE };
static const double BLOCK_NS = 1e9 * BLOCK / RATE;

typedef struct plugin {
    const char *label;
    const LADSPA_Descriptor *descriptor;
    LADSPA_Handle handle;
    float in[CHANNELS][BLOCK], out[CHANNELS][BLOCK], controls[MAX_PORTS];
    double *took_ns, total_ns;
} plugin;

static double now_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void open_plugin(plugin *self, const char *file, char *setting) {
    char *values = strchr(setting, '=');
    *values++ = 0;
    void *library = dlopen(file, RTLD_NOW);
    LADSPA_Descriptor_Function find = library ? (LADSPA_Descriptor_Function)dlsym(library, "ladspa_descriptor") : NULL;
    for (unsigned long i = 0; find && (self->descriptor = find(i)) && strcmp(self->descriptor->Label, setting); i++)
        ;
    if (!find || !self->descriptor) {
        fprintf(stderr, "%s has no plug-in %s\n", file, setting);
        exit(1);
    }
    self->label = setting;
    const LADSPA_Descriptor *descriptor = self->descriptor;
    self->handle = descriptor->instantiate(descriptor, RATE);
    int in = 0, out = 0;
    char *value = strtok(values, ",");
    for (unsigned long port = 0; port < descriptor->PortCount; port++) {
        LADSPA_PortDescriptor kind = descriptor->PortDescriptors[port];
        LADSPA_Data *place = &self->controls[port];
        if (LADSPA_IS_PORT_AUDIO(kind))
            place = LADSPA_IS_PORT_INPUT(kind) ? self->in[in++] : self->out[out++];
        else if (LADSPA_IS_PORT_INPUT(kind) && value) {
            *place = (float)atof(value);
            value = strtok(NULL, ",");
        }
        descriptor->connect_port(self->handle, port, place);
    }
    if (descriptor->activate)
        descriptor->activate(self->handle);
}

static void run_block(plugin *self, const float *from) {
    for (int sample = 0; sample < BLOCK; sample++)
        for (int channel = 0; channel < CHANNELS; channel++)
            self->in[channel][sample] = from[sample * CHANNELS + channel];
    self->descriptor->run(self->handle, BLOCK);
}

static float sound[LONGEST * CHANNELS];

int main(int count, char **arguments) {
    static plugin plugins[MAX_PLUGINS];
    double seconds = atof(arguments[1]);
    int paced = atoi(arguments[2]), number = (count - 3) / 2;
    size_t blocks = (size_t)(seconds * RATE / BLOCK);
    size_t length = fread(sound, sizeof(float) * CHANNELS, LONGEST, stdin) / BLOCK * BLOCK;
    for (int i = 0; i < number; i++) {
        open_plugin(&plugins[i], arguments[3 + 2 * i], arguments[4 + 2 * i]);
        plugins[i].took_ns = calloc(blocks, sizeof(double));
    }
    struct sched_param priority = {.sched_priority = 60};
    if (sched_setscheduler(0, SCHED_FIFO, &priority) || mlockall(MCL_CURRENT | MCL_FUTURE))
        fprintf(stderr, "without real-time priority\n");
    size_t turn = paced ? 1 : RATE / BLOCK; /* a block of each, or a second: then the clock costs nothing to speak of */
    double due = now_ns(CLOCK_MONOTONIC);
    for (size_t start = 0; start < blocks; start += turn, due += BLOCK_NS) {
        struct timespec at = {(time_t)(due / 1e9), (long)(due - 1e9 * (double)(time_t)(due / 1e9))};
        if (paced)
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        for (int i = 0; i < number; i++) {
            double spent = now_ns(CLOCK_THREAD_CPUTIME_ID);
            for (size_t block = start; block < start + turn && block < blocks; block++) {
                double begin = paced ? now_ns(CLOCK_MONOTONIC) : 0.0;
                run_block(&plugins[i], sound + block * BLOCK % length * CHANNELS);
                plugins[i].took_ns[block] = paced ? now_ns(CLOCK_MONOTONIC) - begin : 0.0;
            }
            plugins[i].total_ns += now_ns(CLOCK_THREAD_CPUTIME_ID) - spent;
        }
    }
    for (int i = 0; i < number; i++) {
        double *took = plugins[i].took_ns;
        qsort(took, blocks, sizeof(double), by_size);
        printf("%.6f %.4f %.4f %.4f\n", plugins[i].total_ns / (BLOCK_NS * (double)blocks), took[blocks / 2] / BLOCK_NS,
               took[(size_t)(0.999 * (double)(blocks - 1))] / BLOCK_NS, took[blocks - 1] / BLOCK_NS);
    }
    return 0;
}
