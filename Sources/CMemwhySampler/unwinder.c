// Stacks by the unwind tables: some microseconds instead of some dozen nanoseconds, for code without frame pointers.
#include "internal.h"

#include <dlfcn.h>

// Of the Itanium C++ ABI's unwinder, which the C++ and Swift runtimes bring; found at the start, so that nothing has to be linked.
typedef int (*trace_function)(void *context, void *data);
static int (*backtrace)(trace_function, void *);
static uintptr_t (*get_address)(void *);

static int visit(void *context, void *data);

void memwhy_unwinder_prepare(bool is_needed) {
  backtrace = (int (*)(trace_function, void *))dlsym(RTLD_DEFAULT, "_Unwind_Backtrace");
  get_address = (uintptr_t(*)(void *))dlsym(RTLD_DEFAULT, "_Unwind_GetIP");
  if (is_needed && (!backtrace || !get_address)) {
    void *library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (library) {
      backtrace = (int (*)(trace_function, void *))dlsym(library, "_Unwind_Backtrace");
      get_address = (uintptr_t(*)(void *))dlsym(library, "_Unwind_GetIP");
    }
  }
  if (backtrace && get_address) {
    // Its first use prepares something under a lock; a signal handler must never find that half done.
    uintptr_t frames[4];
    memwhy_unwind(frames, 4);
  } else {
    backtrace = NULL;
    if (memwhy.header) memwhy.header->flags |= MEMWHY_FLAG_NO_UNWINDER;
  }
}

void memwhy_unwinder_avoid_locks(void) {
  // With this function of glibc 2.35 and later, libgcc finds tables without a lock; before it, by dl_iterate_phdr.
  if (!backtrace || dlsym(RTLD_DEFAULT, "_dl_find_object")) return;
  backtrace = NULL;
  memwhy.header->flags |= MEMWHY_FLAG_NO_UNWINDER;
}

/// An archive's code lies together in an executable that holds the unwinder, and its library has hardly more than this.
#define NEAR_THE_UNWINDER (UINT64_C(1) << 16)

bool memwhy_is_unwinder(uintptr_t address) {
  uintptr_t own = (uintptr_t)backtrace;
  return own && address + NEAR_THE_UNWINDER > own && address < own + NEAR_THE_UNWINDER;
}

struct trace {
  uintptr_t *frames;
  uint32_t count, most;
};

static int visit(void *context, void *data) {
  struct trace *trace = data;
  uintptr_t address = get_address(context);
  if (address == 0 || trace->count >= trace->most) return 4;  // _URC_NORMAL_STOP
  if (trace->count == 0 && memwhy_is_own(address)) return 0;
  trace->frames[trace->count++] = address;
  return 0;
}

uint32_t memwhy_unwind(uintptr_t *frames, uint32_t most) {
  if (!backtrace) return 0;
  struct trace trace = {.frames = frames, .most = most};
  backtrace(visit, &trace);
  return trace.count;
}
