// The least that an interposer can do: it finds the allocator and jumps on. What a sampler costs is measured against this.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void *first_malloc(size_t size);
static void first_free(void *block);
static void *(*real_malloc)(size_t) = first_malloc;
static void (*real_free)(void *) = first_free;

static void find(void) {
  real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
  real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

static void *first_malloc(size_t size) {
  find();
  return real_malloc(size);
}

static void first_free(void *block) {
  find();
  real_free(block);
}

void *malloc(size_t size) { return real_malloc(size); }
void free(void *block) { real_free(block); }
