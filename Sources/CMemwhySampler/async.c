// The callers that wait for an async function are not on its stack: they are linked through their contexts on the heap.
//
// Layout: AsyncContext of swift/ABI/Task.h (Swift 5.5 to 6.3): the parent's context, then the function that resumes it. The frame of an
// async function keeps its context below the saved frame pointer (LLVM, "swiftasync" frames).
#include "internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct async_rule memwhy_async;

// swift::runJobInEstablishedExecutorContext(swift::Job *): it calls a task's function and nothing else does.
static const char job_loop[] = "_ZN5swift34runJobInEstablishedExecutorContextEPNS_3JobE";

/// What a symbol table says of the runtime. Addresses are the file's, 0 where there is no such symbol.
struct runtime {
  uint64_t loop_start, loop_end;
  uint64_t start, end;  // of its functions around the loop: an archive's code lies together in an executable that holds the runtime
  uint64_t current_task, task_name, task_size, layout_version;
};

/// Functions and variables of the runtime that are exported from its library, and only in the symbol table of an executable that holds it.
static const struct {
  const char *name;
  size_t place;  // in struct runtime
} exports[] = {
  {"swift_task_getCurrent", offsetof(struct runtime, current_task)},
  {"swift_task_getCurrentTaskName", offsetof(struct runtime, task_name)},
  {"_swift_concurrency_debug_asyncTaskSize", offsetof(struct runtime, task_size)},
  {"_swift_concurrency_debug_internal_layout_version", offsetof(struct runtime, layout_version)},
};
// What hardly ever runs is kept apart by the compiler and does not count.
#define NEAR_THE_LOOP (UINT64_C(1) << 20)
#define EXPORTS (sizeof exports / sizeof *exports)
#define PLACE(runtime, index) ((uint64_t *)((char *)(runtime) + exports[index].place))

static bool is_of_runtime(const char *name) {
  return !strncmp(name, "swift_task", 10) || !strncmp(name, "swift_job", 9) || !strncmp(name, "swift_asyncLet", 14) ||
    !strncmp(name, "swift_continuation", 18) || strstr(name, "completeTask") != NULL;
}

static void note(struct runtime *runtime, const char *name, const ElfW(Sym) * symbol) {
  if (symbol->st_shndx == SHN_UNDEF) return;
  for (size_t index = 0; index < EXPORTS; index++) {
    if (!strcmp(name, exports[index].name)) *PLACE(runtime, index) = symbol->st_value;
  }
  if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0) return;
  if (!strcmp(name, job_loop)) {
    runtime->loop_start = symbol->st_value;
    runtime->loop_end = symbol->st_value + symbol->st_size;
  } else if (!is_of_runtime(name) || symbol->st_value + NEAR_THE_LOOP < runtime->loop_start ||
             symbol->st_value > runtime->loop_end + NEAR_THE_LOOP) {
    return;
  }
  if (symbol->st_value < runtime->start) runtime->start = symbol->st_value;
  if (symbol->st_value + symbol->st_size > runtime->end) runtime->end = symbol->st_value + symbol->st_size;
}

/// Looks through the symbol table of a mapped ELF file. Local symbols are in .symtab alone, if at all.
static bool find_runtime(const unsigned char *file, uint64_t size, struct runtime *runtime) {
  ElfW(Ehdr) header;
  if (size < sizeof header) return false;
  memcpy(&header, file, sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_shentsize != sizeof(ElfW(Shdr))) return false;
  if (header.e_shoff > size || (size - header.e_shoff) / sizeof(ElfW(Shdr)) < header.e_shnum) return false;
  const unsigned char *sections = file + header.e_shoff;
  for (uint32_t index = 0; index < header.e_shnum; index++) {
    ElfW(Shdr) table, names;
    memcpy(&table, sections + index * sizeof table, sizeof table);
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= header.e_shnum) continue;
    memcpy(&names, sections + table.sh_link * sizeof names, sizeof names);
    if (table.sh_offset > size || table.sh_size > size - table.sh_offset) continue;
    if (names.sh_offset > size || names.sh_size > size - names.sh_offset) continue;
    for (uint64_t at = 0; at + sizeof(ElfW(Sym)) <= table.sh_size; at += sizeof(ElfW(Sym))) {
      ElfW(Sym) symbol;
      memcpy(&symbol, file + table.sh_offset + at, sizeof symbol);
      if (symbol.st_name >= names.sh_size) continue;
      const char *name = (const char *)file + names.sh_offset + symbol.st_name;
      if (memchr(name, 0, names.sh_size - symbol.st_name)) note(runtime, name, &symbol);
    }
  }
  return runtime->loop_end > runtime->loop_start;
}

