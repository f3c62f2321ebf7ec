/* delay.h: waiting by the counter of cycles, which board.c has started. */
#ifndef DELAY_H
#define DELAY_H

#include "board.h"
#include "cortex_m.h"

static inline void delay_ms(unsigned milliseconds) {
    for (; milliseconds; --milliseconds)
        for (const uint32_t begin = DWT_CYCCNT; DWT_CYCCNT - begin < board.clock_hz / 1000;) continue;
}

#endif
