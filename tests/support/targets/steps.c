/* steps.c: reads frames, runs the step of a network that carries its state, writes what it makes of each. */
#include "model.h"
#include "files.h"

MAIN {
    static _Alignas(64) unsigned char state[UNDIN_SIZE(STATE_SIZE)], arena[UNDIN_SIZE(ARENA_SIZE)];
    static float input[INPUTS], output[OUTPUTS];
    begin();
    UNDIN(reset)(state);
    while (fill(input, sizeof input)) {
        UNDIN(step)(state, input, output, arena);
        put(output, sizeof output);
    }
    leave();
    RETURN
}
