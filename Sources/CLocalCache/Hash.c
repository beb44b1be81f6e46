#include "CLocalCache.h"

#if defined(__x86_64__)
#include <cpuid.h>

bool localcache_has_aes(void) {
  unsigned int a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_AES) != 0;
}
#endif
