/* sizes.c: firmware for a Cortex-M7 on ARM's MPS2 board, image AN500, as QEMU plays it: how long does a hop take?
 *
 * It enhances noise and prints the ticks of SysTick that each hop took, a line each, by semihosting: through the
 * debugger. The command line says which MODEL, RESET, PROCESS_HOPS, STATE_BYTES and ARENA_BYTES, and the SAMPLES of a
 * hop. With RATE_HZ the noise goes through a stream of that rate, in blocks of so many samples. */
void reset(void);
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {(void *)0x20400000, reset};

#define REGISTER(address) (*(volatile unsigned *)(address))
#define COPROCESSOR_ACCESS REGISTER(0xE000ED88)
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_NOW REGISTER(0xE000E018)
#define SYSTICK_MAX 0xFFFFFFu

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

static void call(int number, const void *arguments) {
    register int r0 __asm__("r0") = number;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(unsigned number) {
    char text[12], *start = text + sizeof text;
    *--start = 0, *--start = '\n';
    do *--start = '0' + number % 10;
    while (number /= 10);
    call(WRITE_TEXT, start);
}

__attribute__((noinline)) static void run(void) {
    unsigned random = 1;
    for (int hop = begin() ? HOPS : 0; hop < HOPS; ++hop) {
        for (int i = 0; i < SAMPLES; ++i) {
            random = random * 1664525 + 1013904223;
            samples[i] = 8e-11f * (int)random; /* about -20 dBFS */
        }
        const unsigned before = SYSTICK_NOW;
        enhance();
        print((before - SYSTICK_NOW) & SYSTICK_MAX);
    }
    call(EXIT, (const void *)APPLICATION_EXIT);
}

void reset(void) { /* before any function that may use a register for floats */
    COPROCESSOR_ACCESS |= 0xF << 20; /* their unit */
    __asm__ volatile("dsb\n isb");
    SYSTICK_RELOAD = SYSTICK_MAX;
    SYSTICK_NOW = 0;
    SYSTICK_CONTROL = 5; /* on, the clock of the processor, no interrupt */
    run();
}
