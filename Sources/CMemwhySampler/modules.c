// The loaded modules, in the table for the reader and as a sorted list for the sampler.
//
// The list is read at the start and when a new stack runs through code that no known module has, or dlclose was called since. The
// loader's counters of modules added and removed tell whether there is anything to read.
#include "internal.h"

#include <elf.h>
#include <link.h>
#include <string.h>

struct range {
  uintptr_t start, end;  // text
  uint32_t kind;
};

// Two lists in turn: one is written while the other is read.
static struct range lists[2][MEMWHY_MODULES];
static uint32_t counts[2];
static _Atomic uint32_t current;
_Atomic uint32_t memwhy_modules_generation;
_Atomic bool memwhy_modules_stale;

struct scan {
  struct range *list;
  uint32_t count;
  bool is_first_look;
  uint64_t now;
  uint64_t lost;  // found no room
  uint64_t seen[MEMWHY_MODULES / 64];
};

struct parts {
  uintptr_t start, end, text_start, text_end, text_offset;
  const ElfW(Phdr) * frame_header;
  const unsigned char *build_id;
  uint32_t build_id_size;
};

static void find_build_id(const ElfW(Phdr) * header, uintptr_t bias, struct parts *parts) {
  const unsigned char *note = (const unsigned char *)(bias + header->p_vaddr);
  uint64_t left = header->p_memsz, alignment = header->p_align == 8 ? 8 : 4;
  while (left >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    memcpy(&head, note, sizeof head);
    uint64_t name = ((uint64_t)head.n_namesz + alignment - 1) & ~(alignment - 1);
    uint64_t content = ((uint64_t)head.n_descsz + alignment - 1) & ~(alignment - 1);
    uint64_t all = sizeof head + name + content;
    if (all > left) return;
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && !memcmp(note + sizeof head, "GNU", 4)) {
      parts->build_id = note + sizeof head + name;
      parts->build_id_size = head.n_descsz < 20 ? head.n_descsz : 20;
      return;
    }
    note += all;
    left -= all;
  }
}

static bool take_apart(const struct dl_phdr_info *info, struct parts *parts) {
  memset(parts, 0, sizeof *parts);
  parts->start = parts->text_start = UINTPTR_MAX;
  for (int index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[index];
    uintptr_t start = info->dlpi_addr + header->p_vaddr, end = start + header->p_memsz;
    if (header->p_type == PT_LOAD) {
      if (start < parts->start) parts->start = start;
      if (end > parts->end) parts->end = end;
      if (header->p_flags & PF_X) {
        if (start < parts->text_start) {
          parts->text_start = start;
          parts->text_offset = header->p_offset;
        }
        if (end > parts->text_end) parts->text_end = end;
      }
    } else if (header->p_type == PT_NOTE && !parts->build_id) {
      find_build_id(header, info->dlpi_addr, parts);
    } else if (header->p_type == PT_GNU_EH_FRAME) {
      parts->frame_header = header;
    }
  }
  return parts->end > parts->start && parts->text_end > parts->text_start;
}

static bool is_libc(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  return !strncmp(name, "libc.so", 7) || !strncmp(name, "libc-2", 6) || !strncmp(name, "ld-linux", 8) ||
    !strncmp(name, "ld-2", 4) || !strncmp(name, "libpthread", 10) || !strncmp(name, "linux-vdso", 10);
}

/// The record of this module, if it is already in the table.
static struct memwhy_module *known(const struct parts *parts, const char *path, struct scan *scan) {
  uint64_t count = memwhy_module_count();
  for (uint64_t index = 0; index < count; index++) {
    struct memwhy_module *module = &memwhy.modules[index];
    if (module->start != parts->start || module->end != parts->end || module->unloaded) continue;
    if (strncmp(module->path, path, MEMWHY_MODULE_PATH - 1)) continue;
    if (parts->build_id && memcmp(module->build_id, parts->build_id, parts->build_id_size)) continue;
    scan->seen[index / 64] |= UINT64_C(1) << (index % 64);
    return module;
  }
  return NULL;
}

static void add(
  const struct parts *parts, uintptr_t bias, const char *path, uint32_t flags, struct scan *scan) {
  uint64_t index = memwhy_load(&memwhy.header->modules_used);
  if (index >= memwhy.header->modules.count) {
    scan->lost++;
    return;
  }
  struct memwhy_module *module = &memwhy.modules[index];
  memwhy_store(&module->version, 1);
  atomic_thread_fence(memory_order_release);
  module->start = parts->start;
  module->end = parts->end;
  module->bias = bias;
  module->text_start = parts->text_start;
  module->text_end = parts->text_end;
  module->text_offset = parts->text_offset;
  module->loaded = scan->now;
  module->flags = flags;
  if (parts->build_id) memcpy(module->build_id, parts->build_id, parts->build_id_size);
  module->build_id_size = parts->build_id_size;
  size_t length = strlen(path);
  if (length > MEMWHY_MODULE_PATH - 1) length = MEMWHY_MODULE_PATH - 1;
  memcpy(module->path, path, length);
  module->path_size = (uint32_t)length;
  atomic_store_explicit((_Atomic uint64_t *)&module->version, 2, memory_order_release);
  memwhy_count(&memwhy.header->modules_used, 1);
  scan->seen[index / 64] |= UINT64_C(1) << (index % 64);
}

static void insert_sorted(struct scan *scan, struct range range) {
  if (scan->count >= MEMWHY_MODULES) return;
  uint32_t at = scan->count++;
  while (at > 0 && scan->list[at - 1].start > range.start) {
    scan->list[at] = scan->list[at - 1];
    at--;
  }
  scan->list[at] = range;
}

