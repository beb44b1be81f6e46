// malloc and its relatives. The fast paths are here, and nothing else: one subtraction from a thread's own countdown for an
// allocation, one byte of the filter for a free, and a jump to the allocator below.
#include "internal.h"

#include <dlfcn.h>
#include <errno.h>

THREAD_LOCAL int64_t memwhy_countdown;

// A sanitizer's runtime is the program's allocator, and calls it before the program's own code may run: there the sampler stays out of the
// way, and starting says that malloc is not the sampler's.
#if MEMWHY_SANITIZED

void *(*memwhy_own_malloc(void))(size_t) { return NULL; }

#else

/// Counts an allocation; true where the sampler has to look at it.
static inline bool is_due(size_t size) { return unlikely((memwhy_countdown -= memwhy_counted(size)) < 0); }

/// The allocation came to nothing.
static void uncount(size_t size) { memwhy_countdown += memwhy_counted(size); }

#define SLOW static __attribute__((noinline))
// Of the slow path, which the fast one jumped to: the return address in this frame is the program's.
#define FRAME ((uintptr_t)__builtin_frame_address(0))

static void *finish(void *block, size_t size, uintptr_t frame) {
  if (block) {
    memwhy_sampled_allocation(block, size, frame);
  } else {
    uncount(size);
  }
  return block;
}

SLOW void *slow_malloc(size_t size) { return finish(memwhy_real.malloc(size), size, FRAME); }

EXPORT void *malloc(size_t size) {
  if (is_due(size)) return slow_malloc(size);
  return memwhy_real.malloc(size);
}

// A hidden alias: `malloc` itself may mean another's where the loader says so.
extern __typeof(malloc) memwhy_malloc_alias __attribute__((alias("malloc"), visibility("hidden")));
void *(*memwhy_own_malloc(void))(size_t) { return memwhy_malloc_alias; }

SLOW void slow_free(void *block) {
  if (memwhy_is_bootstrap(block)) return;
  memwhy_sampled_free(block);
  memwhy_real.free(block);
}

EXPORT void free(void *block) {
  if (unlikely(memwhy_may_be_sampled(block))) {
    slow_free(block);
    return;
  }
  memwhy_real.free(block);
}

SLOW void *slow_calloc(size_t count, size_t size) {
  return finish(memwhy_real.calloc(count, size), count * size, FRAME);
}

EXPORT void *calloc(size_t count, size_t size) {
  size_t all;
  if (unlikely(__builtin_mul_overflow(count, size, &all))) return memwhy_real.calloc(count, size);
  if (is_due(all)) return slow_calloc(count, size);
  return memwhy_real.calloc(count, size);
}

SLOW void *slow_realloc(void *block, size_t size, bool due) {
  uintptr_t frame = FRAME;
  if (memwhy_is_bootstrap(block)) {
    void *copy = memwhy_real.malloc(size);
    if (copy) memwhy_bootstrap_copy(copy, block, size);
    return copy;
  }
  struct memwhy_block content;
  bool was_sampled = memwhy_take_out(block, &content);
  void *result = memwhy_real.realloc(block, size);
  if (!result && size != 0) {
    // It failed, and the block is still there.
    if (was_sampled) memwhy_put_back(block, &content);
    if (due) uncount(size);
    return NULL;
  }
  if (was_sampled) memwhy_count_freed(&content);
  if (due && result) return finish(result, size, frame);
  return result;
}

static inline void *reallocate(void *block, size_t size) {
  bool due = is_due(size);
  if (due || unlikely(memwhy_may_be_sampled(block))) return slow_realloc(block, size, due);
  return memwhy_real.realloc(block, size);
}

EXPORT void *realloc(void *block, size_t size) { return reallocate(block, size); }

EXPORT void *reallocarray(void *block, size_t count, size_t size) {
  size_t all;
  if (unlikely(__builtin_mul_overflow(count, size, &all))) {
    errno = ENOMEM;
    return NULL;
  }
  return reallocate(block, all);
}

SLOW void *slow_memalign(size_t alignment, size_t size) {
  return finish(memwhy_real.memalign(alignment, size), size, FRAME);
}

EXPORT void *memalign(size_t alignment, size_t size) {
  if (is_due(size)) return slow_memalign(alignment, size);
  return memwhy_real.memalign(alignment, size);
}

SLOW void *slow_aligned_alloc(size_t alignment, size_t size) {
  return finish(memwhy_real.aligned_alloc(alignment, size), size, FRAME);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
  if (is_due(size)) return slow_aligned_alloc(alignment, size);
  return memwhy_real.aligned_alloc(alignment, size);
}

SLOW int slow_posix_memalign(void **result, size_t alignment, size_t size) {
  int error = memwhy_real.posix_memalign(result, alignment, size);
  finish(error == 0 ? *result : NULL, size, FRAME);
  return error;
}

EXPORT int posix_memalign(void **result, size_t alignment, size_t size) {
  if (is_due(size)) return slow_posix_memalign(result, alignment, size);
  return memwhy_real.posix_memalign(result, alignment, size);
}

SLOW void *slow_valloc(size_t size) { return finish(memwhy_real.valloc(size), size, FRAME); }

EXPORT void *valloc(size_t size) {
  if (is_due(size)) return slow_valloc(size);
  return memwhy_real.valloc(size);
}

SLOW void *slow_pvalloc(size_t size) { return finish(memwhy_real.pvalloc(size), size, FRAME); }

EXPORT void *pvalloc(size_t size) {
  if (is_due(size)) return slow_pvalloc(size);
  return memwhy_real.pvalloc(size);
}

// C23. A C library that has them frees by a way that would pass by free().
EXPORT void free_sized(void *block, size_t size) {
  (void)size;
  free(block);
}

EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
  (void)alignment;
  (void)size;
  free(block);
}

/// A module may go, and its addresses may come again with another.
EXPORT int dlclose(void *handle) {
  static int (*real)(void *);
  if (!real) real = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
  atomic_store_explicit(&memwhy_modules_stale, true, memory_order_relaxed);
  if (!real) return -1;
  return real(handle);
}

#endif
