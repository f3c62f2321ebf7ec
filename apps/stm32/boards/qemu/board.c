/* board.c: boards of ARM as QEMU plays them. Sound comes from a file and goes to one, through the debugger.
 *
 *     qemu-system-arm … -semihosting-config enable=on,target=native,arg=undin,arg=IN,arg=OUT,arg=PRESSES
 *
 * Files hold samples of 16 bits, one channel at 16 kHz. PRESSES are blocks in which the button is pressed, "100/200".
 * QEMU counts instructions and knows no cycles: with -icount shift=5 each lasts 32 ns of SysTick's time. A block is in
 * time if it would be at the most cycles that an instruction is said to take, on the chip that the board stands for. */
#include "board.h"

#include <stdint.h>
#include <string.h>

#include "cortex_m.h"
#include "pcm.h"

/* A processor with one load and one multiplication a cycle takes 1 to 1.5 cycles an instruction: a Cortex-M7 issues two
 * at once, and waits for flash. */
const board_facts board = {BOARD_NAME, BOARD_CLOCK_HZ, 100, 150};

enum { INSTRUCTION_PS = 32000 };

/* Semihosting: Arm's "Semihosting for AArch32 and AArch64", chapter 5. */
enum { SYS_OPEN = 1, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_READ = 6, SYS_GET_CMDLINE = 0x15, SYS_EXIT = 0x18 };
enum { MODE_RB = 1, MODE_WB = 5, APPLICATION_EXIT = 0x20026, RUN_TIME_ERROR = 0x20023 };

static int32_t call(int number, const void *arguments) {
    register int32_t r0 __asm__("r0") = number;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static int32_t input, output;
static char words[256]; /* of the command line, each ends with a zero */
static const char *presses;
static unsigned block, counts;

static int32_t opened(const char *name, uint32_t mode) {
    const uint32_t arguments[] = {(uint32_t)name, mode, strlen(name)};
    return call(SYS_OPEN, arguments);
}

/* Cut the command line into words; returns the next one. */
static char *word_after(char *word) {
    char *end = word;
    while (*end && *end != ' ') ++end;
    if (*end) *end++ = 0;
    return end;
}

void board_start(void) {
    SYST_RVR = SYST_MAX;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_CLKSOURCE;
}

const char *board_start_sound(void) {
    const uint32_t room[] = {(uint32_t)words, sizeof words};
    if (call(SYS_GET_CMDLINE, room)) return "QEMU was given no words: undin, a file of samples, one to write";
    char *const in = word_after(words), *const out = word_after(in);
    presses = word_after(out);
    input = opened(in, MODE_RB);
    if (input < 0) return "there is no file of samples to read";
    output = opened(out, MODE_WB);
    return output < 0 ? "the file of samples cannot be written" : 0;
}

int board_read(float *samples) {
    int16_t pcm[BOARD_BLOCK_SAMPLES];
    const uint32_t arguments[] = {(uint32_t)input, (uint32_t)pcm, sizeof pcm};
    if (call(SYS_READ, arguments)) return 0; /* so many bytes are missing */
    for (int i = 0; i < BOARD_BLOCK_SAMPLES; ++i) samples[i] = float_of_pcm(pcm[i]);
    ++block;
    return 1;
}

int board_write(const float *samples) {
    int16_t pcm[BOARD_BLOCK_SAMPLES];
    const uint32_t arguments[] = {(uint32_t)output, (uint32_t)pcm, sizeof pcm};
    for (int i = 0; i < BOARD_BLOCK_SAMPLES; ++i) pcm[i] = pcm_of_float(samples[i]);
    call(SYS_WRITE, arguments);
    const uint64_t most_cycles = (uint64_t)counts * (unsigned)board.most_cycles_percent / 100;
    return most_cycles * BOARD_SAMPLE_RATE_HZ <= (uint64_t)board.clock_hz * BOARD_BLOCK_SAMPLES;
}

int board_button(void) {
    for (const char *c = presses; *c; c += *c == '/') {
        unsigned number = 0;
        for (; *c >= '0' && *c <= '9'; ++c) number = 10 * number + (unsigned)(*c - '0');
        if (number == block) return 1;
        if (*c && *c != '/') return 0;
    }
    return 0;
}

void board_light(int on) { (void)on; }

static uint32_t started;

void board_clock_start(void) { started = SYST_CVR; }

unsigned board_clock_stop(void) {
    const uint32_t ticks = (started - SYST_CVR) & SYST_MAX;
    counts = (unsigned)((uint64_t)ticks * BOARD_TICK_PS / INSTRUCTION_PS);
    return counts;
}

void board_print(const char *text) { call(SYS_WRITE0, text); }

void board_stop(int status) {
    for (;;) call(SYS_EXIT, (const void *)(status ? RUN_TIME_ERROR : APPLICATION_EXIT));
}