/// Fewer functions than this share keep a frame pointer: stacks through the module need the unwinder.
#define ENOUGH_FRAME_POINTERS 90

static int visit(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  struct scan *scan = data;
  struct parts parts;
  if (!take_apart(info, &parts)) return 0;
  const char *path = info->dlpi_name;
  bool is_executable = !path || !*path;
  if (is_executable) path = memwhy.header->program;
  struct memwhy_module *module = known(&parts, path, scan);
  uint32_t flags = is_executable ? MEMWHY_MODULE_IS_EXECUTABLE : 0;
  if (module) {
    flags = module->flags;
  } else {
    if (is_libc(path)) {
      flags |= MEMWHY_MODULE_IS_LIBC | MEMWHY_MODULE_NO_FRAME_POINTERS;
    } else if (parts.frame_header) {
      int share = memwhy_frame_pointer_share(
        (const void *)(info->dlpi_addr + parts.frame_header->p_vaddr), parts.start, parts.end,
        scan->is_first_look ? 1000 : 200);
      if (share >= 0 && share < ENOUGH_FRAME_POINTERS) flags |= MEMWHY_MODULE_NO_FRAME_POINTERS;
    }
    add(&parts, info->dlpi_addr, path, flags, scan);
  }
  uint32_t kind = flags & MEMWHY_MODULE_IS_LIBC ? CODE_OF_LIBC
    : flags & MEMWHY_MODULE_NO_FRAME_POINTERS   ? CODE_WITHOUT_FRAMES
                                                : CODE_WITH_FRAMES;
  insert_sorted(scan, (struct range){parts.text_start, parts.text_end, kind});
  return 0;
}

struct loader_counts {
  unsigned long long added, removed;
};

static int visit_counts(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  *(struct loader_counts *)data = (struct loader_counts){info->dlpi_adds, info->dlpi_subs};
  return 1;
}

static struct loader_counts last;

static _Atomic bool is_reading;
static bool may_ask = true;

void memwhy_modules_forget(void) {
  last = (struct loader_counts){0};
  may_ask = true;
  // Another thread may have been reading when the process forked.
  atomic_store(&is_reading, false);
}

void memwhy_modules_inherit(const struct memwhy_header *parent, bool is_loader_free) {
  const struct memwhy_module *modules =
    (const struct memwhy_module *)((const unsigned char *)parent + parent->modules.offset);
  uint64_t used = memwhy_load(&parent->modules_used), count = 0;
  for (uint64_t index = 0; index < used && index < parent->modules.count; index++) {
    // A thread that the fork left behind may have been writing the last one.
    if (modules[index].version != 2 || modules[index].unloaded || count >= memwhy.header->modules.count) continue;
    memwhy.modules[count++] = modules[index];
  }
  memwhy_store(&memwhy.header->modules_used, count);
  atomic_store(&is_reading, false);
  may_ask = is_loader_free;
}

void memwhy_modules_refresh(void) {
  if (!may_ask || atomic_exchange(&is_reading, true)) return;
  struct loader_counts now = {0};
  dl_iterate_phdr(visit_counts, &now);
  if (now.added != last.added || now.removed != last.removed) {
    uint32_t next = 1 - atomic_load(&current);
    struct scan scan = {.list = lists[next], .now = memwhy_now(), .is_first_look = last.added == 0};
    dl_iterate_phdr(visit, &scan);
    counts[next] = scan.count;
    // The same ones are lost again each time.
    if (scan.lost > memwhy_load(&memwhy.header->lost_modules)) memwhy_store(&memwhy.header->lost_modules, scan.lost);
    uint64_t count = memwhy_module_count();
    for (uint64_t index = 0; index < count; index++) {
      struct memwhy_module *module = &memwhy.modules[index];
      bool is_gone = !(scan.seen[index / 64] >> (index % 64) & 1) && !module->unloaded;
      if (is_gone) memwhy_store(&module->unloaded, scan.now);
    }
    last = now;
    atomic_store(&current, next);
    atomic_fetch_add(&memwhy_modules_generation, 1);
    atomic_store(&memwhy_modules_stale, false);
    memwhy_count(&memwhy.header->module_changes, 1);
  }
  atomic_store(&is_reading, false);
}

static enum code_kind look_up(uintptr_t address) {
  uint32_t list = atomic_load_explicit(&current, memory_order_acquire), low = 0, high = counts[list];
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (lists[list][middle].start <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || address >= lists[list][low - 1].end) return CODE_UNKNOWN;
  return lists[list][low - 1].kind;
}

enum code_kind memwhy_code_kind(uintptr_t address) {
  // Programs return to few places: remember what was found for them, address << 8 | generation << 2 | kind.
  static _Atomic uint64_t remembered[4096];
  uint64_t generation = atomic_load_explicit(&memwhy_modules_generation, memory_order_relaxed) & 63;
  _Atomic uint64_t *place = &remembered[(address ^ (address >> 12)) & 4095];
  uint64_t entry = atomic_load_explicit(place, memory_order_relaxed);
  if (entry >> 2 == (address << 6 | generation)) return (enum code_kind)(entry & 3);
  enum code_kind kind = look_up(address);
  if (kind != CODE_UNKNOWN) {
    atomic_store_explicit(place, (uint64_t)address << 8 | generation << 2 | kind, memory_order_relaxed);
  }
  return kind;
}
