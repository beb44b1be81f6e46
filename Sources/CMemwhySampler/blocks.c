// The sampled blocks that live: an exact set of addresses without locks, and in front of it a filter without false negatives.
//
// The set is a hash table of buckets. A block lies in one of two buckets, the emptier one when it came (Azar, Broder, Karlin, Upfal,
// "Balanced allocations", 1999), and is looked for in all places of both: no chains, no tombstones, nothing ever moves. A key
// holds a generation beside the address, so that a reader sees when a place was given to another block meanwhile.
#include "internal.h"
#include "numbers.h"

_Atomic uint8_t memwhy_filter[1 << FILTER_BITS];

void memwhy_filter_mark(const void *block) {
  _Atomic uint8_t *cell = &memwhy_filter[memwhy_filter_index(block)];
  uint8_t old = atomic_load_explicit(cell, memory_order_relaxed);
  // A full cell stays full for good: it then only costs time.
  while (old != UINT8_MAX && !atomic_compare_exchange_weak(cell, &old, (uint8_t)(old + 1))) continue;
}

void memwhy_filter_mark_for_good(const void *block) {
  atomic_store_explicit(&memwhy_filter[memwhy_filter_index(block)], UINT8_MAX, memory_order_relaxed);
}

static void filter_unmark(const void *block) {
  _Atomic uint8_t *cell = &memwhy_filter[memwhy_filter_index(block)];
  uint8_t old = atomic_load_explicit(cell, memory_order_relaxed);
  while (old != UINT8_MAX && old != 0 && !atomic_compare_exchange_weak(cell, &old, (uint8_t)(old - 1))) continue;
}

/// One thread at a time makes room.
static _Atomic bool is_thinning;

void memwhy_blocks_forget(void) {
  // The thread that made room when the process forked is not in the child.
  atomic_store(&is_thinning, false);
  for (uint32_t cell = 0; cell < 1u << FILTER_BITS; cell++) {
    uint8_t count = atomic_load_explicit(&memwhy_filter[cell], memory_order_relaxed);
    // Pages that are still all zero are not touched: parent and child share them. Full cells may be those of blocks that must never be freed.
    if (count != 0 && count != UINT8_MAX) atomic_store_explicit(&memwhy_filter[cell], 0, memory_order_relaxed);
  }
}

#define GENERATION_MASK ((UINT64_C(1) << MEMWHY_KEY_GENERATION_BITS) - 1)
static uint64_t address_of(uint64_t key) { return key >> MEMWHY_KEY_GENERATION_BITS; }

struct buckets {
  uint64_t first, second;  // index of their first place
};

static struct buckets buckets_of(uint64_t address) {
  uint64_t hash = memwhy_mix(address);
  return (struct buckets){
    .first = (hash & memwhy.bucket_mask) * MEMWHY_BLOCK_BUCKET,
    .second = ((hash >> 32) & memwhy.bucket_mask) * MEMWHY_BLOCK_BUCKET,
  };
}

static uint32_t used_places(uint64_t bucket) {
  uint32_t used = 0;
  for (uint64_t place = bucket; place < bucket + MEMWHY_BLOCK_BUCKET; place++) {
    used += address_of(atomic_load_explicit(&memwhy.keys[place], memory_order_relaxed)) != 0;
  }
  return used;
}

static bool insert_into(uint64_t bucket, uint64_t address, const struct memwhy_block *content) {
  for (uint64_t place = bucket; place < bucket + MEMWHY_BLOCK_BUCKET; place++) {
    uint64_t key = atomic_load_explicit(&memwhy.keys[place], memory_order_relaxed);
    if (address_of(key) != 0) continue;
    uint64_t generation = (key + 1) & GENERATION_MASK;
    uint64_t writing = (uint64_t)MEMWHY_KEY_WRITING << MEMWHY_KEY_GENERATION_BITS | generation;
    if (!atomic_compare_exchange_strong(&memwhy.keys[place], &key, writing)) continue;
    atomic_thread_fence(memory_order_release);
    struct memwhy_block *target = &memwhy.blocks[place];
    memwhy_store(&target->time, content->time);
    memwhy_store(&target->size, content->size);
    memwhy_store(&target->interval, content->interval);
    target->site = content->site;
    target->thread = content->thread;
    target->task = content->task;
    atomic_store_explicit(
      &memwhy.keys[place], address << MEMWHY_KEY_GENERATION_BITS | generation, memory_order_release);
    return true;
  }
  return false;
}

