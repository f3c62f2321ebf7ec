/* driver.c: reads hops of samples, enhances them, writes them; until there is no whole hop any more.
 *
 * It does without a library of C where it is built so, as the code that it calls: files are then read by calls of the
 * Linux kernel, or of the debugger behind a Cortex-M7, semihosting. */
#include "model.h"

#if __STDC_HOSTED__
#include <stdio.h>
#define MAIN int main(void)
static int fill(void *to, unsigned size) { return fread(to, 1, size, stdin) == size; }
static void put(const void *from, unsigned size) { fwrite(from, 1, size, stdout); }
static void begin(void) {}
static void leave(void) {}
#elif defined(__ARM_ARCH_7EM__)
#include "mps2_an500.h"
#else
#include "linux_calls.h"
#endif

#ifndef BEFORE_HOP
#define BEFORE_HOP
#define AFTER_HOP
#endif

MAIN {
    static UNDIN(state) state;
    static UNDIN(arena) arena;
    static float samples[UNDIN_SIZE(HOP_SAMPLES)];
    begin();
    UNDIN(reset)(&state);
    while (fill(samples, sizeof samples)) {
        BEFORE_HOP
        UNDIN(process)(&state, &arena, samples, samples);
        AFTER_HOP
        put(samples, sizeof samples);
    }
    leave();
#if __STDC_HOSTED__
    return 0;
#endif
}
