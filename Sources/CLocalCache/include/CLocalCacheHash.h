// A keyed hash of one word by the processor's AES instructions.
#ifndef CLOCALCACHE_HASH_H
#define CLOCALCACHE_HASH_H

#include <stdbool.h>
#include <stdint.h>

enum { LOCALCACHE_ROUND_KEYS = 11 };

#if defined(__x86_64__)
#include <emmintrin.h>

/// Whether the processor has the instructions.
bool localcache_has_aes(void);

/// AES-128 of a word and eight zeros (FIPS 197), of which the first half counts. The round keys are 16 bytes each and aligned so.
///
/// As instructions of their own, because a program for any x86-64 is compiled without them.
static inline uint64_t localcache_aes(uint64_t word, const void *roundKeys) {
  const __m128i *key = (const __m128i *)roundKeys;
  __m128i state = _mm_xor_si128(_mm_cvtsi64_si128((long long)word), key[0]);
#define LOCALCACHE_ROUND(n) __asm__("aesenc %1, %0" : "+x"(state) : "m"(key[n]))
  LOCALCACHE_ROUND(1);
  LOCALCACHE_ROUND(2);
  LOCALCACHE_ROUND(3);
  LOCALCACHE_ROUND(4);
  LOCALCACHE_ROUND(5);
  LOCALCACHE_ROUND(6);
  LOCALCACHE_ROUND(7);
  LOCALCACHE_ROUND(8);
  LOCALCACHE_ROUND(9);
#undef LOCALCACHE_ROUND
  __asm__("aesenclast %1, %0" : "+x"(state) : "m"(key[10]));
  return (uint64_t)_mm_cvtsi128_si64(state);
}
#else
static inline bool localcache_has_aes(void) { return false; }

/// Not to be called here.
static inline uint64_t localcache_aes(uint64_t word, const void *roundKeys) {
  (void)roundKeys;
  return word;
}
#endif

#endif
