/* Heaps of every shape that malloc can be driven into, one a mode. Prints READY and waits to be killed. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned next_random(unsigned *seed) { return *seed = *seed * 1103515245u + 12345u, *seed >> 8; }

static void *fill(void *block, size_t size) {
  if (block != NULL) memset(block, 0x5a, size);
  return block;
}

static size_t some_size(unsigned *seed) {
  unsigned kind = next_random(seed) % 64;
  if (kind == 0) return 130000 + next_random(seed) % 400000;
  if (kind < 8) return 1 + next_random(seed) % 5000;
  return 1 + next_random(seed) % 300;
}

/* Allocates and frees at random, then leaves what is left. */
enum { SLOTS = 4000 };
struct work {
  unsigned seed;
  long rounds;
  void *slot[SLOTS];
};

static void *shuffle(void *argument) {
  struct work *work = argument;
  for (long round = 0; work->rounds < 0 || round < work->rounds; round++) {
    unsigned i = next_random(&work->seed) % SLOTS;
    if (work->slot[i] == NULL) {
      size_t size = some_size(&work->seed);
      work->slot[i] = fill(malloc(size), size > 64 ? 64 : size);
    } else if (next_random(&work->seed) % 8 == 0) {
      work->slot[i] = realloc(work->slot[i], some_size(&work->seed));
    } else {
      free(work->slot[i]);
      work->slot[i] = NULL;
    }
  }
  return NULL;
}

static void *shuffle_and_wait(void *argument) {
  shuffle(argument);
  __atomic_store_n(&((struct work *)argument)->rounds, 0, __ATOMIC_RELEASE);
  pause();
  return NULL;
}

static void threads(int count, long rounds) {
  static struct work work[16];
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    work[i].seed = 7919u * (unsigned)(i + 1);
    work[i].rounds = rounds;
    pthread_create(&thread, NULL, rounds < 0 ? shuffle : shuffle_and_wait, &work[i]);
  }
  for (int i = 0; i < count && rounds >= 0; i++)
    while (__atomic_load_n(&work[i].rounds, __ATOMIC_ACQUIRE) != 0) usleep(1000);
}

/* More than two 64 MiB heaps in one thread's arena, with holes. */
static volatile int done;
static void *large_arena(void *argument) {
  (void)argument;
  enum { COUNT = 2600 };
  static void *block[COUNT];
  for (int i = 0; i < COUNT; i++) block[i] = fill(malloc(100000 + (size_t)i % 7 * 16), 32);
  for (int i = 0; i < COUNT; i += 3) free(block[i]);
  for (int i = 0; i < 5000; i++) fill(malloc(1 + (size_t)i % 1000), 1);
  done = 1;
  pause();
  return NULL;
}

static void aligned(void) {
  for (unsigned i = 0; i < 60; i++) {
    size_t alignment = (size_t)32 << (i % 17);
    void *block = memalign(alignment, (i % 5 == 0 ? 200 : 140000) + i * 1000);
    fill(block, 64);
    /* Large ones move as a whole, with their header where it was. */
    if (i % 6 == 2) block = realloc(block, i % 4 == 0 ? 100000 : 700000);
    if (i % 7 == 3) free(block);
  }
}

/* Somebody else moves the break between malloc's requests. */
static void foreign_break(void) {
  static const long step[] = {64, 4096, 12, 100000, 8, 65536};
  for (unsigned round = 0; round < sizeof step / sizeof *step; round++) {
    for (int i = 0; i < 3000; i++) fill(malloc(100 + (size_t)i % 50), 100);
    char *foreign = sbrk(step[round]);
    /* Contents that look like nothing, like zeros, or like small chunks. */
    for (long i = 0; round % 3 != 0 && i + 16 <= step[round] / 2; i += 16) {
      uint64_t word[2] = {0, round % 3 == 1 ? 0x5a5a5a5a5a5a5a5aull : 0x21};
      memcpy(foreign + i, word, sizeof word);
    }
  }
  for (int i = 0; i < 5000; i++) fill(malloc(200), 100);
}

/* A mapping right behind the break: brk fails, malloc falls back to mmap for the main arena. */
static void blocked_break(int unblock) {
  for (int i = 0; i < 1000; i++) fill(malloc(100), 100);
  uintptr_t end = ((uintptr_t)sbrk(0) + 4095) & ~(uintptr_t)4095;
  void *wall = mmap((void *)end, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (wall == MAP_FAILED) _exit(90);
  static void *block[40000];
  for (int i = 0; i < 40000; i++) block[i] = fill(malloc(50 + (size_t)i % 200), 50);
  for (int i = 0; i < 40000; i += 5) free(block[i]);
  if (unblock) {
    munmap(wall, 4096);
    sbrk(4096);
    for (int i = 0; i < 40000; i++) fill(malloc(300), 50);
  }
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "mixed";
  if (strcmp(mode, "mixed") == 0) {
    static struct work work = {.seed = 42, .rounds = 100000};
    shuffle(&work);
    threads(4, 60000);
  } else if (strcmp(mode, "churn") == 0) {
    threads(4, -1);
  } else if (strcmp(mode, "large") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, large_arena, NULL);
    while (!done) usleep(1000);
  } else if (strcmp(mode, "aligned") == 0) {
    aligned();
  } else if (strcmp(mode, "break") == 0) {
    foreign_break();
  } else if (strcmp(mode, "wall") == 0) {
    blocked_break(0);
  } else if (strcmp(mode, "gap") == 0) {
    blocked_break(1);
  } else if (strcmp(mode, "fast") == 0) {
    mallopt(M_MXFAST, 160);
    static struct work work = {.seed = 4711, .rounds = 200000};
    shuffle(&work);
  } else {
    return 2;
  }
  puts("READY");
  fflush(stdout);
  for (;;) pause();
}
