/* files.h: how a driver reads and writes, with a library of C or without one, as the code that it drives.
 *
 * Files are then read by calls of the Linux kernel, or of the debugger behind a board, semihosting. */
#if __STDC_HOSTED__
#include <stdio.h>
#define MAIN int main(void)
#define RETURN return 0;
static int fill(void *to, unsigned size) { return fread(to, 1, size, stdin) == size; }
static void put(const void *from, unsigned size) { fwrite(from, 1, size, stdout); }
static void begin(void) {}
static void leave(void) {}
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#include "cortex_m.h"
#include "debugger_files.h"
#elif defined(__riscv) && __riscv_xlen == 32
#include "riscv_virt.h"
#include "debugger_files.h"
#else
#include "linux_calls.h"
#endif

#ifndef RETURN
#define RETURN
#endif

#ifndef BEFORE_HOP
#define BEFORE_HOP
#define AFTER_HOP
#endif
