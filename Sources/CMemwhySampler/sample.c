// Which allocations are taken, and what happens then.
//
// Sample points lie on the bytes that a thread allocates like a Poisson process: the distances between them are exponential with the
// mean `interval`, here cut to whole bytes, which makes them geometric. Both have no memory, so that a countdown may be drawn
// anew at any point. An allocation with a point in it is taken once, and stands for 1/p allocations, p from memwhy_chance.
#include "internal.h"
#include "numbers.h"

THREAD_LOCAL struct thread_state memwhy_thread;
uint64_t memwhy_seed;

/// Bytes after which a thread looks whether the interval has changed.
#define LOOK_EVERY (INT64_C(1) << 20)

/// Bytes to the next sample point.
static int64_t draw(uint64_t interval) {
  if (interval <= 1) return 0;
  double distance = -memwhy_log(memwhy_uniform(&memwhy_thread.random)) * (double)interval;
  return distance < 0x1p60 ? (int64_t)distance : INT64_C(1) << 60;
}

static void set_countdown(int64_t bytes) {
  memwhy_countdown = bytes < LOOK_EVERY ? bytes : LOOK_EVERY;
  memwhy_thread.debt = bytes - memwhy_countdown;
}

static void seed(void) {
  static _Atomic uint64_t threads;
  uint64_t start = memwhy_seed ? memwhy_seed : memwhy_now() ^ (uint64_t)(uintptr_t)&memwhy_thread;
  memwhy_thread.random = memwhy_mix(start + atomic_fetch_add(&threads, 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

/// Whether the allocation at hand is taken: the interval that it was drawn with, 0 for no. Sets the countdown to the next point.
static uint64_t take_turn(uint64_t size) {
  struct thread_state *thread = &memwhy_thread;
  bool is_running = atomic_load_explicit((_Atomic uint32_t *)&memwhy.header->state, memory_order_relaxed) ==
    MEMWHY_STATE_RUNNING;
  uint64_t interval = memwhy_clamped_interval(memwhy_load(&memwhy.header->interval));
  if (!is_running) {
    thread->interval = 0;
    set_countdown(LOOK_EVERY);
    return 0;
  }
  if (!thread->random) seed();
  int64_t left;
  if (thread->interval == 0 || (thread->debt > 0 && thread->interval != interval)) {
    // The first allocation of this thread, or of a new interval: it begins to count with this one.
    thread->interval = interval;
    left = draw(interval) - memwhy_counted(size);
  } else {
    left = memwhy_countdown + thread->debt;
  }
  if (left >= 0) {
    set_countdown(left);
    return 0;
  }
  uint64_t drawn_with = thread->interval;
  thread->interval = interval;
  set_countdown(draw(interval));
  return drawn_with;
}

/// This thread's record in the table, by its index; 0 stands for all that found no room.
static uint16_t thread_index(uint64_t now) {
  if (memwhy_thread.thread_index == 0) {
    uint64_t index = memwhy_count(&memwhy.header->threads_used, 1);
    if (index >= MEMWHY_THREADS) index = 0;
    if (index > 0) {
      memwhy.threads[index].first = now;
      atomic_store_explicit(
        (_Atomic uint32_t *)&memwhy.threads[index].tid, (uint32_t)memwhy_thread_id(), memory_order_release);
    }
    memwhy_thread.thread_index = (uint32_t)index + 1;
  }
  return (uint16_t)(memwhy_thread.thread_index - 1);
}

static void take(void *block, uint64_t size, uint64_t interval, uintptr_t frame) {
  struct stack stack;
  memwhy_stack_take(&stack, frame);
  uint64_t now = memwhy_now();
  struct memwhy_header *header = memwhy.header;
  struct memwhy_block content = {.time = now, .size = size, .interval = interval, .thread = thread_index(now)};
  content.site = memwhy_site_find(&stack);
  if (stack.task) content.task = memwhy_task_name(stack.task);
  // A block that still stands here was freed behind our back.
  struct memwhy_block stale;
  if (memwhy_may_be_sampled(block) && memwhy_take_out(block, &stale)) memwhy_count(&header->stale_blocks, 1);
  memwhy_count(&header->samples, 1);
  if (content.site == MEMWHY_SITE_OVERFLOW) memwhy_count(&header->lost_sites, 1);
  if (stack.flags & MEMWHY_SITE_FLAG_UNWINDER) memwhy_count(&header->slow_stacks, 1);
  if (stack.async_from < stack.depth) memwhy_count(&header->async_stacks, 1);
  // First the site, then the block: whoever reads in the other order sees no block that the site does not count.
  memwhy_site_allocated(content.site, &content);
  if (memwhy_block_insert(block, &content)) {
    uint64_t live = memwhy_count(&header->live_blocks, 1) + 1;
    if (live > memwhy_load(&header->most_live_blocks)) memwhy_store(&header->most_live_blocks, live);
    if (live > memwhy.live_limit) memwhy_blocks_thin();
  } else {
    memwhy_count(&header->lost_blocks, 1);
  }
  memwhy_growth_look(size, content.site, content.thread);
  memwhy_store(&header->last_nanoseconds, now);
}

void memwhy_sampled_allocation(void *block, uint64_t size, uintptr_t frame) {
  if (unlikely(!memwhy_owns_table())) {
    // Not started, or a forked child.
    memwhy_thread.interval = 0;
    set_countdown(LOOK_EVERY);
    return;
  }
  // A signal handler that interrupted this function on the same stack lies deeper in it. What does not was left by longjmp.
  struct thread_state *thread = &memwhy_thread;
  if (unlikely(thread->busy && frame < thread->busy)) {
    memwhy_count(&memwhy.header->interrupted, 1);
    return;
  }
  thread->busy = frame;
  atomic_signal_fence(memory_order_seq_cst);
  uint64_t interval = take_turn(size);
  if (interval) take(block, size, interval, frame);
  atomic_signal_fence(memory_order_seq_cst);
  thread->busy = 0;
}

bool memwhy_take_out(void *block, struct memwhy_block *content) {
  if (!block || !memwhy_may_be_sampled(block) || !memwhy_owns_table()) return false;
  if (!memwhy_block_remove(block, content)) return false;
  memwhy_count(&memwhy.header->live_blocks, (uint64_t)-1);
  return true;
}

void memwhy_put_back(void *block, const struct memwhy_block *content) {
  if (memwhy_block_insert(block, content)) {
    memwhy_count(&memwhy.header->live_blocks, 1);
  } else {
    memwhy_count(&memwhy.header->lost_blocks, 1);
  }
}

void memwhy_count_freed(const struct memwhy_block *content) {
  uint64_t now = memwhy_now();
  memwhy_count(&memwhy.header->freed_samples, 1);
  memwhy_site_freed(
    content->site, content->size, content->interval, now > content->time ? now - content->time : 0);
}

void memwhy_sampled_free(void *block) {
  struct memwhy_block content;
  if (memwhy_take_out(block, &content)) memwhy_count_freed(&content);
}
