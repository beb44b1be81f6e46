// What the files of the sampler share. Nothing of it is visible outside the library.
#ifndef MEMWHY_INTERNAL_H
#define MEMWHY_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "memwhy_table.h"

#pragma GCC visibility push(hidden)
// All code of the sampler lies together, so that its own frames can be told from others, linked in or preloaded.
#pragma clang section text = "memwhy_text"
extern const char __start_memwhy_text[], __stop_memwhy_text[];
static inline bool memwhy_is_own(uintptr_t address) {
  return address >= (uintptr_t)__start_memwhy_text && address <= (uintptr_t)__stop_memwhy_text;
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT __attribute__((visibility("default")))
// Reached without a call through the dynamic loader, which may allocate.
#define THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

#if defined(__has_feature)
#define MEMWHY_SANITIZED \
  (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer))
#else
#define MEMWHY_SANITIZED 0
#endif

#define MOST_FRAMES 96
#define MOST_ASYNC_FRAMES 32

// The allocator below: found by real.c.
struct real_allocator {
  void *(*malloc)(size_t);
  void (*free)(void *);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void *(*memalign)(size_t, size_t);
  void *(*aligned_alloc)(size_t, size_t);
  int (*posix_memalign)(void **, size_t, size_t);
  void *(*valloc)(size_t);
  void *(*pvalloc)(size_t);
};
extern struct real_allocator memwhy_real;
/// Finds the allocator below; idempotent.
void memwhy_find_allocator(void);
/// Whether `block` was given out while the allocator below was not yet known; it is never freed.
bool memwhy_is_bootstrap(const void *block);
/// Copies such a block into one of `size` bytes that takes its place.
void memwhy_bootstrap_copy(void *to, const void *block, size_t size);

// A thread's state. All of it is plain data: nothing has to happen when a thread ends.
struct thread_state {
  uint64_t interval;     // that the countdown was drawn with
  int64_t debt;          // bytes of the countdown beyond the next look at the interval
  uint64_t random;
  uintptr_t stack_low, stack_high;
  uintptr_t busy;        // frame address of the slow path that runs, 0 for none
  uint32_t thread_index; // in the table, + 1
};
extern THREAD_LOCAL struct thread_state memwhy_thread;
/// Bytes by which an allocation of `size` brings the countdown on: one more, so that empty blocks count. Sizes of 2^48 bytes and more fail anyway, and are
/// cut so that they cannot stop the countdown.
static inline int64_t memwhy_counted(uint64_t size) { return (int64_t)((size << 16) >> 16) + 1; }
/// Bytes until the next sample; below zero, the allocation at hand has to be looked at.
extern THREAD_LOCAL int64_t memwhy_countdown;

// One process' view of the table.
struct sampler {
  _Atomic bool is_active;          // a table is mapped, and this process is its owner
  unsigned char *base;
  struct memwhy_header *header;
  struct memwhy_module *modules;
  struct memwhy_thread *threads;
  struct memwhy_task_name *task_names;
  struct memwhy_growth *growths;
  struct memwhy_site *sites;
  _Atomic uint64_t *keys;
  struct memwhy_block *blocks;
  _Atomic uint64_t *frames;
  uint64_t site_mask, bucket_mask, frame_count, task_name_mask;
  uint64_t live_limit;
  /// A page that the kernel clears in a forked child: 0 there, 1 in the owner of the table.
  _Atomic uint64_t *ownership;
};
extern struct sampler memwhy;

/// Whether the table may be written by this process.
static inline bool memwhy_owns_table(void) {
  return atomic_load_explicit(&memwhy.is_active, memory_order_acquire) &&
    atomic_load_explicit(memwhy.ownership, memory_order_relaxed) == 1;
}

