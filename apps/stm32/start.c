/* start.c: from reset to main on any Cortex-M, the stack that it measures, and what is said when the processor stops.
 *
 * The application has a stack of its own (PSP) with a guard below, so that a step beyond is a fault and not another
 * variable's end. Interrupts and faults have another one (MSP), so that a fault can be told of even then. */
#include "start.h"

#include <stdint.h>

#include "board.h"
#include "cortex_m.h"
#include "say.h"

/* Places of sections.ld. */
extern uint32_t data_load[], data_begin[], data_end[], bss_begin[], bss_end[], stack_begin[], stack_end[];
extern uint32_t stack_guard[], exception_stack_end[];

int main(void);
void reset(void);
static void fault(void);

#define UNTOUCHED 0xA5A5A5A5u

/* Those of a board follow, by sections.ld. */
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    exception_stack_end, reset, fault, fault, fault, fault, fault, [11] = fault, [12] = fault, [14] = fault, [15] = fault,
};

/* Nobody may touch the 256 bytes below the stack; all else is as without the unit for memory protection. */
static void guard_stack(void) {
#if __ARM_ARCH >= 8
    __asm__ volatile("msr psplim, %0" ::"r"(stack_begin)); /* which this architecture has a register for */
#else
    MPU_RBAR = (uint32_t)stack_guard | MPU_RBAR_VALID;
    MPU_RASR = MPU_RASR_256_BYTES | MPU_RASR_ENABLE;
    MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    BARRIER();
#endif
}

__attribute__((used, noreturn)) static void begin(void) {
    SCB_VTOR = (uint32_t)vectors;
    SCB_SHCSR |= SCB_SHCSR_FAULTS_ENABLED;
    SCB_CCR |= SCB_CCR_DIV_0_TRP;
    BARRIER();
    for (uint32_t *to = data_begin, *from = data_load; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_begin; to < bss_end;) *to++ = 0;
    for (uint32_t *to = stack_begin; to < (uint32_t *)__builtin_frame_address(0) - 16;) *(volatile uint32_t *)to++ = UNTOUCHED;
    guard_stack();
    board_stop(main());
}

/* The unit for floats is turned on before any code that may use it: CPACR gives access to coprocessors 10 and 11. */
__attribute__((naked, noreturn)) void reset(void) {
    __asm__ volatile(
        "ldr r0, =0xE000ED88\n"
        "ldr r1, [r0]\n"
        "orr r1, r1, #0xF00000\n"
        "str r1, [r0]\n"
        "ldr r0, =stack_end\n"
        "msr psp, r0\n"
        "mov r0, #2\n"
        "msr control, r0\n"
        "dsb\n"
        "isb\n"
        "b begin\n");
}

unsigned stack_bytes(void) { return (unsigned)((char *)stack_end - (char *)stack_begin); }

unsigned stack_used_bytes(void) {
    const uint32_t *first = stack_begin;
    while (first < stack_end && *first == UNTOUCHED) ++first;
    return (unsigned)((char *)stack_end - (char *)first);
}

static const char *kind_of_fault(uint32_t exception) {
    switch (exception) {
    case 3: return "hard fault";
    case 4: return "memory fault";
    case 5: return "bus fault";
    case 6: return "usage fault";
    default: return "unexpected exception";
    }
}

/* `frame` is what the processor has kept of the application: r0 to r3, r12, lr, pc, xpsr (B1.5.6). */
__attribute__((used, noreturn)) static void tell(const uint32_t *frame, uint32_t exception) {
    const uint32_t cause = SCB_CFSR;
    const uint32_t to = cause & SCB_CFSR_MMARVALID ? SCB_MMFAR : 0;
    const int is_in_guard = to >= (uint32_t)stack_guard && to < (uint32_t)stack_begin;
    const int is_overflow = is_in_guard || frame < stack_begin || cause & SCB_CFSR_STACKING;
    line text = {0};
    say(&text, "\nfault: ");
    say(&text, kind_of_fault(exception));
    if (is_overflow) say(&text, ", the stack has overflowed");
    if (frame >= stack_begin && frame < stack_end) {
        say_hex(&text, " at ", frame[6]);
        say_hex(&text, ", called from ", frame[5]);
    }
    if (cause & SCB_CFSR_BFARVALID) say_hex(&text, ", access to ", SCB_BFAR);
    if (cause & SCB_CFSR_MMARVALID) say_hex(&text, ", access to ", to);
    say_hex(&text, ", CFSR ", cause);
    say_hex(&text, ", HFSR ", SCB_HFSR);
    say(&text, "\n");
    board_print(text.text);
    board_stop(1);
}

__attribute__((naked)) static void fault(void) {
    __asm__ volatile(
        "mrs r0, psp\n"
        "mrs r1, ipsr\n"
        "b tell\n");
}
