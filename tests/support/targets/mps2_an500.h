/* mps2_an500.h: a Cortex-M7 on ARM's MPS2 board, image AN500: start, files by semihosting, and a clock.
 *
 * The files are in.f32, out.f32 and ticks.u32, the ticks of SysTick that each hop took. */
extern char stack_top;
void reset(void);
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {&stack_top, reset};

#define MAIN void reset(void)
#define REGISTER(address) (*(volatile unsigned *)(address))
#define COPROCESSOR_ACCESS REGISTER(0xE000ED88)
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_NOW REGISTER(0xE000E018)
#define SYSTICK_MAX 0xFFFFFFu

enum { OPEN = 1, WRITE = 5, READ = 6, EXIT = 0x18 };
enum { READ_BINARY = 1, WRITE_BINARY = 5, APPLICATION_EXIT = 0x20026 };

static int call(int number, const void *arguments) {
    register int r0 __asm__("r0") = number;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static unsigned input, output, ticks_file;

static unsigned opened(const char *name, unsigned mode, unsigned length) {
    const unsigned arguments[] = {(unsigned)name, mode, length};
    return call(OPEN, arguments);
}

static void begin(void) {
    COPROCESSOR_ACCESS |= 0xF << 20; /* the unit for floats */
    __asm__ volatile("dsb\n isb");
    SYSTICK_RELOAD = SYSTICK_MAX;
    SYSTICK_NOW = 0;
    SYSTICK_CONTROL = 5; /* on, the clock of the processor, no interrupt */
    input = opened("in.f32", READ_BINARY, 6);
    output = opened("out.f32", WRITE_BINARY, 7);
    ticks_file = opened("ticks.u32", WRITE_BINARY, 9);
}

/* Semihosting returns how many bytes are missing. */
static int fill(void *to, unsigned size) {
    const unsigned arguments[] = {input, (unsigned)to, size};
    return call(READ, arguments) == 0;
}

static void put_to(unsigned file, const void *from, unsigned size) {
    const unsigned arguments[] = {file, (unsigned)from, size};
    call(WRITE, arguments);
}

static void put(const void *from, unsigned size) { put_to(output, from, size); }

static void leave(void) { call(EXIT, (const void *)APPLICATION_EXIT); }

#define BEFORE_HOP const unsigned before = SYSTICK_NOW;
#define AFTER_HOP                                                       \
    const unsigned ticks = (before - SYSTICK_NOW) & SYSTICK_MAX; \
    put_to(ticks_file, &ticks, sizeof ticks);
