// The callers that wait for an async function are not on its stack: they are linked through their contexts on the heap.
//
// Layout: AsyncContext of swift/ABI/Task.h (Swift 5.5 to 6.3): the parent's context, then the function that resumes it. The frame of an
// async function keeps its context below the saved frame pointer (LLVM, "swiftasync" frames).
#include "internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct async_rule memwhy_async;

// swift::runJobInEstablishedExecutorContext(swift::Job *): it calls a task's function and nothing else does.
static const char job_loop[] = "_ZN5swift35runJobInEstablishedExecutorContextEPNS_3JobE";

/// What a symbol table says of the runtime. Addresses are the file's.
struct runtime {
  uint64_t loop_start, loop_end;
  uint64_t start, end;  // of all its functions: one archive's code lies together in an executable that holds the runtime
};

static bool is_of_runtime(const char *name) {
  return !strncmp(name, "swift_task", 10) || !strncmp(name, "swift_job", 9) || !strncmp(name, "swift_asyncLet", 14) ||
    !strncmp(name, "swift_continuation", 18) || strstr(name, "completeTask") != NULL;
}

static void note(struct runtime *runtime, const char *name, const ElfW(Sym) * symbol) {
  if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0) return;
  if (!strcmp(name, job_loop)) {
    runtime->loop_start = symbol->st_value;
    runtime->loop_end = symbol->st_value + symbol->st_size;
  } else if (!is_of_runtime(name)) {
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

static bool find_in_file(const char *path, struct runtime *runtime) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat status;
  bool found = false;
  if (fstat(descriptor, &status) == 0 && status.st_size > 0) {
    void *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (file != MAP_FAILED) {
      found = find_runtime(file, (uint64_t)status.st_size, runtime);
      munmap(file, (size_t)status.st_size);
    }
  }
  close(descriptor);
  return found;
}

void memwhy_async_prepare(void) {
  void *(*current)(void) = (void *(*)(void))dlsym(RTLD_DEFAULT, "swift_task_getCurrent");
  if (!current) return;
  // The runtime is a library, or part of the executable: the table of modules knows its text and its file.
  uint64_t used = memwhy_load(&memwhy.header->modules_used);
  for (uint64_t index = 0; index < used && index < MEMWHY_MODULES; index++) {
    const struct memwhy_module *module = &memwhy.modules[index];
    if ((uintptr_t)current < module->text_start || (uintptr_t)current >= module->text_end) continue;
    bool is_executable = module->flags & MEMWHY_MODULE_IS_EXECUTABLE;
    struct runtime runtime = {.start = UINT64_MAX};
    if (find_in_file(is_executable ? "/proc/self/exe" : module->path, &runtime)) {
      memwhy_async.start = module->bias + runtime.loop_start;
      memwhy_async.end = module->bias + runtime.loop_end;
      memwhy.header->flags |= MEMWHY_FLAG_ASYNC_EXACT;
    } else if (!is_executable) {
      memwhy_async.start = module->text_start;
      memwhy_async.end = module->text_end;
      memwhy.header->flags |= MEMWHY_FLAG_ASYNC_MODULE;
    } else {
      return;
    }
    memwhy_async.module_start = is_executable ? module->bias + runtime.start : module->text_start;
    memwhy_async.module_end = is_executable ? module->bias + runtime.end : module->text_end;
    memwhy_async.current_task = current;
    return;
  }
}

/// Whether a word can be an async context at all: aligned, in the half of addresses that programs have.
static bool can_be_context(uintptr_t context) {
  return context >= 1 << 16 && context < UINT64_C(1) << 47 && !(context & 7);
}

uint32_t memwhy_async_chain(uintptr_t frame, uintptr_t *functions, uint32_t most) {
  uintptr_t context = ((const uintptr_t *)frame)[-1];
  uint32_t count = 0;
  while (count < most && can_be_context(context)) {
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
