// Time is counted in ticks of the processor, which cost no system call anywhere. Two readings of both clocks let the reader convert.
#include "internal.h"

#include <time.h>

/// Ticks between two renewals: about a second, less at first, so that a process that dies young has a second reading too.
#define RENEW_AFTER (UINT64_C(1) << 31)
#define RENEW_FIRST (UINT64_C(1) << 20)

static bool clock_is_cheap;

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time)) return 0;
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void renew(uint64_t old) {
  struct memwhy_header *header = memwhy.header;
  if ((old & 1) || !atomic_compare_exchange_strong((_Atomic uint64_t *)&header->pair_version, &old, old + 1)) return;
  atomic_thread_fence(memory_order_release);
  memwhy_store(&header->pair_ticks, memwhy_ticks());
  memwhy_store(&header->pair_nanoseconds, nanoseconds(CLOCK_MONOTONIC));
  atomic_store_explicit((_Atomic uint64_t *)&header->pair_version, old + 2, memory_order_release);
}

void memwhy_clock_prepare(void) {
  struct memwhy_header *header = memwhy.header;
  header->start_realtime = nanoseconds(CLOCK_REALTIME);
  header->start_ticks = memwhy_ticks();
  header->start_nanoseconds = nanoseconds(CLOCK_MONOTONIC);
  // Where the kernel cannot serve the clock without a system call, it is left alone later: calls may be forbidden by then.
  uint64_t least = UINT64_MAX;
  for (int turn = 0; turn < 8; turn++) {
    uint64_t before = memwhy_ticks();
    nanoseconds(CLOCK_MONOTONIC);
    uint64_t taken = memwhy_ticks() - before;
    if (taken < least) least = taken;
  }
  uint64_t call = UINT64_MAX;
  for (int turn = 0; turn < 8; turn++) {
    struct timespec time;
    uint64_t before = memwhy_ticks();
    clock_getres(CLOCK_THREAD_CPUTIME_ID, &time);  // never served without a system call
    uint64_t taken = memwhy_ticks() - before;
    if (taken < call) call = taken;
  }
  clock_is_cheap = least * 3 < call * 2;
  renew(header->pair_version);
}

void memwhy_clock_look(uint64_t ticks) {
  uint64_t last = memwhy_load(&memwhy.header->pair_ticks), wait = (last - memwhy.header->start_ticks) / 2 + RENEW_FIRST;
  if (!clock_is_cheap || ticks - last < (wait < RENEW_AFTER ? wait : RENEW_AFTER)) return;
  renew(memwhy_load(&memwhy.header->pair_version));
}

void memwhy_clock_renew(void) { renew(memwhy_load(&memwhy.header->pair_version)); }
