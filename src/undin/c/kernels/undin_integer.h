/* undin_integer.h: lanes of 32-bit integers beside the lanes of floats, sums of products of small integers, and the way
 * from a float to a small integer.
 *
 * Everything here gives the same bits on every processor: integers are exact, and floats are only multiplied, rounded
 * and compared. A network whose products are in integers is compiled with UNDIN_REPRODUCIBLE and without contraction
 * to fused operations, so that what is left of it in floats does too.
 *
 * Weights lie in groups of four along the depth, w[k / 4][column][k % 4]: a lane of 32 bits holds four weights of one
 * column. A processor multiplies four bytes by four bytes at once (VNNI, the dot product of ARM); or two by two into a
 * sum of 16 bits (SSSE3, AVX2), which holds it if the weights are narrow; or two 16-bit integers by two, the even and
 * the odd bytes of a lane in turn.
 *
 * Weights are narrow if no two neighbours k, k + 1 of a column, k even, have the same sign and a sum beyond [-128, 128]:
 * then the sum of their products with two unsigned bytes fits into 16 bits.
 *
 * Read next: undin_int8_rounding.h.
 */
#ifndef UNDIN_INTEGER_H
#define UNDIN_INTEGER_H

#include "undin_vector.h"

#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

/* Unlike other kernels, these are specialised for the sizes of every call without vectors too: with sizes at run time
   the few registers of such a processor would hold addresses, not sums. */
#if !defined(UNDIN_RUN_TIME_SIZES)
#define UNDIN_INT8_KERNEL UNDIN_INLINE
#else
#define UNDIN_INT8_KERNEL UNDIN_OUTLINED
#endif

#if UNDIN_LANES > 1
typedef int32_t undin_integers __attribute__((vector_size(4 * UNDIN_LANES)));
typedef int16_t undin_pairs __attribute__((vector_size(4 * UNDIN_LANES)));
typedef uint16_t undin_unsigned_pairs __attribute__((vector_size(4 * UNDIN_LANES)));
typedef int8_t undin_bytes __attribute__((vector_size(UNDIN_LANES)));
typedef int16_t undin_words __attribute__((vector_size(2 * UNDIN_LANES)));
#else
typedef int32_t undin_integers;
#endif

/* One instruction that multiplies four bytes by four and adds them up: else the halves of both operands, or products of
   16 bits, take registers too. */
#if UNDIN_LANES == 16 && defined(__AVX512VNNI__)
#define UNDIN_ADD_BYTE_PRODUCTS(sum, a, w) _mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(w))
#elif UNDIN_LANES == 8 && defined(__AVXVNNI__)
#define UNDIN_ADD_BYTE_PRODUCTS(sum, a, w) _mm256_dpbusd_avx_epi32((__m256i)(sum), (__m256i)(a), (__m256i)(w))
#elif UNDIN_LANES == 8 && defined(__AVX512VNNI__) && defined(__AVX512VL__)
#define UNDIN_ADD_BYTE_PRODUCTS(sum, a, w) _mm256_dpbusd_epi32((__m256i)(sum), (__m256i)(a), (__m256i)(w))
#elif UNDIN_LANES == 4 && defined(__ARM_FEATURE_DOTPROD)
#define UNDIN_ADD_BYTE_PRODUCTS(sum, a, w) vdotq_s32((int32x4_t)(sum), (int8x16_t)(a), (int8x16_t)(w))
#endif

/* A processor that multiplies nothing but single numbers. */
#if UNDIN_LANES == 1 && !defined(__ARM_FEATURE_SIMD32)
#define UNDIN_BYTE_BY_BYTE
#endif

/* sum + a0 w0 + a1 w1 + a2 w2 + a3 w3 of narrow weights, in sums of 16 bits first. */
#if UNDIN_LANES == 8
#define UNDIN_ADD_NARROW_PRODUCTS(sum, a, w)                                                                        \
    _mm256_add_epi32((__m256i)(sum), _mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(a), (__m256i)(w)), \
                                                       _mm256_set1_epi16(1)))
#elif UNDIN_LANES == 4 && defined(__SSSE3__)
#define UNDIN_ADD_NARROW_PRODUCTS(sum, a, w)                                                            \
    _mm_add_epi32((__m128i)(sum), _mm_madd_epi16(_mm_maddubs_epi16((__m128i)(a), (__m128i)(w)), _mm_set1_epi16(1)))
#endif

/* x86 multiplies unsigned bytes by signed ones: there, bytes of activations are kept 128 higher than they are. */
#if defined(UNDIN_ADD_NARROW_PRODUCTS) || (UNDIN_LANES == 16 && defined(UNDIN_ADD_BYTE_PRODUCTS))
#define UNDIN_BYTE_OFFSET 128
#else
#define UNDIN_BYTE_OFFSET 0
#endif

