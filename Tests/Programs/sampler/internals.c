// What no program can provoke at will: blocks that are given out before the allocator below is known, what is asked for meanwhile, and a fork while
// another thread makes room in the table. Prints nothing but what is wrong.
#include "../../../Sources/CMemwhySampler/blocks.c"
#include "../../../Sources/CMemwhySampler/real.c"

#include <stdio.h>

struct sampler memwhy;

static int faults;

static void expect(bool holds, const char *what) {
  if (holds) return;
  printf("%s\n", what);
  faults++;
}

int main(void) {
  atomic_store(&is_looking, true);
  void *block = first_malloc(100), *aligned = block;
  expect(memwhy_is_bootstrap(block), "a block is there before the allocator is known");
  expect(memwhy_may_be_sampled(block), "free looks at it twice");
  expect(!first_memalign(64, 100), "memalign has nothing to give yet");
  expect(!first_aligned_alloc(64, 100), "nor has aligned_alloc");
  expect(first_posix_memalign(&aligned, 64, 100) == ENOMEM && aligned == block, "nor has posix_memalign");
  expect(!first_valloc(100) && !pvalloc_by_memalign(100), "nor have valloc and pvalloc");
  atomic_store(&is_looking, false);

  int other;
  memwhy_filter_mark(&other);
  atomic_store(&is_thinning, true);
  memwhy_blocks_forget();
  expect(!atomic_load(&is_thinning), "whoever made room is not in a forked child");
  expect(!memwhy_may_be_sampled(&other), "a forked child has no sampled blocks");
  expect(memwhy_may_be_sampled(block), "but still knows what must never be freed");

  void *result = first_memalign(4096, 100);
  expect(result && ((uintptr_t)result & 4095) == 0, "memalign is the allocator's once that is found");
  expect(!memwhy_is_bootstrap(result), "and its blocks are the allocator's");
  return faults != 0;
}
