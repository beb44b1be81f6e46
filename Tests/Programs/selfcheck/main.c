/* A program that checks itself while somebody freezes it: heap, registers, system calls, signals, threads, children.
   usage: selfcheck FILE [heap MiB] [calls] [spawns]   It ends with PASS or FAIL once the word stat_stop is set. */
#define _GNU_SOURCE
#include "statistics.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { counters = 64, page = 4096 };
volatile uint64_t *statistics;
static char *heap;
static size_t heap_size, stride;

uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}
void count(int index) { __atomic_add_fetch(&statistics[index], 1, __ATOMIC_RELAXED); }
void fail(const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (__atomic_add_fetch(&statistics[stat_errors], 1, __ATOMIC_SEQ_CST) == 1)
    memcpy((char *)statistics + stat_message, text, sizeof text);
}
void start(void *(*body)(void *), void *argument) {
  pthread_t thread;
  if (pthread_create(&thread, 0, body, argument)) {
    perror("pthread_create");
    exit(1);
  }
  pthread_detach(thread);
}

/* Shows the longest time that this thread did not run. */
static void *beat(void *argument) {
  uint64_t last = now();
  for (;;) {
    uint64_t time = now();
    if (time - last > statistics[stat_longest_gap]) statistics[stat_longest_gap] = time - last;
    last = time;
    statistics[stat_beats]++;
    usleep(50);
  }
  return argument;
}
/* At any instant the counters never rise along the heap and differ by at most one. */
static void *advance(void *argument) {
  for (uint64_t value = 1;; value++)
    for (int i = 0; i < counters; i++) {
      *(volatile uint64_t *)(heap + i * stride + 64) = value;
      /* Busy half of the time, and at any place of the list: the host has other work, too. */
      if ((value * counters + i) % 50021 == 0) usleep(300);
    }
  return argument;
}
/* Writes pages at random; each holds a number and its complement. */
static void *write_pages(void *argument) {
  uint64_t state = 88172645463325252ull;
  size_t pages = heap_size / page;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      volatile uint64_t *words = (void *)(heap + state % pages * page + 1024);
      uint64_t value = words[0], complement = words[1];
      if (complement != ~value && (value || complement)) fail("page %p holds %lx and %lx", (void *)words, value, complement);
      words[0] = value + 1;
      words[1] = ~(value + 1);
    }
    statistics[stat_writes] += 64;
    usleep(200);
  }
  return argument;
}
static void *spin(void *argument) {
  uint64_t seed = 77;
  struct registers before, after;
  for (;;) {
    fill(&before, &seed);
    before.rax = 300000 + (seed >> 40) % 3000000;
    memset(&after, 0, sizeof after);
    errno = (int)(seed % 100);
    int saved = errno;
    spin_with(&before, &after);
    if (errno != saved) fail("errno changed while spinning");
    if (!(after.carry & 1)) fail("the carry flag was lost");
    if (after.rax) fail("rax is %lx after the loop", after.rax);
    compare(&before, &after, 0, "spin");
    count(stat_checks);
    usleep(800);
  }
  return argument;
}
/* Nobody but us has children, so that a wait for any child must say so. */
static void *wait_for_any(void *argument) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid != -1 || errno != ECHILD) fail("waitpid(-1) returned %d, errno %d", pid, errno);
    count(stat_checks);
    usleep(3000);
  }
  return argument;
}
static void on_child(int signal) {
  (void)signal;
  count(stat_child_signals);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (!__builtin_cpu_supports("avx")) return 77;
  int calls = 0, spawns = 0;
  for (int i = 3; i < argc; i++) {
    calls |= !strcmp(argv[i], "calls");
    spawns |= !strcmp(argv[i], "spawns");
  }
  int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0 || ftruncate(file, stat_size)) return 1;
  statistics = mmap(0, stat_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  heap_size = (argc > 2 ? strtoul(argv[2], 0, 10) : 64) << 20;
  heap = mmap(0, heap_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (statistics == MAP_FAILED || heap == MAP_FAILED) return 1;
  madvise(heap, heap_size, MADV_NOHUGEPAGE);
  for (size_t offset = 0; offset < heap_size; offset += page) *(uint64_t *)(heap + offset) = offset;
  stride = (heap_size / counters) & ~(size_t)(page - 1);
  statistics[stat_heap] = (uint64_t)heap;
  statistics[stat_heap_size] = heap_size;
  statistics[stat_stride] = stride;
  statistics[stat_counters] = counters;

  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGRTMIN + 3);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, 0);
  if (!spawns) {
    struct sigaction action = {.sa_handler = on_child};
    sigaction(SIGCHLD, &action, 0);
    start(wait_for_any, 0);
  }
  start(beat, 0);
  start(advance, 0);
  start(write_pages, 0);
  start(spin, 0);
  start_churn(spawns);
  if (calls) {
    start_calls();
    start_signals();
  }
  statistics[stat_ready] = 1;
  printf("READY\n");
  fflush(stdout);
  while (!statistics[stat_stop]) usleep(5000);
  usleep(400000);
  if (calls && statistics[stat_signals_sent] != statistics[stat_signals_received])
    fail("%lu signals were sent and %lu arrived", statistics[stat_signals_sent], statistics[stat_signals_received]);
  if (!spawns && statistics[stat_child_signals]) fail("SIGCHLD arrived %lu times", statistics[stat_child_signals]);
  printf("%s errors=%lu checks=%lu %s\n", statistics[stat_errors] ? "FAIL" : "PASS", statistics[stat_errors],
         statistics[stat_checks], (char *)statistics + stat_message);
  fflush(stdout);
  _exit(statistics[stat_errors] != 0);
}
