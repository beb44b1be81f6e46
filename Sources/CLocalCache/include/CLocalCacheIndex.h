// One look at many words: at a bucket of the index, sixteen that fill a cache line, and at the hashes of a small table without one.
#ifndef CLOCALCACHE_INDEX_H
#define CLOCALCACHE_INDEX_H

#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/// A bit for each of sixteen words, aligned to 64 bytes, that is `wanted` under `mask`; the first word is the lowest bit.
static inline uint32_t localcache_matches(const uint32_t *words, uint32_t wanted, uint32_t mask) {
#if defined(__SSE2__)
  const __m128i *lines = (const __m128i *)words;
  __m128i want = _mm_set1_epi32((int)wanted), bits = _mm_set1_epi32((int)mask);
  __m128i a = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(lines), bits), want);
  __m128i b = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(lines + 1), bits), want);
  __m128i c = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(lines + 2), bits), want);
  __m128i d = _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(lines + 3), bits), want);
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  const uint32x4_t want = vdupq_n_u32(wanted), bits = vdupq_n_u32(mask);
  static const uint32_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  uint32x4_t sum = vdupq_n_u32(0);
  for (int quarter = 0; quarter < 4; quarter++) {
    uint32x4_t same = vceqq_u32(vandq_u32(vld1q_u32(words + 4 * quarter), bits), want);
    sum = vorrq_u32(sum, vandq_u32(same, vld1q_u32(weights + 4 * quarter)));
  }
  return vaddvq_u32(sum);
#else
  uint32_t result = 0;
  for (int index = 0; index < 16; index++) result |= (uint32_t)((words[index] & mask) == wanted) << index;
  return result;
#endif
}

/// The place of the first of the words from `from` on, and before `count`, that is `wanted`; `count` if none is. Sixteen at a time where the processor can.
static inline uint32_t localcache_find16(const uint16_t *words, uint32_t from, uint32_t count, uint16_t wanted) {
#if defined(__SSE2__)
  const __m128i want = _mm_set1_epi16((short)wanted);
  for (; from + 16 <= count; from += 16) {
    __m128i a = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(words + from)), want);
    __m128i b = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(words + from + 8)), want);
    uint32_t found = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(a, b));
    if (found != 0) return from + (uint32_t)__builtin_ctz(found);
  }
#endif
  for (; from < count; from++)
    if (words[from] == wanted) return from;
  return count;
}

#endif
