/* resampler_shim.c: a resampler on a buffer that holds its whole input. */
#include <stdlib.h>
#include <string.h>

#include "undin_resampler.h"

int half_samples(int in_rate, int out_rate) {
    undin_resampler r;
    undin_resampler_plan(&r, in_rate, out_rate);
    return r.half;
}

/* Outputs after so many input samples. */
int available(int in_rate, int out_rate, int received) {
    undin_resampler r;
    undin_resampler_plan(&r, in_rate, out_rate);
    undin_resampler_reset(&r);
    return undin_resampler_available(&r, undin_resampler_history(&r) + received);
}

/* Bring `count` samples to another rate, which arrive in blocks of these sizes; as one of `signals` that are alike. */
void resample(int in_rate, int out_rate, const float *in, int count, float *out, const int *blocks, int signals) {
    undin_resampler r;
    undin_resampler_plan(&r, in_rate, out_rate);
    const int history = undin_resampler_history(&r);
    float *filters = malloc((undin_resampler_floats(&r) + 1) * sizeof *filters);
    float *work = malloc((2 * (size_t)r.half + 1) * sizeof *work);
    float *buffer = calloc((size_t)(history + count + 2 * undin_resampler_slack(&r)), sizeof *buffer);
    memcpy(buffer + history, in, (size_t)count * sizeof *buffer);
    undin_resampler_design(&r, filters, work);
    undin_resampler_reset(&r);
    for (int received = 0, made = 0; received < count;) {
        received += *blocks++;
        const int more = undin_resampler_available(&r, history + received);
        float *const outs[4] = {out + made, out + made, out + made, out + made};
        undin_resample(&r, filters, (const float *const[]){buffer, buffer, buffer, buffer}, outs, more, signals);
        made += more;
    }
    free(filters);
    free(work);
    free(buffer);
}
