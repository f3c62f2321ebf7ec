/* hops.c: reads hops of samples, enhances them, writes them; until there is no whole hop any more. */
#include "model.h"
#include "files.h"

MAIN {
    static float state[UNDIN_SIZE(STATE_BYTES) / sizeof(float)], samples[UNDIN_SIZE(HOP_SAMPLES)];
    static unsigned char arena[UNDIN_SIZE(ARENA_BYTES)];
    void *const states[] = {state};
    float *const places[] = {samples};
    float energies[2] = {0, 0};
    begin();
    UNDIN(reset)(state);
    while (fill(samples, sizeof samples)) {
        BEFORE_HOP
        UNDIN(process_hops)(states, arena, (const float *const *)places, places, 1, 0, 1, energies);
        AFTER_HOP
        put(samples, sizeof samples);
    }
    leave();
    RETURN
}