/// First where the loop is, then what lies around it.
static bool find_all(const unsigned char *file, uint64_t size, struct runtime *runtime) {
  if (!find_runtime(file, size, runtime)) return false;
  runtime->start = runtime->loop_start;
  runtime->end = runtime->loop_end;
  return find_runtime(file, size, runtime);
}

static bool find_in_file(const char *path, struct runtime *runtime) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat status;
  bool found = false;
  if (fstat(descriptor, &status) == 0 && status.st_size > 0) {
    void *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (file != MAP_FAILED) {
      found = find_all(file, (uint64_t)status.st_size, runtime);
      munmap(file, (size_t)status.st_size);
    }
  }
  close(descriptor);
  return found;
}

/// The module that has `address` in its code; without one, the executable.
static const struct memwhy_module *module_of(uintptr_t address) {
  uint64_t count = memwhy_module_count();
  for (uint64_t index = 0; index < count; index++) {
    const struct memwhy_module *module = &memwhy.modules[index];
    bool is_wanted = address ? address >= module->text_start && address < module->text_end
                             : module->flags & MEMWHY_MODULE_IS_EXECUTABLE;
    if (is_wanted) return module;
  }
  return NULL;
}

void memwhy_async_prepare(void) {
  // The runtime is a library, or part of the executable, which need not export it: then its symbol table knows.
  uintptr_t found = (uintptr_t)dlsym(RTLD_DEFAULT, "swift_task_getCurrent");
  const struct memwhy_module *module = module_of(found);
  if (!module) return;
  bool is_executable = module->flags & MEMWHY_MODULE_IS_EXECUTABLE;
  struct runtime runtime = {.start = 0};
  bool is_exact = find_in_file(is_executable ? "/proc/self/exe" : module->path, &runtime);
  for (size_t index = 0; index < EXPORTS; index++) {
    uint64_t *place = PLACE(&runtime, index);
    uintptr_t exported = (uintptr_t)dlsym(RTLD_DEFAULT, exports[index].name);
    *place = exported ? exported : *place ? module->bias + *place : 0;
  }
  if (!runtime.current_task || (is_executable && !is_exact)) return;
  if (is_exact) {
    memwhy_async.start = module->bias + runtime.loop_start;
    memwhy_async.end = module->bias + runtime.loop_end;
    memwhy_async.module_start = is_executable ? module->bias + runtime.start : module->text_start;
    memwhy_async.module_end = is_executable ? module->bias + runtime.end : module->text_end;
  }
  // Without its symbol table the loop is not known, and the runtime calls other functions of the program, too: where an async function has its context,
  // they may have anything.
  memwhy.header->flags |= is_exact ? MEMWHY_FLAG_ASYNC_EXACT : MEMWHY_FLAG_ASYNC_UNKNOWN;
  memwhy_async.has_task_names = runtime.task_name != 0;
  memwhy_async.task_size = (const size_t *)runtime.task_size;
  memwhy_async.layout_version = (const uint32_t *)runtime.layout_version;
  memwhy_async.current_task = (void *(*)(void))runtime.current_task;
}

uint32_t memwhy_async_chain(uintptr_t frame, uintptr_t *functions, uint32_t most) {
  uintptr_t context = ((const uintptr_t *)frame)[-1];
  uint32_t count = 0;
  while (count < most && memwhy_can_be_object(context)) {
    const uintptr_t *words = (const uintptr_t *)context;
    uintptr_t parent = words[0], resume = words[1];
    // Only a real context has a function of a known module here.
    if (memwhy_code_kind(resume) == CODE_UNKNOWN || memwhy_code_kind(resume) == CODE_OF_LIBC) break;
    functions[count++] = resume;
    if (parent == context) break;
    context = parent;
  }
  return count;
}
