// The stack at each large step of the heap: who extended it. Looked at with each sample, so that large steps are seen nearly always and
// nothing else is paid for.
#include "internal.h"

/// Steps below this are the allocator's daily bread.
#define LEAST_STEP (UINT64_C(1) << 20)
/// A new mark of memory in use counts when it is this part above the last one.
#define MARK_PART 16

// The C library's own note of the program break: no system call.
extern void *__curbrk __attribute__((weak));

static void record(enum memwhy_growth_kind kind, uint32_t site, uint16_t thread, uint64_t step, uint64_t total) {
  uint64_t index = memwhy_count(&memwhy.header->growths_used, 1);
  struct memwhy_growth *growth = &memwhy.growths[index % MEMWHY_GROWTHS];
  memwhy_store(&growth->sequence, 0);
  atomic_thread_fence(memory_order_release);
  growth->time = memwhy_now();
  growth->kind = kind;
  growth->site = site;
  growth->thread = thread;
  growth->step = step;
  growth->total = total;
  atomic_store_explicit((_Atomic uint64_t *)&growth->sequence, index + 1, memory_order_release);
}

/// Raises `mark` to `value` if that is a step of at least `least`; the step, 0 for none. One of several threads wins.
static uint64_t raise(_Atomic uint64_t *mark, uint64_t value, uint64_t least) {
  uint64_t old = atomic_load_explicit(mark, memory_order_relaxed);
  if (value <= old || value - old < least) return 0;
  return atomic_compare_exchange_strong(mark, &old, value) ? value - old : 0;
}

static uint64_t in_use(void) {
  uint64_t allocated_bits = memwhy_load(&memwhy.header->allocated_bytes);
  uint64_t freed_bits = memwhy_load(&memwhy.header->freed_bytes);
  double allocated, freed;
  __builtin_memcpy(&allocated, &allocated_bits, 8);
  __builtin_memcpy(&freed, &freed_bits, 8);
  double difference = allocated - freed;
  return difference > 0 && difference < 0x1p62 ? (uint64_t)difference : 0;
}

static _Atomic uint64_t program_break, most_in_use;

void memwhy_growth_forget(void) {
  atomic_store(&program_break, 0);
  atomic_store(&most_in_use, 0);
}

void memwhy_growth_look(uint64_t size, uint32_t site, uint16_t thread) {
  if (&__curbrk) {
    uint64_t now = (uint64_t)(uintptr_t)__curbrk, old = atomic_load_explicit(&program_break, memory_order_relaxed);
    // After a shrink the next extension counts from there.
    if (now < old) atomic_compare_exchange_strong(&program_break, &old, now);
    if (old == 0) {
      atomic_compare_exchange_strong(&program_break, &old, now);
    } else {
      uint64_t step = raise(&program_break, now, LEAST_STEP);
      if (step) record(MEMWHY_GROWTH_BREAK, site, thread, step, now);
    }
  }
  uint64_t used = in_use();
  if (size >= LEAST_STEP) record(MEMWHY_GROWTH_MAPPING, site, thread, size, used);
  uint64_t mark = atomic_load_explicit(&most_in_use, memory_order_relaxed);
  uint64_t least = mark / MARK_PART > LEAST_STEP * 4 ? mark / MARK_PART : LEAST_STEP * 4;
  uint64_t step = raise(&most_in_use, used, least);
  if (step) record(MEMWHY_GROWTH_LIVE, site, thread, step, used);
}
