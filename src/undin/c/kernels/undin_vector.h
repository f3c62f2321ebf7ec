/* undin_vector.h: the widest float vector of the target, and what GNU vector arithmetic lacks.
 *
 * Arithmetic on vectors is written with the operators of C (GNU vector extensions). Here are only the operations that
 * have no operator: unaligned and partial access to memory, broadcast, minimum, maximum, selection, reciprocal.
 * Pointers to float need the alignment of float, no more.
 *
 * Read next: undin_math.h (exp, tanh), then undin_tile.h (the sums that do most of the work).
 */
#ifndef UNDIN_VECTOR_H
#define UNDIN_VECTOR_H

#include <stdint.h>

/* Whether there are vectors of RISC-V of at least 128 bits, or Helium that computes with floats. Helium takes subnormal
   numbers for zeros: where bits are to be the same, code says itself what it may compute there (undin_int8_helium.h). */
#if defined(__riscv_v_min_vlen) && __riscv_v_min_vlen >= 128
#define UNDIN_HAS_RVV 1
#elif defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE & 2
#define UNDIN_HAS_HELIUM 1
#endif

/* Floats in a vector: 16 (AVX-512), 8 (AVX2 and FMA), 4 (SSE2, NEON, WebAssembly, RISC-V, Helium), 1 (plain float). */
#if !defined(UNDIN_LANES)
#if defined(__AVX512F__)
#define UNDIN_LANES 16
#elif defined(__AVX2__) && defined(__FMA__)
#define UNDIN_LANES 8
#elif defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__) || defined(UNDIN_HAS_RVV) || \
    (defined(UNDIN_HAS_HELIUM) && !defined(UNDIN_REPRODUCIBLE))
#define UNDIN_LANES 4
#else
#define UNDIN_LANES 1
#endif
#endif

/* Vector registers: what bounds the size of a register tile. */
#if UNDIN_LANES == 16 || defined(__aarch64__) || defined(UNDIN_HAS_RVV)
#define UNDIN_REGISTERS 32
#else
#define UNDIN_REGISTERS 16
#endif

#if UNDIN_LANES > 1
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif
#endif

#define UNDIN_INLINE static inline __attribute__((always_inline, unused))

/* A function that is not merged into its callers, so that its constants take no registers from their loops. */
#if defined(__clang__)
#define UNDIN_OUTLINED static __attribute__((noinline, unused))
#else
#define UNDIN_OUTLINED static __attribute__((noinline, noclone, unused))
#endif

/* A kernel is specialised for the sizes of every call, except where there are no vectors: such processors have little
   memory for code, so that all calls share one copy with small fixed tiles. Tests that call kernels with sizes known
   only at run time define UNDIN_RUN_TIME_SIZES, since there is nothing to specialise then. */
#if UNDIN_LANES > 1 && !defined(UNDIN_RUN_TIME_SIZES)
#define UNDIN_KERNEL UNDIN_INLINE
#else
#define UNDIN_KERNEL UNDIN_OUTLINED
#endif

/* Make a pointer opaque: loads through it stay where they are, and are not moved out of a loop into registers that a
   tile needs. */
#define UNDIN_OPAQUE(pointer) __asm__ volatile("" : "+r"(pointer))

/* A loop over a register tile: its counter must vanish, or the tile would live in memory. */
#if defined(UNDIN_RUN_TIME_SIZES)
#define UNDIN_UNROLL
#elif defined(__clang__)
#define UNDIN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNDIN_UNROLL _Pragma("GCC unroll 32")
#endif

#if UNDIN_LANES > 1
typedef float undin_vector __attribute__((vector_size(4 * UNDIN_LANES)));
typedef uint32_t undin_vector_bits __attribute__((vector_size(4 * UNDIN_LANES)));
typedef float undin_vector_unaligned __attribute__((vector_size(4 * UNDIN_LANES), aligned(4), may_alias));
#else
typedef float undin_vector;
typedef uint32_t undin_vector_bits;
typedef float undin_vector_unaligned;
#endif

