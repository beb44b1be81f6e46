/* A heap with counters that one thread advances in order: any instant shows values that never rise along the list and differ by
   at most one. Other threads sleep.
   usage: sequence [MEBIBYTES] [SLEEPERS] [writing|quiet|huge|dirty]. Prints the heap's address, the number of counters and their distance. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { counters = 64 };
static char *heap;
static size_t stride, size;

static void *advance(void *unused) {
  for (uint64_t value = 1;; value++)
    for (int i = 0; i < counters; i++) *(volatile uint64_t *)(heap + i * stride + 64) = value;
  return unused;
}
static void *sleeper(void *unused) {
  for (;;) {
    struct timespec time = {0, 200000000};
    nanosleep(&time, 0);
  }
  return unused;
}
/* Dirties pages at random, as fast as it can. */
static void *dirty(void *unused) {
  uint64_t state = 88172645463325252ull;
  size_t pages = size / 4096;
  for (;;) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    ++*(volatile uint64_t *)(heap + state % pages * 4096 + 2048);
  }
  return unused;
}
static void start(void *(*body)(void *)) {
  pthread_t thread;
  if (pthread_create(&thread, 0, body, 0)) exit(1);
}

int main(int count, char **arguments) {
  size_t mebibytes = count > 1 ? strtoul(arguments[1], 0, 10) : 64;
  int threads = count > 2 ? atoi(arguments[2]) : 4;
  const char *mode = count > 3 ? arguments[3] : "writing";
  size = mebibytes << 20;
  heap = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (heap == MAP_FAILED) return 1;
  madvise(heap, size, !strcmp(mode, "huge") ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  for (size_t offset = 0; offset < size; offset += 4096) *(uint64_t *)(heap + offset) = offset ^ 0x5a5a5a5a;
  /* Half as much again that is never touched. */
  char *untouched = mmap(0, size / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  stride = (size / counters) & ~4095ul;
  if (strcmp(mode, "quiet")) start(advance);
  if (!strcmp(mode, "dirty")) start(dirty);
  for (int i = 0; i < threads; i++) start(sleeper);
  printf("READY heap=%p size=%zu stride=%zu counters=%d untouched=%p\n", (void *)heap, size, stride, counters, (void *)untouched);
  fflush(stdout);
  for (;;) pause();
}
