/* soak.h: what programs share that are built with sanitizers, which see any access beyond memory of exactly its size. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f, -3e38f, 9e5f, 1e-39f, -1e-45f, -0.0f, 2e-20f};

static unsigned long long seed = 1;

static unsigned any(unsigned below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

/* Samples of which some are bad; the caller frees them. */
static float *samples_of(int count, unsigned bad_percent) {
    float *samples = malloc((size_t)count * sizeof *samples);
    for (int i = 0; i < count; ++i)
        samples[i] = any(100) < bad_percent ? bad[any(sizeof bad / sizeof *bad)] : (float)any(20001) * 1e-5f - 0.1f;
    return samples;
}

/* Print what is wrong and stop. */
static void check(int is_right, const char *otherwise) {
    if (is_right) return;
    puts(otherwise);
    exit(1);
}

static void check_finite(const float *samples, int count) {
    for (int i = 0; i < count; ++i) check(isfinite(samples[i]), "an output sample is not finite");
}