UNDIN_INLINE undin_vector undin_vector_load(const float *from) { return *(const undin_vector_unaligned *)from; }

UNDIN_INLINE void undin_vector_store(float *to, undin_vector x) { *(undin_vector_unaligned *)to = x; }

/* All lanes hold x. */
UNDIN_INLINE undin_vector undin_vector_of(float x) {
#if UNDIN_LANES == 16
    return (undin_vector)_mm512_set1_ps(x);
#elif UNDIN_LANES == 8
    return (undin_vector)_mm256_set1_ps(x);
#elif UNDIN_LANES == 4
    return (undin_vector){x, x, x, x};
#else
    return x;
#endif
}

/* The first `count` floats, 1 <= count <= UNDIN_LANES; the other lanes hold 0 and their memory is not touched. */
UNDIN_INLINE undin_vector undin_vector_load_first(const float *from, int count) {
    if (count == UNDIN_LANES) return undin_vector_load(from);
#if UNDIN_LANES == 16
    /* A narrower load does not cross a cache line where all of a wide one, hidden lanes too, would. */
    if (count == 8) return (undin_vector)_mm512_zextps256_ps512(_mm256_loadu_ps(from));
    if (count == 4) return (undin_vector)_mm512_zextps128_ps512(_mm_loadu_ps(from));
    return (undin_vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
#elif UNDIN_LANES == 8
    if (count == 4) return (undin_vector)_mm256_zextps128_ps256(_mm_loadu_ps(from));
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (undin_vector)_mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane));
#else
    undin_vector x = undin_vector_of(0);
    __builtin_memcpy(&x, from, (unsigned)count * sizeof(float));
    return x;
#endif
}

#if UNDIN_LANES > 1 && defined(__SSE2__)
/* Write the first `count` lanes of four, 1 <= count <= 3. */
UNDIN_INLINE void undin_quarter_store_first(float *to, __m128 x, int count) {
    if (count & 2) {
        _mm_storel_pi((__m64 *)(void *)to, x);
        x = _mm_movehl_ps(x, x);
    }
    if (count & 1) _mm_store_ss(to + (count & 2), x);
}
#endif

/* Write the first `count` lanes, 1 <= count <= UNDIN_LANES. No lane is reached through memory, or all sums of which x
   is one would live there. */
UNDIN_INLINE void undin_vector_store_first(float *to, undin_vector x, int count) {
    if (count == UNDIN_LANES) {
        undin_vector_store(to, x);
        return;
    }
#if UNDIN_LANES == 16
    /* What a narrow store wrote can be loaded at once, what a masked one did cannot. */
    if (count == 8) {
        _mm256_storeu_ps(to, _mm512_castps512_ps256((__m512)x));
        return;
    }
    if (count == 4) {
        _mm_storeu_ps(to, _mm512_castps512_ps128((__m512)x));
        return;
    }
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)x);
#elif UNDIN_LANES == 8
    const __m128 low = _mm256_castps256_ps128((__m256)x);
    if (count >= 4) _mm_storeu_ps(to, low);
    undin_quarter_store_first(to + (count & 4), count >= 4 ? _mm256_extractf128_ps((__m256)x, 1) : low, count & 3);
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    undin_quarter_store_first(to, (__m128)x, count);
#elif UNDIN_LANES == 4
    for (int lane = 0; lane < count; ++lane) to[lane] = x[lane];
#else
    *to = x;
#endif
}

/* The larger of the two; a NaN of x stays, a NaN of `limit` does not. */
UNDIN_INLINE undin_vector undin_vector_max(undin_vector x, undin_vector limit) {
#if UNDIN_LANES == 16
    return (undin_vector)_mm512_max_ps((__m512)limit, (__m512)x);
#elif UNDIN_LANES == 8
    return (undin_vector)_mm256_max_ps((__m256)limit, (__m256)x);
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    return (undin_vector)_mm_max_ps((__m128)limit, (__m128)x);
#elif UNDIN_LANES == 4
    const undin_vector_bits less = (undin_vector_bits)(x < limit);
    return (undin_vector)((less & (undin_vector_bits)limit) | (~less & (undin_vector_bits)x));
#else
    return x < limit ? limit : x;
#endif
}

