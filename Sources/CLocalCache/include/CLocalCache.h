// What Swift cannot say: a variable of each thread, a barrier that one thread makes for all, and what the included files have.
#ifndef CLOCALCACHE_H
#define CLOCALCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "CLocalCacheHash.h"
#include "CLocalCacheIndex.h"
#include "CLocalCacheTime.h"
#include "CLocalCacheTypes.h"

// The model that needs no call; Darwin has its own.
#if defined(__linux__)
#define LOCALCACHE_TLS __attribute__((tls_model("initial-exec")))
#else
#define LOCALCACHE_TLS
#endif

extern _Thread_local uint32_t localcache_slot_of_this_thread LOCALCACHE_TLS;

/// Where the cell of this thread lies in the cells of any cache: 0, where nobody's cell is, if the thread has asked for none yet or came too late.
extern _Thread_local uint64_t localcache_cell_of_this_thread LOCALCACHE_TLS;

enum { LOCALCACHE_CELL_STRIDE = 128 };

/// Threads that have cells: those of the concurrency pool, of event loops, and some beside. The same at any time.
uint32_t localcache_cells(void);

/// Gives this thread a number, which is free again when the thread ends. Returns what `localcache_thread_slot` returns from then on.
uint32_t localcache_register_thread(void);

/// One more than the number of this thread: numbers are small, and no two living threads have the same. UINT32_MAX if it came too late for one.
static inline uint32_t localcache_thread_slot(void) {
  uint32_t slot = localcache_slot_of_this_thread;
  return __builtin_expect(slot != 0, 1) ? slot : localcache_register_thread();
}

static inline uint64_t localcache_cell_offset(void) { return localcache_cell_of_this_thread; }

extern _Thread_local uint32_t localcache_draws_of_this_thread LOCALCACHE_TLS;

/// A number that does not follow any rhythm of the program, evenly spread over 32 bits: Knuth's multiplicative hash of a count of this thread.
static inline uint32_t localcache_draw(void) {
  uint64_t product = (uint64_t)++localcache_draws_of_this_thread * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)((product ^ product >> 29) * UINT64_C(0xBF58476D1CE4E5B9) >> 32);
}

extern _Thread_local uint64_t localcache_making_of_this_thread LOCALCACHE_TLS;

/// The number of what this thread makes for a cache at present, the innermost; 0 where it makes nothing.
static inline uint64_t localcache_making(void) { return localcache_making_of_this_thread; }
static inline void localcache_set_making(uint64_t number) { localcache_making_of_this_thread = number; }

/// One more than the largest number that was ever given.
uint32_t localcache_thread_slots(void);

extern uint32_t localcache_generation_of_process;

/// 1, and in the child of a fork one more than in the parent.
static inline uint32_t localcache_generation(void) {
  return __atomic_load_n(&localcache_generation_of_process, __ATOMIC_RELAXED);
}

/// Whether this number is of a thread that a fork has left behind in the parent process.
bool localcache_is_lost(uint32_t slot);

/// Whether `localcache_barrier` can be one of all threads of the process.
bool localcache_barrier_reaches_all(void);

/// A full barrier of this thread, and, if it is asymmetric, of all threads of the process (Linux: membarrier(2), PRIVATE_EXPEDITED).
void localcache_barrier(bool isAsymmetric);

/// Keeps the compiler from moving memory accesses across. The processor may; see `localcache_barrier`.
static inline void localcache_compiler_barrier(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

/// Asks for a cache line that will be read soon. Any address will do.
static inline void localcache_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
