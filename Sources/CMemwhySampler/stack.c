// The stack of an allocation: by frame pointers, by the unwinder where there are none, and on along the async callers.
#include "internal.h"
#include "numbers.h"

bool memwhy_unwinder_only;

/// A walk up the frame pointers.
struct walk {
  struct stack *stack;
  uintptr_t frame, end;
  uintptr_t async_frame;    // of the async function under the runtime's job loop, 0 for none
  bool needs_unwinder;      // it went through code without frame pointers
  uint32_t libc_from;       // first frame in the C library, + 1
};

/// Whether `address` is where the runtime runs a task's function, so that the frame below it is that function's.
static bool runs_async_function(uintptr_t address, const struct stack *stack) {
  if (address < memwhy_async.start || address >= memwhy_async.end) return false;
  // Inside the runtime itself frames are no async functions'.
  if (stack->depth == 0) return false;
  uintptr_t callee = stack->frames[stack->depth - 1];
  if (callee >= memwhy_async.module_start && callee < memwhy_async.module_end) return false;
  // Without frame pointers the frame below may be another function's.
  return memwhy_code_kind(callee) == CODE_WITH_FRAMES;
}

static void add(struct walk *walk, uintptr_t address) {
  struct stack *stack = walk->stack;
  switch (memwhy_code_kind(address)) {
  case CODE_WITHOUT_FRAMES: walk->needs_unwinder = true; break;
  case CODE_OF_LIBC:
    if (!walk->libc_from) walk->libc_from = stack->depth + 1;
    break;
  case CODE_UNKNOWN:
  case CODE_WITH_FRAMES: break;
  }
  stack->frames[stack->depth++] = address;
}

static void walk_frames(struct walk *walk) {
  struct stack *stack = walk->stack;
  uintptr_t frame = walk->frame;
  while (stack->depth < MOST_FRAMES) {
    uintptr_t next = ((const uintptr_t *)frame)[0], address = ((const uintptr_t *)frame)[1];
    if (address == 0) return;
    if (runs_async_function(address, stack)) {
      walk->async_frame = frame;
      return;
    }
    if (stack->depth > 0 || !memwhy_is_own(address)) add(walk, address);
    // Bit 60 marks an async frame in programs that were built for it (Swift's ABI for extended frames).
    next &= ~(UINT64_C(1) << 60);
    if (next <= frame || next > walk->end - 16 || (next & 7)) {
      walk->frame = frame;
      return;
    }
    frame = next;
  }
  stack->flags |= MEMWHY_SITE_FLAG_CUT;
}

/// Frames of the C library belong at the outer end of a stack. Anywhere else, or where the walk ended in it with much stack left, the
/// chain of frame pointers has a gap.
static bool has_gap(const struct walk *walk) {
  if (!walk->libc_from) return false;
  uint32_t above = walk->stack->depth - walk->libc_from;
  if (walk->async_frame || above > 2) return true;
  return walk->libc_from == 1 || walk->end - walk->frame > 16384;
}

/// Replaces the stack by the unwinder's, as far as the async function's frame where there is one.
static void unwind(struct walk *walk) {
  struct stack *stack = walk->stack;
  uintptr_t frames[MOST_FRAMES];
  uint32_t count = memwhy_unwind(frames, MOST_FRAMES);
  if (count < 2) return;
  stack->flags = MEMWHY_SITE_FLAG_UNWINDER | (count == MOST_FRAMES ? MEMWHY_SITE_FLAG_CUT : 0);
  stack->depth = 0;
  for (uint32_t index = 0; index < count; index++) {
    if (walk->async_frame && runs_async_function(frames[index], stack)) return;
    stack->frames[stack->depth++] = frames[index];
  }
  // The unwinder does not see where the chain of frame pointers would leave the stack.
  walk->async_frame = 0;
}

void memwhy_stack_take(struct stack *stack, uintptr_t frame) {
  stack->depth = 0;
  stack->flags = 0;
  stack->task = NULL;
  struct walk walk = {.stack = stack, .frame = frame, .end = memwhy_stack_end(frame)};
  walk_frames(&walk);
  bool is_wanted = walk.needs_unwinder || memwhy_unwinder_only || has_gap(&walk);
  if (unlikely(is_wanted) && !(stack->depth && memwhy_is_unwinder(stack->frames[0]))) unwind(&walk);
  stack->async_from = stack->depth;
  if (memwhy_async.current_task) stack->task = memwhy_async.current_task();
  if (stack->task) {
    stack->flags |= MEMWHY_SITE_FLAG_IN_TASK;
    if (walk.async_frame) {
      stack->depth += memwhy_async_chain(walk.async_frame, stack->frames + stack->depth, MOST_ASYNC_FRAMES);
    }
  }
  uint64_t hash = (uint64_t)stack->async_from << 8 | (stack->flags & MEMWHY_SITE_FLAG_IN_TASK);
  for (uint32_t index = 0; index < stack->depth; index++) {
    hash = memwhy_hash_step(hash, stack->frames[index]);
  }
  stack->hash = memwhy_hash_end(hash);
}