/* Compilers may begin many products before they add the first, and then lack registers for the sums of a tile: a sum
   that passes here is there before what follows. */
#if defined(__x86_64__) && UNDIN_LANES > 1
#define UNDIN_IN_ORDER(sum) __asm__ volatile("" : "+x"(sum))
#else
#define UNDIN_IN_ORDER(sum) (void)0
#endif

UNDIN_INLINE undin_integers undin_integers_of(int32_t x) {
#if UNDIN_LANES == 16
    return (undin_integers)_mm512_set1_epi32(x);
#elif UNDIN_LANES == 8
    return (undin_integers)_mm256_set1_epi32(x);
#elif UNDIN_LANES == 4
    return (undin_integers){x, x, x, x};
#else
    return x;
#endif
}

/* The same bits: groups of four bytes are read and written as floats are. */
UNDIN_INLINE undin_integers undin_integers_from_vector(undin_vector x) {
#if UNDIN_LANES > 1
    return (undin_integers)x;
#else
    return (undin_integers)undin_vector_to_bits(x);
#endif
}

/* The same numbers as floats. */
UNDIN_INLINE undin_vector undin_integers_to_floats(undin_integers x) {
#if UNDIN_LANES > 1
    return __builtin_convertvector(x, undin_vector);
#else
    return (float)x;
#endif
}

/* The bytes 0 and 2 of each lane, and the bytes 1 and 3, as two 16-bit integers. */
UNDIN_INLINE undin_integers undin_even_bytes(undin_integers x) {
#if UNDIN_LANES > 1
    return (undin_integers)((undin_pairs)((undin_unsigned_pairs)x << 8) >> 8);
#elif defined(__ARM_FEATURE_SIMD32)
    return (undin_integers)__sxtb16((uint32_t)x);
#else
    return (int32_t)((uint32_t)(int8_t)(x >> 16) << 16 | (uint16_t)(int8_t)x);
#endif
}
UNDIN_INLINE undin_integers undin_odd_bytes(undin_integers x) {
#if UNDIN_LANES > 1
    return (undin_integers)((undin_pairs)x >> 8);
#elif defined(__ARM_FEATURE_SIMD32)
    undin_integers bytes;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(bytes) : "r"(x)); /* one instruction, of which compilers make two */
    return bytes;
#else
    return (int32_t)((uint32_t)(int8_t)(x >> 24) << 16 | (uint16_t)(int8_t)(x >> 8));
#endif
}

/* sum + a0 b0 + a1 b1, where each lane of a and b holds two 16-bit integers */
UNDIN_INLINE undin_integers undin_add_products_of_pairs(undin_integers sum, undin_integers a, undin_integers b) {
#if UNDIN_LANES == 16 && defined(__AVX512VNNI__)
    return (undin_integers)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#elif UNDIN_LANES == 16
    return sum + (undin_integers)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif UNDIN_LANES == 8
    return sum + (undin_integers)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    return sum + (undin_integers)_mm_madd_epi16((__m128i)a, (__m128i)b);
#elif UNDIN_LANES == 4 && defined(__ARM_NEON)
    const int16x8_t a_pairs = (int16x8_t)a, b_pairs = (int16x8_t)b;
    const int32x4_t low = vmull_s16(vget_low_s16(a_pairs), vget_low_s16(b_pairs));
    const int32x4_t high = vmull_s16(vget_high_s16(a_pairs), vget_high_s16(b_pairs));
#if defined(__aarch64__)
    return sum + (undin_integers)vpaddq_s32(low, high);
#else
    return sum + (undin_integers)vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                                              vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
#endif
#elif UNDIN_LANES == 4 && defined(__wasm_simd128__)
    return sum + (undin_integers)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b);
#elif UNDIN_LANES == 4
    for (int lane = 0; lane < 4; ++lane)
        sum[lane] += (int16_t)a[lane] * (int16_t)b[lane] + (a[lane] >> 16) * (b[lane] >> 16);
    return sum;
#elif defined(__ARM_FEATURE_SIMD32)
    return __smlad(a, b, sum);
#else
    return sum + (int16_t)a * (int16_t)b + (a >> 16) * (b >> 16);
#endif
}

/* The bytes of activations in each lane as two times two 16-bit integers: unsigned where they are kept higher. */
UNDIN_INLINE undin_integers undin_even_activations(undin_integers a) {
    return UNDIN_BYTE_OFFSET ? a & 0x00ff00ff : undin_even_bytes(a);
}
UNDIN_INLINE undin_integers undin_odd_activations(undin_integers a) {
#if UNDIN_BYTE_OFFSET
    return (undin_integers)((undin_unsigned_pairs)a >> 8);
#else
    return undin_odd_bytes(a);
#endif
}

/* sum + a0 w0 + a1 w1 + a2 w2 + a3 w3, where each lane of a and w holds four bytes; those of a as undin_quantize_bytes
   leaves them, so that the sum is UNDIN_BYTE_OFFSET times the sum of the weights too large. `narrow`, a constant: the
   weights are. */
