/* Times plain fork() of a heap of touched 4 KiB pages. usage: forks MEBIBYTES TIMES. Prints nanoseconds, one a fork. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(int count, char **arguments) {
  size_t size = (count > 1 ? strtoul(arguments[1], 0, 10) : 256) << 20;
  int times = count > 2 ? atoi(arguments[2]) : 5;
  char *heap = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (heap == MAP_FAILED) return 1;
  madvise(heap, size, MADV_NOHUGEPAGE);
  for (size_t offset = 0; offset < size; offset += 4096) heap[offset] = 1;
  for (int i = 0; i < times; i++) {
    uint64_t start = now();
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) return 1;
    printf("%lu\n", (unsigned long)(now() - start));
    waitpid(child, 0, 0);
  }
  return 0;
}