/// Nanoseconds of the coarse clock, which the kernel keeps in a page of the process: no system call whatever the machine's clock is,
/// and no tick counter, which strict seccomp makes a fault.
static inline uint64_t memwhy_now(void) {
  struct timespec time;
  if (clock_gettime(CLOCK_MONOTONIC_COARSE, &time)) return 0;
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/// Adds to a double that is kept as its bits. Lock-free.
static inline void memwhy_add(uint64_t *place, double amount) {
  _Atomic uint64_t *target = (_Atomic uint64_t *)place;
  uint64_t old = atomic_load_explicit(target, memory_order_relaxed);
  for (;;) {
    double value;
    __builtin_memcpy(&value, &old, 8);
    value += amount;
    uint64_t bits;
    __builtin_memcpy(&bits, &value, 8);
    if (atomic_compare_exchange_weak_explicit(target, &old, bits, memory_order_relaxed, memory_order_relaxed)) return;
  }
}

static inline uint64_t memwhy_count(uint64_t *place, uint64_t amount) {
  return atomic_fetch_add_explicit((_Atomic uint64_t *)place, amount, memory_order_relaxed);
}

static inline uint64_t memwhy_load(const uint64_t *place) {
  return atomic_load_explicit((const _Atomic uint64_t *)place, memory_order_relaxed);
}

static inline void memwhy_store(uint64_t *place, uint64_t value) {
  atomic_store_explicit((_Atomic uint64_t *)place, value, memory_order_relaxed);
}

/// Modules in the table, those that have been unloaded among them. A small table has room for fewer than MEMWHY_MODULES.
static inline uint64_t memwhy_module_count(void) {
  uint64_t used = memwhy_load(&memwhy.header->modules_used), room = memwhy.header->modules.count;
  return used < room ? used : room;
}

// stack.c: the stack of an allocation.
struct stack {
  uint32_t depth;
  uint32_t async_from;
  uint32_t flags;
  uint64_t hash;
  const void *task;  // that was current, NULL for none
  uintptr_t frames[MOST_FRAMES + MOST_ASYNC_FRAMES];
};
void memwhy_stack_take(struct stack *stack, uintptr_t frame);

// bounds.c: what glibc knows of a thread, without asking the kernel.
void memwhy_bounds_prepare(void);
/// The end of the part of the current stack, from `frame` on, that is certainly mapped.
uintptr_t memwhy_stack_end(uintptr_t frame);
int memwhy_thread_id(void);

/// Whether a word can be the address of one of the runtime's objects at all: aligned, in the half of addresses that programs have.
static inline bool memwhy_can_be_object(uintptr_t address) {
  return address >= 1 << 16 && address < UINT64_C(1) << 47 && !(address & 7);
}

// unwinder.c: the slow way, for code without frame pointers.
void memwhy_unwinder_prepare(bool is_needed);
/// From now on the unwinder is used only where it takes no lock of the loader.
void memwhy_unwinder_avoid_locks(void);
/// All stacks are taken by it: wished for, to compare.
extern bool memwhy_unwinder_only;
uint32_t memwhy_unwind(uintptr_t *frames, uint32_t most);
/// Whether `address` lies in the unwinder's own code. It sorts the tables of code that was made at run time under its lock, in memory
/// from malloc: there it must not be called.
bool memwhy_is_unwinder(uintptr_t address);

// async.c
struct async_rule {
  uintptr_t start, end;  // of the function under which an async function's frame lies; 0 where it is not known
  uintptr_t module_start, module_end;  // of the runtime's own code
  void *(*current_task)(void);
  // What the runtime says of its tasks, for debuggers; NULL where it does not.
  bool has_task_names;
  const size_t *task_size;
  const uint32_t *layout_version;
};
extern struct async_rule memwhy_async;
void memwhy_async_prepare(void);
/// The resume functions of the callers that wait, from the frame of an async function outwards; how many.
uint32_t memwhy_async_chain(uintptr_t frame, uintptr_t *functions, uint32_t most);

// tasknames.c
void memwhy_task_names_prepare(void);
/// Index of the name of the current task, which is `task`; 0 for none.
uint16_t memwhy_task_name(const void *task);

// modules.c
/// Reads the list of modules again if the loader has changed it. Takes the loader's lock for a moment.
void memwhy_modules_refresh(void);
/// The table is new: the list has to be written to it again.
void memwhy_modules_forget(void);
/// In a forked child, whose table is new: what its parent knew of the modules is copied, without asking the loader. Whether that may be asked later on: a
/// thread that the fork left behind may hold the loader's lock for ever.
void memwhy_modules_inherit(const struct memwhy_header *parent, bool is_loader_free);
/// What kind of code lies at an address.
enum code_kind {
  CODE_UNKNOWN = 0,        // no module's text
  CODE_WITH_FRAMES = 1,    // keeps frame pointers
  CODE_WITHOUT_FRAMES = 2,
  CODE_OF_LIBC = 3,        // keeps none, but stands at the end of most stacks
};
enum code_kind memwhy_code_kind(uintptr_t address);
/// Changes with the list.
extern _Atomic uint32_t memwhy_modules_generation;
/// Set before dlclose: the list is read again with the next new stack.
extern _Atomic bool memwhy_modules_stale;

// framepointers.c: the share of functions that keep a frame pointer, by the unwind tables, in percent; -1 where it cannot be told.
int memwhy_frame_pointer_share(const void *frame_header, uintptr_t text_start, uintptr_t text_end, uint32_t most);

// sites.c
uint32_t memwhy_site_find(const struct stack *stack);
void memwhy_site_allocated(uint32_t site, const struct memwhy_block *content);
void memwhy_site_freed(uint32_t site, uint64_t size, uint64_t interval, uint64_t age);

// blocks.c: sampled blocks that live, found exactly.
#define FILTER_BITS 18
extern _Atomic uint8_t memwhy_filter[1 << FILTER_BITS];
/// Where a block counts in the filter. Neighbours share cache lines; the high bits keep mappings apart, whose low ones are equal.
static inline uint32_t memwhy_filter_index(const void *block) {
  uintptr_t address = (uintptr_t)block;
  return (uint32_t)((address >> 4) ^ (address >> 22)) & ((1u << FILTER_BITS) - 1);
}
/// False is certain; true means that the blocks have to be looked through.
static inline bool memwhy_may_be_sampled(const void *block) {
  return atomic_load_explicit(&memwhy_filter[memwhy_filter_index(block)], memory_order_relaxed) != 0;
}
void memwhy_filter_mark(const void *block);
/// The block counts there until the process ends, in its forked children too.
void memwhy_filter_mark_for_good(const void *block);
bool memwhy_block_insert(const void *block, const struct memwhy_block *content);
bool memwhy_block_remove(const void *block, struct memwhy_block *content);
/// Makes room: raises the interval and drops blocks so that those that stay are what the new interval would have taken.
void memwhy_blocks_thin(void);
/// In a forked child: none of its blocks is sampled, and nobody makes room.
void memwhy_blocks_forget(void);

// growth.c
/// In a forked child: its table begins with nothing in use.
void memwhy_growth_forget(void);
/// Notes the steps that an allocation of `size` bytes has made.
void memwhy_growth_look(uint64_t size, uint32_t site, uint16_t thread);

// sample.c
extern uint64_t memwhy_seed;
#define LARGEST_INTERVAL (UINT64_C(1) << 40)
static inline uint64_t memwhy_clamped_interval(uint64_t interval) {
  return interval < 1 ? 1 : interval > LARGEST_INTERVAL ? LARGEST_INTERVAL : interval;
}

// sample.c, for interpose.c. The allocation has run into the countdown: takes it into the table if it is its turn. `frame` is the
// frame address of the slow path, whose return address is the program's.
void memwhy_sampled_allocation(void *block, uint64_t size, uintptr_t frame);
/// A block is about to be freed.
void memwhy_sampled_free(void *block);
/// The same in two steps, for realloc, which may fail: out of the table, and back or counted.
bool memwhy_take_out(void *block, struct memwhy_block *content);
void memwhy_put_back(void *block, const struct memwhy_block *content);
void memwhy_count_freed(const struct memwhy_block *content);
/// Our malloc, whatever the name means elsewhere.
void *(*memwhy_own_malloc(void))(size_t);

// table.c
/// Lays the table out in `base`, which is all zero, and makes it this process'.
void memwhy_table_lay_out(unsigned char *base, uint64_t size, uint64_t interval);

// start.c
/// A new file, all of whose room is reserved: a full disk shows now, not as SIGBUS later. -1 with errno where it cannot be had.
int memwhy_make_file(const char *path, uint64_t size);

// followed.c: tables of the processes that this one starts.
/// They get tables beside this one; nothing where the path is NULL or too long.
void memwhy_follow(const char *path, uint64_t size);
bool memwhy_follows(void);
/// A new table for this process, -1 where there is no room for more.
int memwhy_followed_table(void);
/// At the end of the process: a table without a sample goes.
void memwhy_followed_end(void);

// environment.c: what `memwhy run` wants, and how it is kept from the program's children.
struct wishes {
  int descriptor;          // of the table, -1 for none
  const char *table;       // path of a table to make, NULL for none
  const char *target;      // name or path of the program to sample, NULL for the first
  const char *follow;      // children get tables of their own at this path and their id, NULL for none
  uint64_t interval, seed;
  uint64_t table_size;     // of a table to make
  bool unwinder_only;      // all stacks by the unwinder
};
void memwhy_environment_read(struct wishes *wishes);
/// Takes the sampler's variables out of the environment, and the sampler out of LD_PRELOAD. In place: nothing is allocated.
void memwhy_environment_clean(void);

#pragma GCC visibility pop
#endif
