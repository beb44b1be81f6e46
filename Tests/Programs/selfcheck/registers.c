#include "statistics.h"
#include <stddef.h>
#include <string.h>

/* All exceptions masked, rounding and flush bits away from their default. */
enum { control = 0xff80 & ~0x8000 };

void fill(struct registers *registers, uint64_t *seed) {
  uint64_t *words = (uint64_t *)registers;
  for (unsigned i = 0; i < offsetof(struct registers, control) / 8; i++) {
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    words[i] = *seed;
  }
  registers->carry = 0;
  registers->control = control;
}

void compare(const struct registers *before, const struct registers *after, int is_call, const char *what) {
  const uint64_t *left = (const uint64_t *)before, *right = (const uint64_t *)after;
  static const char *names[] = {"rbx", "rbp", "rcx", "rdx", "rsi", "rdi", "r8",
                                "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  for (int i = 0; i < 14; i++) {
    /* A system call overwrites rcx and r11. */
    if (is_call && (i == 2 || i == 9)) continue;
    if (left[i] != right[i]) fail("%s: %s was %lx and is %lx", what, names[i], left[i], right[i]);
  }
  if (memcmp(before->vectors, after->vectors, sizeof before->vectors)) fail("%s: vector registers differ", what);
  if (memcmp(before->red_zone, after->red_zone, sizeof before->red_zone)) fail("%s: the red zone differs", what);
  if (before->control != after->control) fail("%s: mxcsr is %x", what, after->control);
}
