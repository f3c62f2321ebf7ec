/* cortex_m.h: start of a Cortex-M on one of ARM's boards, its way to the debugger, and a clock that counts up. */
extern char stack_top;
void reset(void);
__attribute__((section(".start"), used)) static const void *const vectors[] = {&stack_top, reset};

#define MAIN void reset(void)
#define REGISTER(address) (*(volatile unsigned *)(address))
#define COPROCESSOR_ACCESS REGISTER(0xE000ED88)
#define CONFIGURATION REGISTER(0xE000ED14)
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

static void begin_processor(void) {
    COPROCESSOR_ACCESS |= 0xF << 20; /* the unit for floats */
#if !defined(MAY_BE_UNALIGNED)
    CONFIGURATION |= 1 << 3; /* UNALIGN_TRP: QEMU lets loads pass that fault on a chip, but for this bit */
#endif
    __asm__ volatile("dsb\n isb");
    SYSTICK_RELOAD = SYSTICK_MAX;
    SYSTICK_NOW = 0;
    SYSTICK_CONTROL = 5; /* on, the clock of the processor, no interrupt */
}

static unsigned ticks_since(unsigned before) { return (before - SYSTICK_NOW) & SYSTICK_MAX; }
#define NOW SYSTICK_NOW
