/* riscv_virt.h: start of a RISC-V of 32 bits on QEMU's own board, its way to the debugger, and a counter of instructions. */
#define MAIN void run(void)

__attribute__((naked, section(".start"), used)) void reset(void) {
    __asm__ volatile(
        "la sp, stack_top\n"
        "li t0, 0x6000\n" /* the unit for floats: mstatus.FS */
        "csrs mstatus, t0\n"
        "j run\n");
}

static int call(int number, const void *arguments) {
    register int a0 __asm__("a0") = number;
    register const void *a1 __asm__("a1") = arguments;
    __asm__ volatile(
        ".balign 16\n" /* the three must lie in one page */
        ".option push\n"
        ".option norvc\n"
        "slli x0, x0, 0x1f\n"
        "ebreak\n"
        "srai x0, x0, 7\n"
        ".option pop\n"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
    return a0;
}

static void begin_processor(void) {}

static unsigned instructions(void) {
    unsigned count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}

static unsigned ticks_since(unsigned before) { return instructions() - before; }
#define NOW instructions()
