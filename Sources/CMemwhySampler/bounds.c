// The bounds of thread stacks and the ids of threads, from glibc's own record of a thread: no system call, because a program may have
// forbidden itself all of them, and no pthread_getattr_np, which allocates.
//
// glibc keeps a `struct pthread` at the thread pointer. Where its parts lie differs by version; the size and the place of the thread id
// are exported for debuggers (nptl_db), the place of stack address and size is found by what they must look like.

#include "internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_stack_end __attribute__((weak));

static uintptr_t main_thread, main_low, main_high;
static uint32_t record_size, id_offset;
static _Atomic uint32_t stack_offset;  // of the stack's address in the record, + 1

/// The thread's record. Like the thread pointer, it lies above the thread's stack.
static uintptr_t record(void) { return (uintptr_t)pthread_self(); }

void memwhy_bounds_prepare(void) {
  const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
  const uint32_t *id = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");  // bits, elements, offset
  if (size && *size >= 512 && *size <= 1 << 14) record_size = *size;
  int process = getpid();
  if (id && id[0] == 32 && id[2] + 4 <= record_size && syscall(SYS_gettid) == *(const int *)(record() + id[2])) {
    id_offset = id[2];
  }
  if (syscall(SYS_gettid) == process && &__libc_stack_end) {
    main_thread = record();
    // Arguments and environment lie above; the kernel keeps at least 128 MiB below free for this stack alone.
    main_high = (uintptr_t)__libc_stack_end & ~(uintptr_t)15;
    main_low = main_high - (UINT64_C(100) << 20);
  }
}

int memwhy_thread_id(void) {
  return id_offset ? *(const int *)(record() + id_offset) : 0;
}

/// Whether the three words can be address, size and guard size of the stack that `thread`'s record closes.
static bool looks_like_stack(const uintptr_t *words, uintptr_t thread) {
  uintptr_t address = words[0], size = words[1], guard = words[2], end;
  if (address == 0 || size < 16384 || size > UINT64_C(1) << 36 || guard >= size) return false;
  if (__builtin_add_overflow(address, size, &end)) return false;
  return address < thread && thread < end && end - thread <= record_size + 4096;
}

static bool find_bounds(uintptr_t thread, uintptr_t *low, uintptr_t *high) {
  uint32_t known = atomic_load_explicit(&stack_offset, memory_order_relaxed);
  uint32_t from = known ? known - 1 : 0, to = known ? known : record_size - 24;
  for (uint32_t offset = from; offset < to; offset += 8) {
    const uintptr_t *words = (const uintptr_t *)(thread + offset);
    if (!looks_like_stack(words, thread)) continue;
    *low = words[0] + words[2];
    *high = thread;
    atomic_store_explicit(&stack_offset, offset + 1, memory_order_relaxed);
    return true;
  }
  return false;
}

uintptr_t memwhy_stack_end(uintptr_t frame) {
  struct thread_state *state = &memwhy_thread;
  if (state->stack_high == 0) {
    uintptr_t thread = record();
    if (thread == main_thread) {
      state->stack_low = main_low;
      state->stack_high = main_high;
    } else if (record_size == 0 || !find_bounds(thread, &state->stack_low, &state->stack_high)) {
      state->stack_low = state->stack_high = 1;
    }
  }
  if (frame >= state->stack_low && frame < state->stack_high) return state->stack_high;
  // An alternate signal stack or a coroutine's: of it only this page is known.
  return (frame | 4095) + 1;
}