bool memwhy_block_insert(const void *block, const struct memwhy_block *content) {
  uint64_t address = (uint64_t)(uintptr_t)block >> 3;
  struct buckets at = buckets_of(address);
  memwhy_filter_mark(block);
  bool second_is_emptier = used_places(at.second) < used_places(at.first);
  uint64_t first = second_is_emptier ? at.second : at.first;
  uint64_t second = second_is_emptier ? at.first : at.second;
  if (insert_into(first, address, content) || insert_into(second, address, content)) return true;
  filter_unmark(block);
  return false;
}

/// Reads the block at `place`, whose key is `key`, and takes it out unless somebody was faster.
static bool take(uint64_t place, uint64_t key, struct memwhy_block *content) {
  const struct memwhy_block *source = &memwhy.blocks[place];
  content->time = memwhy_load(&source->time);
  content->size = memwhy_load(&source->size);
  content->interval = memwhy_load(&source->interval);
  content->site = source->site;
  content->thread = source->thread;
  content->task = source->task;
  if (!atomic_compare_exchange_strong(&memwhy.keys[place], &key, key & GENERATION_MASK)) return false;
  filter_unmark((const void *)(uintptr_t)(address_of(key) << 3));
  return true;
}

bool memwhy_block_remove(const void *block, struct memwhy_block *content) {
  uint64_t address = (uint64_t)(uintptr_t)block >> 3;
  struct buckets at = buckets_of(address);
  for (int turn = 0; turn < 2; turn++) {
    uint64_t bucket = turn == 0 ? at.first : at.second;
    for (uint64_t place = bucket; place < bucket + MEMWHY_BLOCK_BUCKET; place++) {
      uint64_t key = atomic_load_explicit(&memwhy.keys[place], memory_order_acquire);
      if (address_of(key) == address) return take(place, key, content);
    }
  }
  return false;
}

/// Calls `body` for each block that lives; `key` and `place` identify it.
#define EACH_BLOCK(place, key)                                                                    \
  for (uint64_t place = 0; place < (memwhy.bucket_mask + 1) * MEMWHY_BLOCK_BUCKET; place++)       \
    for (uint64_t key = atomic_load_explicit(&memwhy.keys[place], memory_order_acquire), once = 1; \
         once && address_of(key) != 0 && address_of(key) != MEMWHY_KEY_WRITING; once = 0)

/// A block that was taken with the chance p stays with the chance p'/p, where p' is what the new interval gives it. Each block is then
/// in the table with the chance p', independently of the others, and 1/p' is its weight: estimates stay unbiased.
static void thin_to(uint64_t interval, uint64_t *random) {
  EACH_BLOCK(place, key) {
    struct memwhy_block *block = &memwhy.blocks[place];
    uint64_t size = memwhy_load(&block->size), old = memwhy_load(&block->interval);
    if (old >= interval) continue;
    double stays = memwhy_chance(size, interval) / memwhy_chance(size, old);
    struct memwhy_block content;
    if (memwhy_uniform(random) <= stays) {
      memwhy_store(&block->interval, interval);
    } else if (take(place, key, &content)) {
      memwhy_count(&memwhy.header->live_blocks, (uint64_t)-1);
    }
  }
}

void memwhy_blocks_thin(void) {
  if (atomic_exchange(&is_thinning, true)) return;
  // Sizes by power of two are enough to see which interval leaves half of the blocks.
  uint64_t counts[48] = {0}, all = 0, interval = memwhy_clamped_interval(memwhy_load(&memwhy.header->interval));
  EACH_BLOCK(place, key) {
    uint64_t size = memwhy_load(&memwhy.blocks[place].size) | 1;
    uint32_t power = 63 - (uint32_t)__builtin_clzll(size);
    counts[power < 47 ? power : 47]++;
    all++;
  }
  double stay = (double)all;
  while (stay > (double)all / 2 && interval < LARGEST_INTERVAL) {
    interval *= 2;
    stay = 0;
    for (uint32_t power = 0; power < 48; power++) {
      stay += (double)counts[power] * memwhy_chance(UINT64_C(3) << power >> 1, interval);
    }
  }
  if (interval > memwhy_load(&memwhy.header->interval)) memwhy_store(&memwhy.header->interval, interval);
  uint64_t random = memwhy_mix(memwhy_now() + all) | 1;
  thin_to(interval, &random);
  memwhy_count(&memwhy.header->thinnings, 1);
  atomic_store(&is_thinning, false);
}
