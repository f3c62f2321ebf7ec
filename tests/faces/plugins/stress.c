/* Eight threads open, turn and close plug-ins of LADSPA at several rates side by side; calls for memory while sound runs
 * are counted. */
#include <ladspa.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

const LADSPA_Descriptor *ladspa_descriptor(unsigned long index);

enum { THREADS = 8, ROUNDS = 12, BLOCKS = 300, LARGEST = 700, CONTROLS = 4 };

static _Thread_local int runs;
static atomic_int calls;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t size) {
    calls += runs;
    return __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
    calls += runs;
    return __real_calloc(count, size);
}
void __wrap_free(void *memory) {
    calls += runs;
    __real_free(memory);
}

static unsigned next(unsigned *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void *work(void *argument) {
    static const unsigned long rates[] = {8000, 16000, 44100, 48000, 96000};
    unsigned seed = (unsigned)(size_t)argument;
    for (int round = 0; round < ROUNDS; round++) {
        const LADSPA_Descriptor *descriptor = ladspa_descriptor(next(&seed) % 2);
        int channels = descriptor->PortCount == 6 ? 1 : 2;
        LADSPA_Handle handle = descriptor->instantiate(descriptor, rates[next(&seed) % 5]);
        if (!handle)
            exit(1);
        float sound[2][LARGEST], controls[CONTROLS] = {100, 0, 0, 0}, latency;
        int crossed = channels == 2 && next(&seed) % 2; /* now and then an output is the other channel's input */
        for (int channel = 0; channel < channels; channel++) {
            descriptor->connect_port(handle, (unsigned long)channel, sound[channel]);
            descriptor->connect_port(handle, (unsigned long)(channels + channel), sound[channel ^ crossed]);
        }
        unsigned long first = 2 * (unsigned long)channels;
        for (unsigned long port = first; port + 1 < descriptor->PortCount; port++)
            descriptor->connect_port(handle, port, &controls[port - first]);
        descriptor->connect_port(handle, descriptor->PortCount - 1, &latency);
        descriptor->activate(handle);
        for (int block = 0; block < BLOCKS; block++) {
            unsigned long size = next(&seed) % (LARGEST + 1);
            for (int channel = 0; channel < channels; channel++)
                for (unsigned long i = 0; i < size; i++)
                    sound[channel][i] = next(&seed) % 1000 ? (float)(int)(next(&seed) % 2001 - 1000) * 1e-3f : NAN;
            if (next(&seed) % 20 == 0)
                controls[next(&seed) % CONTROLS] = (float)(next(&seed) % 8);
            runs = 1;
            if (next(&seed) % 100 == 0)
                descriptor->activate(handle);
            descriptor->run(handle, size);
            runs = 0;
            for (int channel = 0; channel < channels; channel++)
                for (unsigned long i = 0; i < size; i++)
                    if (!isfinite(sound[channel][i]))
                        exit(2);
        }
        descriptor->cleanup(handle);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("calls for memory while sound ran: %d\n", atomic_load(&calls));
    return 0;
}