UNDIN_INLINE undin_integers undin_add_products_of_bytes(undin_integers sum, undin_integers a, undin_integers w,
                                                        int narrow) {
    (void)narrow;
#if defined(UNDIN_BYTE_BY_BYTE)
    for (int i = 0; i < 4; ++i) sum += (int8_t)(a >> 8 * i) * (int8_t)(w >> 8 * i);
    return sum;
#elif defined(UNDIN_ADD_BYTE_PRODUCTS)
    return (undin_integers)UNDIN_ADD_BYTE_PRODUCTS(sum, a, w);
#else
#if defined(UNDIN_ADD_NARROW_PRODUCTS)
    if (narrow) return (undin_integers)UNDIN_ADD_NARROW_PRODUCTS(sum, a, w);
#endif
    sum = undin_add_products_of_pairs(sum, undin_even_activations(a), undin_even_bytes(w));
    return undin_add_products_of_pairs(sum, undin_odd_activations(a), undin_odd_bytes(w));
#endif
}

/* The first `count` of four bytes, 1 <= count <= 4; the others are 0 and their memory is not touched. */
UNDIN_INLINE int32_t undin_four_bytes(const int8_t *from, int count) {
    int32_t bytes = 0;
    __builtin_memcpy(&bytes, from, (unsigned)count);
    return bytes;
}

/* The nearest integer, ties to even, plus a zero point, as one of `bits` bits: beyond their ends it becomes that; of a
   NaN, any. */
UNDIN_INLINE undin_integers undin_rounded(undin_vector x, int zero_point, int bits) {
#if UNDIN_LANES == 1 && defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FP)
    __asm__("vcvtr.s32.f32 %0, %1" : "=t"(x) : "t"(x)); /* a number too large becomes the largest, twice */
    const undin_integers nearest = (undin_integers)undin_vector_to_bits(x);
    const undin_integers sum = zero_point ? __qadd(nearest, zero_point) : nearest;
    return bits == 8 ? __ssat(sum, 8) : __ssat(sum, 16);
#else
    /* Added to so large a number, x is rounded to the last bit of a float. */
    const float large = 12582912.0f, end = (float)(1 << (bits - 1));
    const undin_vector low = undin_vector_of(-end - (float)zero_point);
    const undin_vector high = undin_vector_of(end - 1 - (float)zero_point);
    x = undin_vector_min(undin_vector_max(low, x), high);
    return (undin_integers)(undin_vector_to_bits(x + large) - undin_vector_to_bits(undin_vector_of(large))) +
           zero_point;
#endif
}

/* Write the first `count` lanes as bytes; 1 <= count <= UNDIN_LANES. */
UNDIN_INLINE void undin_bytes_store_first(int8_t *to, undin_integers x, int count) {
#if UNDIN_LANES == 16
    _mm512_mask_cvtepi32_storeu_epi8(to, (__mmask16)((1u << count) - 1), (__m512i)x);
#elif UNDIN_LANES == 8
    const __m128i shorts = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
    const __m128i bytes = UNDIN_BYTE_OFFSET ? _mm_packus_epi16(shorts, shorts) : _mm_packs_epi16(shorts, shorts);
    __builtin_memcpy(to, &bytes, (unsigned)count);
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    const __m128i shorts = _mm_packs_epi32((__m128i)x, (__m128i)x);
    const __m128i bytes = UNDIN_BYTE_OFFSET ? _mm_packus_epi16(shorts, shorts) : _mm_packs_epi16(shorts, shorts);
    __builtin_memcpy(to, &bytes, (unsigned)count);
#elif UNDIN_LANES == 4
    const undin_bytes bytes = __builtin_convertvector(x, undin_bytes);
    __builtin_memcpy(to, &bytes, (unsigned)count);
#else
    (void)count;
    *to = (int8_t)x;
#endif
}

/* The same, as integers of 16 bits. */
UNDIN_INLINE void undin_words_store_first(int16_t *to, undin_integers x, int count) {
#if UNDIN_LANES == 16
    _mm512_mask_cvtepi32_storeu_epi16(to, (__mmask16)((1u << count) - 1), (__m512i)x);
#elif UNDIN_LANES == 8
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
    __builtin_memcpy(to, &words, (unsigned)count * sizeof *to);
#elif UNDIN_LANES == 4 && defined(__SSE2__)
    const __m128i words = _mm_packs_epi32((__m128i)x, (__m128i)x);
    __builtin_memcpy(to, &words, (unsigned)count * sizeof *to);
#elif UNDIN_LANES == 4
    const undin_words words = __builtin_convertvector(x, undin_words);
    __builtin_memcpy(to, &words, (unsigned)count * sizeof *to);
#else
    (void)count;
    *to = (int16_t)x;
#endif
}

#endif
