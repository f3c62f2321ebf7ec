/* sizes.c: firmware for a board that QEMU plays: how long does a hop take?
 *
 * It enhances noise and prints the ticks of a clock that each hop took, a line each, by semihosting: through the debugger.
 * The command line says which MODEL, RESET, PROCESS_HOPS, STATE_BYTES and ARENA_BYTES, the SAMPLES of a hop, and where the
 * stack ends, STACK_END. With RATE_HZ the noise goes through a stream of that rate, in blocks of so many samples. */
#if defined(__riscv) /* of 32 bits, on QEMU's own board; a clock that counts up */

static int call(int number, const void *arguments) {
    register int a0 __asm__("a0") = number;
    register const void *a1 __asm__("a1") = arguments;
    __asm__ volatile(".balign 16\n .option push\n .option norvc\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop\n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

static unsigned now(void) {
    unsigned count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}
static unsigned ticks_since(unsigned before) { return now() - before; }

#else /* a Cortex-M, on a board of ARM's; SysTick counts down */

#define REGISTER(address) (*(volatile unsigned *)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_NOW REGISTER(0xE000E018)
#define SYSTICK_MAX 0xFFFFFFu

static int call(int number, const void *arguments) {
    register int r0 __asm__("r0") = number;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static unsigned now(void) { return SYSTICK_NOW; }
static unsigned ticks_since(unsigned before) { return (before - SYSTICK_NOW) & SYSTICK_MAX; }

#endif

enum { WRITE_TEXT = 4, EXIT = 0x18, APPLICATION_EXIT = 0x20026, HOPS = 20 };

static float samples[SAMPLES];

#ifdef RATE_HZ
static double memory[1 << 15];
#define STREAM ((undin_stream *)memory)
static int begin(void) { return undin_stream_init(STREAM, &MODEL, RATE_HZ, 1); }
static void enhance(void) { undin_stream_process_interleaved(STREAM, samples, samples, SAMPLES); }
#else
static float state[STATE_BYTES / sizeof(float)];
static char arena[ARENA_BYTES];
static int begin(void) { return RESET(state), 0; }
static void enhance(void) {
    void *states[] = {state};
    const float *in[] = {samples};
    float *out[] = {samples}, energies[2] = {0, 0};
    PROCESS_HOPS(states, arena, in, out, 1, 0, 1, energies);
}
#endif

static void print(unsigned number) {
    char text[12], *start = text + sizeof text;
    *--start = 0, *--start = '\n';
    do *--start = '0' + number % 10;
    while (number /= 10);
    call(WRITE_TEXT, start);
}

__attribute__((noinline, used)) static void run(void) {
    unsigned random = 1;
    for (int hop = begin() ? HOPS : 0; hop < HOPS; ++hop) {
        for (int i = 0; i < SAMPLES; ++i) {
            random = random * 1664525 + 1013904223;
            samples[i] = 8e-11f * (int)random; /* about -20 dBFS */
        }
        const unsigned before = now();
        enhance();
        print(ticks_since(before));
    }
    for (;;) call(EXIT, (const void *)APPLICATION_EXIT);
}

/* The unit for floats is turned on before any function that may use one of its registers. */
#if defined(__riscv)
__attribute__((naked, section(".vectors"), used)) void reset(void) {
    __asm__ volatile("li sp, %0\n li t0, 0x6000\n csrs mstatus, t0\n j run\n" ::"i"(STACK_END));
}
#else
void reset(void) {
    REGISTER(0xE000ED88) |= 0xF << 20;
    __asm__ volatile("dsb\n isb");
    SYSTICK_RELOAD = SYSTICK_MAX;
    SYSTICK_NOW = 0;
    SYSTICK_CONTROL = 5; /* on, the clock of the processor, no interrupt */
    run();
}
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {(void *)STACK_END, reset};
#endif