/* The smaller of the two; a NaN of x stays, a NaN of `limit` does not. */
UNDIN_INLINE undin_vector undin_vector_min(undin_vector x, undin_vector limit) {
#if UNDIN_LANES == 16
    return (undin_vector)_mm512_min_ps((__m512)limit, (__m512)x);
#elif UNDIN_LANES == 8
    return (undin_vector)_mm256_min_ps((__m256)limit, (__m256)x);
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    return (undin_vector)_mm_min_ps((__m128)limit, (__m128)x);
#elif UNDIN_LANES == 4
    const undin_vector_bits greater = (undin_vector_bits)(x > limit);
    return (undin_vector)((greater & (undin_vector_bits)limit) | (~greater & (undin_vector_bits)x));
#else
    return x > limit ? limit : x;
#endif
}

/* The same of numbers, which are no NaN: one instruction where the others are four. */
#if UNDIN_LANES == 1 && defined(__thumb__) && defined(__ARM_FEATURE_NUMERIC_MAXMIN)
UNDIN_INLINE float undin_number_max(float x, float limit) {
    __asm__("vmaxnm.f32 %0, %0, %1" : "+t"(x) : "t"(limit));
    return x;
}
UNDIN_INLINE float undin_number_min(float x, float limit) {
    __asm__("vminnm.f32 %0, %0, %1" : "+t"(x) : "t"(limit));
    return x;
}
#else
UNDIN_INLINE float undin_number_max(float x, float limit) { return x < limit ? limit : x; }
UNDIN_INLINE float undin_number_min(float x, float limit) { return x > limit ? limit : x; }
#endif
UNDIN_INLINE undin_vector undin_vector_number_max(undin_vector x, undin_vector limit) {
#if UNDIN_LANES == 1
    return undin_number_max(x, limit);
#else
    return undin_vector_max(x, limit);
#endif
}
UNDIN_INLINE undin_vector undin_vector_number_min(undin_vector x, undin_vector limit) {
#if UNDIN_LANES == 1
    return undin_number_min(x, limit);
#else
    return undin_vector_min(x, limit);
#endif
}

/* a < b ? yes : no, lane by lane. */
UNDIN_INLINE undin_vector undin_vector_if_less(undin_vector a, undin_vector b, undin_vector yes, undin_vector no) {
#if UNDIN_LANES == 16
    const __mmask16 less = _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
    return (undin_vector)_mm512_mask_blend_ps(less, (__m512)no, (__m512)yes);
#elif UNDIN_LANES > 1
    const undin_vector_bits less = (undin_vector_bits)(a < b);
    return (undin_vector)((less & (undin_vector_bits)yes) | (~less & (undin_vector_bits)no));
#else
    return a < b ? yes : no;
#endif
}

/* 1 / x for a normal x whose reciprocal is normal, at most 2 ulp off: where division is slow, an estimate and a step of
   Newton's method, unless processors must agree to the bit. */
UNDIN_INLINE undin_vector undin_vector_reciprocal(undin_vector x) {
#if UNDIN_LANES == 16 && !defined(UNDIN_REPRODUCIBLE)
    const undin_vector estimate = (undin_vector)_mm512_rcp14_ps((__m512)x);
    return estimate + estimate * (1.0f - x * estimate);
#else
    return 1.0f / x;
#endif
}

/* Bits as they are, from float to integer and back; the same for one float and for a vector. */
#if UNDIN_LANES > 1
UNDIN_INLINE undin_vector_bits undin_vector_to_bits(undin_vector x) { return (undin_vector_bits)x; }
UNDIN_INLINE undin_vector undin_vector_from_bits(undin_vector_bits bits) { return (undin_vector)bits; }
#else
UNDIN_INLINE undin_vector_bits undin_vector_to_bits(undin_vector x) {
    undin_vector_bits bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}
UNDIN_INLINE undin_vector undin_vector_from_bits(undin_vector_bits bits) {
    undin_vector x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}
#endif

#endif
