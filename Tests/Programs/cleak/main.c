// cleak TRUTHFILE [leaks | healthy | all] [COUNT]: C only. Loses blocks in some ways and holds blocks in many, writes down
// which is which (see truth.h), prints READY and sleeps.
#define _GNU_SOURCE
#include "truth.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct link {
  struct link *next, *previous;
  char payload[24];
};

// Neighbours without gaps: pointers at odd places.
struct __attribute__((packed)) record {
  char kind;
  struct record *next;
  uint16_t length;
  void *payload;
};

// ---- leaks -------------------------------------------------------------------------------------------------------

__attribute__((noinline)) static void lose_block(int number) {
  size_t size = 24 + (size_t)number * 7 % 5000;
  void *block = malloc(size);
  memset(block, 0x41, size);
  truth_add(block, TRUTH_LEAKED, "single block");
}

__attribute__((noinline)) static void lose_chain(int number) {
  struct link *last = NULL;
  for (int index = 0; index < 5 + number % 3; index++) {
    struct link *link = calloc(1, sizeof *link);
    link->next = last;
    truth_add(link, TRUTH_LEAKED, "chain");
    last = link;
  }
}

__attribute__((noinline)) static void lose_cycle(int number) {
  struct link *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
  *first = (struct link){.next = second, .previous = second};
  *second = (struct link){.next = first, .previous = first};
  second->payload[0] = (char)number;
  truth_add(first, TRUTH_LEAKED, "cycle");
  truth_add(second, TRUTH_LEAKED, "cycle");
}

__attribute__((noinline)) static void lose_packed(int number) {
  struct record *last = NULL;
  for (int index = 0; index < 3 + number % 3; index++) {
    struct record *record = calloc(1, sizeof *record);
    *record = (struct record){.kind = 1, .next = last, .payload = calloc(1, 40)};
    truth_add(record, TRUTH_LEAKED, "packed chain");
    truth_add(record->payload, TRUTH_LEAKED, "payload of a packed chain");
    last = record;
  }
}

// Larger than the mmap threshold: chunks of their own mapping.
__attribute__((noinline)) static void lose_large(int number) {
  void *block = malloc((1 << 20) + (size_t)number * 4096);
  memset(block, 1, 4096);
  truth_add(block, TRUTH_LEAKED, "large block");
}

// ---- healthy -----------------------------------------------------------------------------------------------------

static struct link *global_list;
static void **global_table;
static struct record packed_globals[3];
static struct record *packed_pool;
static char *interior;
static volatile uintptr_t tagged;
static void *volatile large[4];
static void *aligned[4];
static __thread struct link *thread_list;
static __thread volatile char thread_room[4096];
static pthread_key_t key;
static pthread_barrier_t ready;
// Never set, but the compiler cannot know: what a thread holds must stay in its frame.
static volatile int stop;

static void *hold(size_t size, const char *kind) {
  void *block = calloc(1, size);
  truth_add(block, TRUTH_HEALTHY, kind);
  return block;
}

__attribute__((noinline)) static void hold_globals(int count) {
  global_table = hold((size_t)count * sizeof *global_table, "table");
  for (int index = 0; index < count; index++) {
    struct link *link = hold(sizeof *link, "list");
    link->next = global_list;
    global_list = link;
    global_table[index] = hold(16 + (size_t)index % 2000, "block in a table");
  }
  interior = (char *)hold(10000, "interior pointer") + 5000;
  *(void **)(void *)(interior + 1000) = (char *)hold(64, "interior pointer in a block") + 8;
  tagged = (uintptr_t)hold(128, "tagged pointer") | 5;
  for (int index = 0; index < 4; index++) {
    large[index] = hold((2u << 20) + (size_t)index * 12288, "large block");
    if (posix_memalign(&aligned[index], 4096u << index, (300u << 10) + 1) != 0) abort();
    truth_add(aligned[index], TRUTH_HEALTHY, "large aligned block");
  }
}

__attribute__((noinline)) static void hold_packed(int count) {
  for (int index = 0; index < 3; index++) packed_globals[index].payload = hold(48, "packed global");
  // Larger than what is read at once.
  packed_pool = hold((size_t)(count + 100000) * sizeof *packed_pool, "packed pool");
  for (int index = 0; index < count; index++) {
    struct record *record = hold(sizeof *record, "packed list");
    record->next = packed_pool[0].next;
    packed_pool[0].next = record;
    packed_pool[index + 99000].payload = hold(56, "block of a packed pool");
  }
}

// What the program got by mmap itself is no heap, but it can hold pointers into it.
__attribute__((noinline)) static void hold_in_mapping(void) {
  void **mapping = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) abort();
  mapping[77777] = hold(200, "pointer in a mapping");
}

// Initialised data, on pages of its own: a program may protect what it does not write any more.
static struct { void *words[1024]; } __attribute__((aligned(4096))) protected = {{(void *)1}};

__attribute__((noinline)) static void hold_in_protected_data(void) {
  protected.words[333] = hold(90, "pointer in protected data");
  if (mprotect(&protected, sizeof protected, PROT_READ) != 0) abort();
}

static void *thread_main(void *argument) {
  volatile void *on_stack[64] = {0};
  on_stack[33] = hold(300, "stack");
  thread_list = hold(sizeof *thread_list, "thread-local variable");
  *(void *volatile *)(void *)(thread_room + 2048) = hold(40, "thread-local array");
  pthread_setspecific(key, hold(60, "thread-specific value"));
  void *register_only = hold(70, "register or stack");
  // The heap of this thread's arena, with holes.
  for (int index = 0; index < 200; index++) {
    void *block = malloc(50 + (size_t)index * 13);
    if (index % 2) free(block);
    else {
      *(void **)block = thread_list->next;
      thread_list->next = block;
      truth_add(block, TRUTH_HEALTHY, "list of a thread");
    }
  }
  truth_scrub();
  pthread_barrier_wait(&ready);
  while (!stop) pause();
  free((void *)on_stack[33]);
  free(register_only);
  return argument;
}

int main(int count, char **arguments) {
  const char *what = count > 2 ? arguments[2] : "all";
  int blocks = count > 3 ? atoi(arguments[3]) : 200;
  if (count < 2) {
    fputs("usage: cleak TRUTHFILE [leaks | healthy | all] [COUNT]\n", stderr);
    return 64;
  }
  truth_open(arguments[1]);
  if (strcmp(what, "healthy") != 0) {
    for (int index = 0; index < blocks; index++) {
      lose_block(index);
      lose_chain(index);
      lose_cycle(index);
      lose_packed(index);
      if (index % 50 == 0) lose_large(index);
      truth_scrub();
    }
  }
  if (strcmp(what, "leaks") != 0) {
    pthread_key_create(&key, NULL);
    pthread_barrier_init(&ready, NULL, 5);
    hold_globals(blocks);
    hold_packed(blocks);
    hold_in_mapping();
    hold_in_protected_data();
    for (int index = 0; index < 4; index++) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, thread_main, NULL) != 0) abort();
    }
    pthread_barrier_wait(&ready);
    usleep(50000);
  }
  truth_scrub();
  printf("READY pid %d blocks %d\n", (int)getpid(), truth_count());
  fflush(stdout);
  for (;;) pause();
}
