// Allocates at places whose totals it knows, and prints them: `site ADDRESS ALLOCATED_COUNT ALLOCATED_BYTES LIVE_COUNT LIVE_BYTES`.
//
// usage: known totals SCALE | flat SECONDS | bursts SECONDS | hold MiB | churn | libraries
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// 256 bytes apart, so that an address of the code tells the place.
#define PLACE __attribute__((noinline, aligned(256)))
#define KEEP(block) __asm__ volatile("" : "+r"(block) : : "memory")

struct place {
  void *(*allocate)(size_t);
  const char *name;
  unsigned long count, bytes, live_count, live_bytes;
};

PLACE static void *small(size_t size) { void *block = malloc(size); KEEP(block); return block; }
PLACE static void *mixed(size_t size) { void *block = calloc(1, size); KEEP(block); return block; }
PLACE static void *large(size_t size) { void *block = aligned_alloc(64, size & ~63ul); KEEP(block); return block; }
PLACE static void *brief(size_t size) { void *block = malloc(size); KEEP(block); return block; }
PLACE static void *grown(size_t size) { void *block = realloc(malloc(16), size); KEEP(block); return block; }

static struct place places[] = {
  {small, "small", 0, 0, 0, 0}, {mixed, "mixed", 0, 0, 0, 0}, {large, "large", 0, 0, 0, 0}, {brief, "brief", 0, 0, 0, 0},
};

static void *allocate(int index, size_t size) {
  struct place *place = &places[index];
  void *block = place->allocate(size);
  __atomic_fetch_add(&place->count, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&place->bytes, index == 2 ? size & ~63ul : size, __ATOMIC_RELAXED);
  return block;
}

static void keep(int index, size_t size) {
  places[index].live_count++;
  places[index].live_bytes += index == 2 ? size & ~63ul : size;
}

static void print(void) {
  for (size_t index = 0; index < sizeof places / sizeof *places; index++) {
    struct place *place = &places[index];
    printf("site %s %p %lu %lu %lu %lu\n", place->name, (void *)place->allocate, place->count, place->bytes,
           place->live_count, place->live_bytes);
  }
  printf("READY\n");
  fflush(stdout);
}

static unsigned random_state = 12345;
static unsigned next_random(void) { return random_state = random_state * 1664525u + 1013904223u; }

static void totals(int scale) {
  for (int i = 0; i < 4000 * scale; i++) {
    void *block = allocate(0, 48);
    if (i % 2 == 0) free(block); else keep(0, 48);
    size_t size = next_random() % 2000;
    block = allocate(1, size);
    if (i % 3) free(block); else keep(1, size);
    free(allocate(3, 256));
    if (i % 50 == 0) {
      size = 4096 + next_random() % 100000;
      block = allocate(2, size);
      if (i % 100 == 0) free(block); else keep(2, size);
    }
  }
  void *block = grown(100);
  KEEP(block);
}

// Each place has one size, so that a reader can tell a whole record from a torn one.
static volatile int is_done;
// Allocates 256 blocks as fast as it can, then rests for `data` microseconds, again and again.
static void *flat_out(void *data) {
  struct timespec rest = {0, (long)(size_t)data * 1000};
  void *kept[64] = {0};
  for (unsigned i = 0; !is_done; i++) {
    int index = (int)(i % 4);
    static const size_t sizes[] = {48, 1000, 4096, 256};
    free(kept[i % 64]);
    kept[i % 64] = places[index].allocate(sizes[index]);
    if (rest.tv_nsec && i % 256 == 255) nanosleep(&rest, NULL);
  }
  for (int i = 0; i < 64; i++) free(kept[i]);
  return NULL;
}

static void flat(int seconds, size_t rest) {
  print();
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, flat_out, (void *)rest);
  sleep((unsigned)seconds);
  is_done = 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

static void hold(int mebibytes) {
  for (int i = 0; i < mebibytes * 16; i++) {
    char *block = allocate(1, 65536);
    memset(block, 1, 65536);
    keep(1, 65536);
  }
  print();
  for (;;) pause();
}

// Blocks that live 20 ms each, eight at a time.
static void churn(void) {
  void *kept[8] = {0};
  for (int i = 0; i < 400; i++) {
    free(kept[i % 8]);
    kept[i % 8] = allocate(3, 256);
    struct timespec time = {0, 2500000};
    nanosleep(&time, NULL);
  }
  for (int i = 0; i < 8; i++) free(kept[i]);
  print();
}

// Grows until it is killed.
static void grow(void) {
  print();
  for (;;) {
    char *block = allocate(0, 100000);
    memset(block, 1, 100000);
  }
}

static void libraries(const char *path) {
  void *library = dlopen(path, RTLD_NOW);
  if (!library) abort();
  void *(*place)(size_t) = (void *(*)(size_t))dlsym(library, "library_place");
  void *block = place(7777);
  KEEP(block);
  printf("library %p\n", (void *)place);
  print();
  for (;;) pause();
}

int main(int count, char **arguments) {
  const char *name = count > 1 ? arguments[1] : "";
  int number = count > 2 ? atoi(arguments[2]) : 1;
  if (!strcmp(name, "totals")) totals(number);
  else if (!strcmp(name, "flat")) flat(number, 0);
  else if (!strcmp(name, "bursts")) flat(number, 1000);
  else if (!strcmp(name, "hold")) hold(number);
  else if (!strcmp(name, "churn")) churn();
  else if (!strcmp(name, "grow")) grow();
  else if (!strcmp(name, "libraries") && count > 2) libraries(arguments[2]);
  else return 64;
  if (!strcmp(name, "totals")) print();
  return 0;
}
