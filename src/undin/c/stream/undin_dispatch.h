/* undin_dispatch.h: which variant of a library for x86-64 this processor runs, found once, when the library is loaded.
 *
 * The generated file that includes this calls the variant of each public function through a table at `undin_running`.
 * A variant is the model's C file compiled once more, with other instructions and names: for undin_tiny.c
 *
 *     cc -O3 -mavx2 -mfma '-DUNDIN_PUBLIC(name)=undin_tiny_##name##_avx2' -c undin_tiny.c -o undin_tiny_avx2.o
 *
 * Which instructions a variant may use is written in compiler/toolchain/targets.py; what is asked for here must cover them. A
 * program that is compiled for one processor alone needs neither this nor the file that includes it.
 */
#ifndef UNDIN_DISPATCH_H
#define UNDIN_DISPATCH_H

#include <cpuid.h>

/* Networks in integers have one more, and need one instruction more of the last. */
#if defined(UNDIN_IN_INTEGERS)
enum { UNDIN_BASELINE, UNDIN_AVX2, UNDIN_AVXVNNI, UNDIN_AVX512 };

static const char *const undin_variant_names[] = {"baseline", "avx2", "avxvnni", "avx512"};
#else
enum { UNDIN_BASELINE, UNDIN_AVX2, UNDIN_AVX512 };

static const char *const undin_variant_names[] = {"baseline", "avx2", "avx512"};
#endif

/* Registers that the operating system keeps when it changes threads: bits of XCR0. */
static unsigned undin_kept_registers(void) {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int undin_variant_of_processor(void) {
    const unsigned avx_registers = 0x06, avx512_registers = 0xe6; /* xmm, ymm; and opmask, zmm */
    const unsigned avx2 = bit_AVX2;
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;
    unsigned a, b, c, d, more;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX) || !(c & bit_FMA))
        return UNDIN_BASELINE;
    const unsigned kept = undin_kept_registers();
    if ((kept & avx_registers) != avx_registers || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & avx2) != avx2)
        return UNDIN_BASELINE;
    const int has_avx512 = (kept & avx512_registers) == avx512_registers && (b & avx512) == avx512;
#if defined(UNDIN_IN_INTEGERS)
    if (has_avx512 && (c & bit_AVX512VNNI)) return UNDIN_AVX512;
    const unsigned avxvnni = 1u << 4;
    return a >= 1 && __get_cpuid_count(7, 1, &more, &b, &c, &d) && (more & avxvnni) ? UNDIN_AVXVNNI : UNDIN_AVX2;
#else
    (void)more;
    return has_avx512 ? UNDIN_AVX512 : UNDIN_AVX2;
#endif
}

/* Written once, before any other code of the program that loads the library can run. */
static int undin_running = UNDIN_BASELINE;

__attribute__((constructor)) static void undin_choose(void) { undin_running = undin_variant_of_processor(); }

/* Declare the variants of a public function and the table of them. */
#if defined(UNDIN_IN_INTEGERS)
#define UNDIN_VARIANTS(name)                                                      \
    __typeof__(name) name##_baseline, name##_avx2, name##_avxvnni, name##_avx512; \
    static __typeof__(name) *const name##_variants[] = {name##_baseline, name##_avx2, name##_avxvnni, name##_avx512};
#else
#define UNDIN_VARIANTS(name)                                      \
    __typeof__(name) name##_baseline, name##_avx2, name##_avx512; \
    static __typeof__(name) *const name##_variants[] = {name##_baseline, name##_avx2, name##_avx512};
#endif

#endif
