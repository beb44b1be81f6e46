// Nanoseconds that a capture takes, at the place from where it is called: less the two readings of the clock around it.
#include "capture.h"

#include <stdlib.h>

#include "CMemwhySampler.h"
#include "internal.h"
#include "timing.h"

int capture_start(void) {
  enum memwhy_start_result result = memwhy_sampler_start(-1, 0, UINT64_C(1) << 40);
  return result == MEMWHY_STARTED || result == MEMWHY_ALREADY_RUNNING ? 0 : (int)result;
}

static double quantile(double *times, int count, double part) {
  sort(times, count);
  return times[(int)((double)(count - 1) * part)];
}

/// The thread follows a new interval within its next MiB.
static void follow(void) {
  void *block = malloc(4 << 20);
  __asm__ volatile("" : : "r"(block) : "memory");
  free(block);
}

/// Malloc and free of 64 bytes.
static double pair(double *times, int rounds) {
  for (int round = 0; round < rounds; round++) {
    double start = now();
    void *block = malloc(64);
    __asm__ volatile("" : : "r"(block) : "memory");
    free(block);
    times[round] = now() - start;
  }
  return quantile(times, rounds, 0.5);
}

__attribute__((noinline)) struct capture capture_here(int rounds) {
  double *times = malloc(sizeof(double) * (size_t)rounds);
  struct capture result = {0};
  if (!times) return result;
  uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
  struct stack stack;
  for (int round = 0; round < rounds; round++) {
    double start = now();
    __asm__ volatile("" : : : "memory");
    times[round] = now() - start;
  }
  double clock = quantile(times, rounds, 0.5);
  for (int round = 0; round < rounds; round++) {
    double start = now();
    memwhy_stack_take(&stack, frame);
    times[round] = now() - start;
  }
  result.stack = quantile(times, rounds, 0.5) - clock;
  result.stack_p99 = quantile(times, rounds, 0.99) - clock;
  result.depth = stack.depth;
  result.async_callers = stack.depth - stack.async_from;
  double silent = pair(times, rounds);
  memwhy_sampler_set_interval(1);
  follow();
  result.sample = pair(times, rounds) - silent;
  memwhy_sampler_set_interval(UINT64_C(1) << 40);
  follow();
  free(times);
  return result;
}
