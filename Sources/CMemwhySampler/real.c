// The allocator below the sampler: the next one in the loader's order, which is glibc's unless the program brings another.
#include "internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

// The loader may allocate while it looks the allocator up. These blocks are few, small, and never freed.
static _Alignas(16) unsigned char bootstrap[16 << 10];
static _Atomic size_t bootstrap_used;
static _Atomic bool is_looking;

bool memwhy_is_bootstrap(const void *block) {
  return (const unsigned char *)block >= bootstrap && (const unsigned char *)block < bootstrap + sizeof bootstrap;
}

/// Before each block lies its size, for realloc.
#define BEFORE 16

void memwhy_bootstrap_copy(void *to, const void *block, size_t size) {
  size_t old;
  memcpy(&old, (const unsigned char *)block - BEFORE, sizeof old);
  memcpy(to, block, old < size ? old : size);
}

static void *bootstrap_allocate(size_t size) {
  if (size > sizeof bootstrap) return NULL;
  size_t needed = ((size + 15) & ~(size_t)15) + BEFORE;
  size_t at = atomic_fetch_add(&bootstrap_used, needed);
  if (at + needed > sizeof bootstrap) return NULL;
  memcpy(bootstrap + at, &size, sizeof size);
  // Whatever becomes of the filter, free() has to recognise the block.
  memwhy_filter_mark_for_good(bootstrap + at + BEFORE);
  return bootstrap + at + BEFORE;
}

static void *first_malloc(size_t size) {
  if (atomic_load(&is_looking)) return bootstrap_allocate(size);
  memwhy_find_allocator();
  return memwhy_real.malloc(size);
}

static void *first_calloc(size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) return NULL;
  if (atomic_load(&is_looking)) return bootstrap_allocate(all);  // never used before: zero
  memwhy_find_allocator();
  return memwhy_real.calloc(count, size);
}

static void *first_realloc(void *block, size_t size) {
  if (atomic_load(&is_looking)) {
    void *result = bootstrap_allocate(size);
    if (result && block && memwhy_is_bootstrap(block)) memwhy_bootstrap_copy(result, block, size);
    return result;
  }
  memwhy_find_allocator();
  return memwhy_real.realloc(block, size);
}

static void first_free(void *block) {
  if (!block || atomic_load(&is_looking)) return;
  memwhy_find_allocator();
  memwhy_real.free(block);
}

// Aligned blocks are not to be had while the allocator is looked for, nor from an allocator without the function.

static void *first_memalign(size_t alignment, size_t size) {
  memwhy_find_allocator();
  if (!memwhy_real.memalign || memwhy_real.memalign == first_memalign) return NULL;
  return memwhy_real.memalign(alignment, size);
}

static void *first_aligned_alloc(size_t alignment, size_t size) {
  memwhy_find_allocator();
  if (!memwhy_real.aligned_alloc || memwhy_real.aligned_alloc == first_aligned_alloc) return NULL;
  return memwhy_real.aligned_alloc(alignment, size);
}

static int first_posix_memalign(void **result, size_t alignment, size_t size) {
  memwhy_find_allocator();
  if (!memwhy_real.posix_memalign || memwhy_real.posix_memalign == first_posix_memalign) return ENOMEM;
  return memwhy_real.posix_memalign(result, alignment, size);
}

static void *first_valloc(size_t size) { return first_memalign((size_t)sysconf(_SC_PAGESIZE), size); }

static void *pvalloc_by_memalign(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded;
  if (__builtin_add_overflow(size, page - 1, &rounded)) return NULL;
  return first_memalign(page, rounded & ~(page - 1));
}

struct real_allocator memwhy_real = {
  .malloc = first_malloc,
  .free = first_free,
  .calloc = first_calloc,
  .realloc = first_realloc,
  .memalign = first_memalign,
  .aligned_alloc = first_aligned_alloc,
  .posix_memalign = first_posix_memalign,
  .valloc = first_valloc,
  .pvalloc = pvalloc_by_memalign,
};

void memwhy_find_allocator(void) {
  if (memwhy_real.malloc != first_malloc || atomic_exchange(&is_looking, true)) return;
  struct real_allocator found = {
    .malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc"),
    .free = (void (*)(void *))dlsym(RTLD_NEXT, "free"),
    .calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc"),
    .realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc"),
    .memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign"),
    .aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc"),
    .posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign"),
    .valloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "valloc"),
    .pvalloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "pvalloc"),
  };
  // An allocator that lacks one of these says so to who asks for it, as the system would, instead of ending the program.
  if (!found.memalign) found.memalign = first_memalign;
  if (!found.aligned_alloc) found.aligned_alloc = first_aligned_alloc;
  if (!found.posix_memalign) found.posix_memalign = first_posix_memalign;
  if (!found.pvalloc) found.pvalloc = pvalloc_by_memalign;
  if (!found.valloc) found.valloc = first_valloc;
  // Without these there is no allocator to stand in front of.
  if (!found.malloc || !found.free || !found.calloc || !found.realloc) __builtin_trap();
  memwhy_real = found;
  atomic_store(&is_looking, false);
}
