/* run_driver.c: reads frames of spectrum, whatever is in them, and runs the network on each, from a fresh state. */
#include <stdio.h>

#include "undin_small_step.h"

static float state[2][STATE_SIZE], spec[2 * BINS], enhanced[2 * BINS];
static char arena[ARENA_SIZE] __attribute__((aligned(64)));

int main(void) {
    for (unsigned frame = 0; fread(spec, sizeof spec, 1, stdin) == 1; ++frame) {
        undin_small_step_run(spec, state[frame % 2], enhanced, state[(frame + 1) % 2], arena);
        fwrite(enhanced, sizeof enhanced, 1, stdout);
    }
    return 0;
}
