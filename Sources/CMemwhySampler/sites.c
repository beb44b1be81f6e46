// The stacks that allocated, each once, with their sums. Open addressing by a 64-bit hash; a site never moves and is never dropped.
#include "internal.h"

#include <string.h>

#include "numbers.h"

#define LONGEST_PROBE 256

/// Writes a new site's stack. False where there is no room for its frames.
static bool fill(struct memwhy_site *site, const struct stack *stack) {
  uint64_t first = memwhy_count(&memwhy.header->frames_used, stack->depth);
  bool has_room = first + stack->depth <= memwhy.frame_count;
  if (has_room) {
    for (uint32_t frame = 0; frame < stack->depth; frame++) {
      atomic_store_explicit(&memwhy.frames[first + frame], stack->frames[frame], memory_order_relaxed);
    }
    site->frames = (uint32_t)first;
    site->depth = (uint8_t)stack->depth;
    site->async_from = (uint8_t)stack->async_from;
    site->flags = (uint16_t)stack->flags;
  }
  atomic_store_explicit((_Atomic uint32_t *)&site->state, 1, memory_order_release);
  return has_room;
}

/// A stack that was not seen before may run through a module that was not seen before.
static void look_at_modules(const struct stack *stack) {
  bool is_stale = atomic_load_explicit(&memwhy_modules_stale, memory_order_relaxed);
  for (uint32_t frame = 0; frame < stack->depth && !is_stale; frame++) {
    is_stale = memwhy_code_kind(stack->frames[frame]) == CODE_UNKNOWN;
  }
  if (is_stale) memwhy_modules_refresh();
}

uint32_t memwhy_site_find(const struct stack *stack) {
  if (stack->depth == 0) return MEMWHY_SITE_UNKNOWN;
  uint64_t at = stack->hash;
  for (int probe = 0; probe < LONGEST_PROBE; probe++, at++) {
    uint32_t index = (uint32_t)(at & memwhy.site_mask);
    if (index <= MEMWHY_SITE_UNKNOWN) continue;
    struct memwhy_site *site = &memwhy.sites[index];
    uint64_t hash = memwhy_load(&site->hash);
    if (hash == stack->hash) return index;
    if (hash != 0) continue;
    if (memwhy_load(&memwhy.header->sites_used) >= memwhy.site_mask / 8 * 7 ||
        memwhy_load(&memwhy.header->frames_used) + stack->depth > memwhy.frame_count) {
      return MEMWHY_SITE_OVERFLOW;
    }
    if (atomic_compare_exchange_strong((_Atomic uint64_t *)&site->hash, &hash, stack->hash)) {
      memwhy_count(&memwhy.header->sites_used, 1);
      fill(site, stack);
      look_at_modules(stack);
      return index;
    }
    if (hash == stack->hash) return index;
  }
  return MEMWHY_SITE_OVERFLOW;
}

// Many threads may write one site at once, so no lock and no single version: each counts an update as begun before and as ended after
// it. A reader that finds as many ended before as begun after it has read a whole state.
static void begin(struct memwhy_site *site) {
  atomic_fetch_add_explicit((_Atomic uint64_t *)&site->begun, 1, memory_order_acq_rel);
  atomic_thread_fence(memory_order_release);
}

static void end(struct memwhy_site *site) {
  atomic_fetch_add_explicit((_Atomic uint64_t *)&site->ended, 1, memory_order_release);
}

/// Keeps the value that all samples of a site have, or that they have several.
static void keep_only(uint16_t *place, uint16_t value, bool is_first) {
  _Atomic uint16_t *only = (_Atomic uint16_t *)place;
  uint16_t seen = atomic_load_explicit(only, memory_order_relaxed);
  if (seen == value || seen == MEMWHY_SEVERAL) return;
  atomic_store_explicit(only, is_first ? value : MEMWHY_SEVERAL, memory_order_relaxed);
}

void memwhy_site_allocated(uint32_t index, const struct memwhy_block *content) {
  struct memwhy_site *site = &memwhy.sites[index];
  double chance = memwhy_chance(content->size, content->interval), weight = 1 / chance, bytes = (double)content->size;
  begin(site);
  bool is_first = site->samples == 0;
  keep_only(&site->thread, content->thread, is_first);
  keep_only(&site->task, content->task, is_first);
  memwhy_add(&site->allocated_count, weight);
  memwhy_add(&site->allocated_bytes, weight * bytes);
  if (chance < 1) {
    // Horvitz, Thompson 1952: (1 - p) / p^2 * y^2 is an unbiased estimate of the variance that a sample adds.
    double variance = (1 - chance) * weight * weight;
    memwhy_add(&site->count_variance, variance);
    memwhy_add(&site->bytes_variance, variance * bytes * bytes);
  }
  atomic_fetch_add_explicit((_Atomic uint32_t *)&site->samples, 1, memory_order_relaxed);
  end(site);
  memwhy_add(&memwhy.header->allocated_bytes, weight * bytes);
}

/// By powers of ten: below 10 ms, 100 ms, 1 s, 10 s, 100 s, and above.
static uint32_t age_class(uint64_t age) {
  uint32_t class = 0;
  for (uint64_t bound = 10000000; class < MEMWHY_AGE_CLASSES - 1 && age >= bound; bound *= 10) class++;
  return class;
}

void memwhy_site_freed(uint32_t index, uint64_t size, uint64_t interval, uint64_t age) {
  struct memwhy_site *site = &memwhy.sites[index];
  double weight = 1 / memwhy_chance(size, interval), bytes = (double)size;
  begin(site);
  memwhy_add(&site->freed_count, weight);
  memwhy_add(&site->freed_bytes, weight * bytes);
  memwhy_add(&site->freed_age, weight * (double)age);
  atomic_fetch_add_explicit((_Atomic uint32_t *)&site->freed_samples, 1, memory_order_relaxed);
  atomic_fetch_add_explicit((_Atomic uint32_t *)&site->ages[age_class(age)], 1, memory_order_relaxed);
  end(site);
  memwhy_add(&memwhy.header->freed_bytes, weight * bytes);
}
