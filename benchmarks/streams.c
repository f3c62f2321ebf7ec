/* streams.c: how late is undin-tiny when a few threads enhance many streams in real time?
 *
 *     streams STREAMS THREADS SECONDS
 *
 * A hop of every stream is due every 16 ms; the streams are as far apart in time as they can be, as callers are. From
 * the moment when a hop is due to the moment when it is enhanced: prints the median, the 99th percentile and the
 * maximum in ms, and how many hops of how many were not done when the next was due. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "undin_tiny.h"

enum { HOP = UNDIN_TINY_HOP_SAMPLES, NOISE_HOPS = 256 };
static const double hop_seconds = (double)HOP / UNDIN_TINY_SAMPLE_RATE_HZ;

static float noise[NOISE_HOPS][HOP];
static undin_stream **opened;
static int streams, threads, hops;
static double start;
static float *late_ms; /* [streams][hops] */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Serve every stream whose number leaves the remainder `first`, in the order in which they are due. What is due is
 * looked for every millisecond: to wake up for each hop would cost as much as to enhance it. */
static void *serve(void *first) {
    const struct timespec millisecond = {0, 1000000};
    float enhanced[HOP];
    for (int hop = 0; hop < hops; ++hop)
        for (int stream = *(int *)first; stream < streams; stream += threads) {
            const double due = start + hop_seconds * (hop + (double)stream / streams);
            while (now() < due) nanosleep(&millisecond, NULL);
            undin_stream_process_interleaved(opened[stream], noise[(hop + stream) % NOISE_HOPS], enhanced, HOP);
            late_ms[(size_t)stream * hops + hop] = (float)(1e3 * (now() - due));
        }
    return NULL;
}

static int compare(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    streams = atoi(arguments[1]), threads = atoi(arguments[2]);
    hops = (int)(atof(arguments[3]) / hop_seconds);
    const size_t all = (size_t)streams * hops;
    opened = malloc(streams * sizeof *opened);
    for (int stream = 0; stream < streams; ++stream) {
        opened[stream] = malloc(undin_stream_bytes(&undin_tiny, UNDIN_TINY_SAMPLE_RATE_HZ, 1));
        undin_stream_init(opened[stream], &undin_tiny, UNDIN_TINY_SAMPLE_RATE_HZ, 1);
    }
    late_ms = malloc(all * sizeof *late_ms);
    memset(late_ms, 0, all * sizeof *late_ms); /* so that no page is missing when it counts */
    for (int hop = 0; hop < NOISE_HOPS; ++hop)
        for (int i = 0; i < HOP; ++i) noise[hop][i] = 0.2f * ((float)rand() / RAND_MAX - 0.5f);
    start = now() + 0.1;
    pthread_t *running = malloc(threads * sizeof *running);
    int *firsts = malloc(threads * sizeof *firsts);
    for (int i = 0; i < threads; ++i) {
        firsts[i] = i;
        pthread_create(&running[i], NULL, serve, &firsts[i]);
    }
    for (int i = 0; i < threads; ++i) pthread_join(running[i], NULL);
    qsort(late_ms, all, sizeof *late_ms, compare);
    size_t missed = 0;
    while (missed < all && late_ms[all - 1 - missed] > 1e3 * hop_seconds) ++missed;
    printf("%f %f %f %zu %zu\n", late_ms[all / 2], late_ms[all * 99 / 100], late_ms[all - 1], missed, all);
    return 0;
}
