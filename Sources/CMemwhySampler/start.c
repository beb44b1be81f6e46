// Life and death: the start by `memwhy run` or by the program itself, forks, and the end.
#include "internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "CMemwhySampler.h"

static _Atomic bool was_started;

/// Memory that a forked child finds cleared: the child must not write its parent's table.
static bool make_ownership(void) {
  if (memwhy.ownership) return true;
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  madvise(page, 4096, MADV_WIPEONFORK);  // Linux 4.14; before it, the fork handler alone does it
  memwhy.ownership = page;
  return true;
}

/// Whether a file of this size may be made; errno says why not. Beyond the limit the kernel would end the program with SIGXFSZ.
static bool may_be_made(uint64_t size) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) || size <= limit.rlim_cur) return true;
  errno = EFBIG;
  return false;
}

static int make_memory_file(uint64_t size) {
  if (!may_be_made(size)) return -1;
  int descriptor = memfd_create("memwhy-sampler-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -1;
  if (ftruncate(descriptor, (off_t)size)) {
    close(descriptor);
    return -1;
  }
  // Nobody can cut it under the program, which would kill it with SIGBUS.
  fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  return descriptor;
}

int memwhy_make_file(const char *path, uint64_t size) {
  if (!may_be_made(size)) return -1;
  int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return -1;
  if (posix_fallocate(descriptor, 0, (off_t)size)) {
    unlink(path);
    close(descriptor);
    return -1;
  }
  return descriptor;
}

/// Whether the allocator below serves C++'s operator new itself (jemalloc, tcmalloc, mimalloc): such blocks do not come by malloc.
static bool has_own_new(void) {
  Dl_info allocator, found;
  void *operator_new = dlsym(RTLD_DEFAULT, "_Znwm");
  return operator_new && dladdr((void *)memwhy_real.malloc, &allocator) && dladdr(operator_new, &found) &&
    found.dli_fbase == allocator.dli_fbase;
}

/// Makes the file this process' table, which is not written yet.
static enum memwhy_start_result map_table(int descriptor, uint64_t size, uint64_t interval) {
  struct stat status;
  if (fstat(descriptor, &status)) return MEMWHY_NO_TABLE;
  if ((uint64_t)status.st_size < size) return MEMWHY_BAD_TABLE;
  if (!make_ownership()) return MEMWHY_NO_TABLE;
  unsigned char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (base == MAP_FAILED) return MEMWHY_NO_TABLE;
  if (memwhy_load((const uint64_t *)base) != 0) {
    munmap(base, size);
    return MEMWHY_BAD_TABLE;
  }
  memwhy_table_lay_out(base, size, interval ? interval : MEMWHY_DEFAULT_INTERVAL);
  struct timespec time;
  if (clock_gettime(CLOCK_REALTIME, &time) == 0) {
    memwhy.header->start_realtime = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
  }
  memwhy.header->start_nanoseconds = memwhy.header->last_nanoseconds = memwhy_now();
  return MEMWHY_STARTED;
}

/// Sampling begins with the return of this function.
static void take_over(void) {
  atomic_store(memwhy.ownership, 1);
  atomic_store((_Atomic uint32_t *)&memwhy.header->state, MEMWHY_STATE_RUNNING);
  atomic_store_explicit(&memwhy.is_active, true, memory_order_release);
  memwhy_countdown = 0;
}

static enum memwhy_start_result begin(int descriptor, uint64_t size, uint64_t interval) {
  enum memwhy_start_result result = map_table(descriptor, size, interval);
  if (result != MEMWHY_STARTED) return result;
  memwhy_bounds_prepare();
  memwhy_modules_refresh();
  bool needs_unwinder = false;
  uint64_t modules = memwhy_module_count();
  for (uint64_t index = 0; index < modules; index++) {
    uint32_t flags = memwhy.modules[index].flags;
    if (!(flags & MEMWHY_MODULE_NO_FRAME_POINTERS)) continue;
    needs_unwinder |= !(flags & MEMWHY_MODULE_IS_LIBC);
    if (flags & MEMWHY_MODULE_IS_EXECUTABLE) memwhy.header->flags |= MEMWHY_FLAG_NO_FRAME_POINTERS;
  }
  if (has_own_new()) memwhy.header->flags |= MEMWHY_FLAG_OWN_NEW;
  memwhy_unwinder_prepare(needs_unwinder || memwhy_unwinder_only);
  memwhy_async_prepare();
  memwhy_task_names_prepare();
  take_over();
  return MEMWHY_STARTED;
}

/// Whether the program's allocations come to this sampler: because its malloc is the one that is found, or because the one that is found
/// hands on to it, as another sampler does that is linked into the program.
static bool is_called(void) {
  void *(*found)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
  // An executable need not export what it defines; then nobody else's was found either.
  if (!found || found == memwhy_own_malloc() || found == memwhy_real.malloc) return true;
  enum { size = 100 };
  int64_t before = memwhy_countdown = 1000;
  void *block = found(size);
  bool has_counted = memwhy_countdown <= before - size;
  free(block);
  return has_counted;
}

// MARK: forks

/// Where a process has other threads, one may hold the loader's lock while it forks: glibc does not free that one in the child, and who asks
/// the loader for its modules there waits for ever. A child's child has it from its parent.
static bool is_loader_free = true, was_alone;

extern char __libc_single_threaded __attribute__((weak));  // glibc 2.32

static void before_fork(void) { was_alone = &__libc_single_threaded && __libc_single_threaded; }

/// The child's own table, with what was found out about the program at its parent's start.
static void follow_parent(const struct memwhy_header *parent) {
  int descriptor = memwhy_followed_table();
  if (descriptor < 0) return;
  enum memwhy_start_result result = map_table(descriptor, parent->table_size, memwhy_load(&parent->interval));
  close(descriptor);
  if (result != MEMWHY_STARTED) return;
  memwhy.header->flags = memwhy_load(&parent->flags);
  memwhy_modules_inherit(parent, is_loader_free);
  if (!is_loader_free) memwhy_unwinder_avoid_locks();
  take_over();
}

/// The child owns no table. With --follow it gets its own.
static void after_fork_in_child(void) {
  if (!memwhy.ownership) return;
  atomic_store(memwhy.ownership, 0);
  if (!atomic_exchange(&memwhy.is_active, false)) return;
  struct memwhy_header *parent = memwhy.header;
  is_loader_free = is_loader_free && was_alone;
  memwhy_blocks_forget();
  memwhy_growth_forget();
  memwhy_thread = (struct thread_state){0};
  memwhy_modules_forget();
  // It may start a table of its own.
  atomic_store(&was_started, false);
  if (memwhy_follows()) follow_parent(parent);
  munmap(parent, parent->table_size);
}

static void watch_forks(void) {
  static bool is_watching;
  if (is_watching) return;
  is_watching = true;
  pthread_atfork(before_fork, NULL, after_fork_in_child);
}

// MARK: linked into a program

enum memwhy_start_result memwhy_sampler_start(int descriptor, uint64_t table_size, uint64_t interval) {
  memwhy_find_allocator();
  if (!is_called()) return MEMWHY_NOT_CALLED;
  if (atomic_load(&memwhy.is_active) || atomic_exchange(&was_started, true)) return MEMWHY_ALREADY_RUNNING;
  if (table_size == 0) table_size = MEMWHY_TABLE_DEFAULT_SIZE;
  enum memwhy_start_result result = MEMWHY_BAD_TABLE;
  if (table_size >= MEMWHY_TABLE_LEAST_SIZE && table_size <= MEMWHY_TABLE_LARGEST_SIZE) {
    bool is_own = descriptor < 0;
    if (is_own) descriptor = make_memory_file(table_size);
    result = descriptor < 0 ? MEMWHY_NO_TABLE : begin(descriptor, table_size, interval);
    // The mapping keeps the file.
    if (is_own && descriptor >= 0) close(descriptor);
  }
  if (result == MEMWHY_STARTED) {
    watch_forks();
  } else {
    atomic_store(&was_started, false);
  }
  return result;
}

static void set_state(enum memwhy_state from, enum memwhy_state to) {
  if (!memwhy_owns_table()) return;
  uint32_t expected = from;
  atomic_compare_exchange_strong((_Atomic uint32_t *)&memwhy.header->state, &expected, to);
}

void memwhy_sampler_stop(void) { set_state(MEMWHY_STATE_RUNNING, MEMWHY_STATE_STOPPED); }
void memwhy_sampler_resume(void) { set_state(MEMWHY_STATE_STOPPED, MEMWHY_STATE_RUNNING); }

void memwhy_sampler_set_interval(uint64_t interval) {
  if (memwhy_owns_table()) memwhy_store(&memwhy.header->interval, memwhy_clamped_interval(interval));
}

const struct memwhy_header *memwhy_sampler_table(void) { return memwhy_owns_table() ? memwhy.header : NULL; }

// MARK: preloaded

/// Whether this executable is the one to sample.
static bool is_target(const char *target) {
  if (!target || !*target) return true;
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  if (strchr(target, '/')) return !strcmp(path, target);
  const char *slash = strrchr(path, '/');
  return !strcmp(slash ? slash + 1 : path, target);
}

__attribute__((constructor)) static void preloaded(void) {
  struct wishes wishes;
  memwhy_environment_read(&wishes);
  if ((wishes.descriptor < 0 && !wishes.table) || !is_target(wishes.target)) return;
  int descriptor = wishes.descriptor, made = -1;
  struct stat status;
  uint64_t size = wishes.table_size;
  if (descriptor >= 0 && fstat(descriptor, &status) == 0) {
    size = (uint64_t)status.st_size;
    memwhy_follow(wishes.follow, size);
    uint64_t first = 0;
    if (pread(descriptor, &first, sizeof first, 0) == sizeof first && first != 0 && memwhy_follows()) {
      // The first process has this one already.
      descriptor = made = memwhy_followed_table();
    }
  } else if (wishes.table) {
    memwhy_follow(wishes.follow, size);
    descriptor = made = memwhy_make_file(wishes.table, size);
  }
  memwhy_seed = wishes.seed;
  memwhy_unwinder_only = wishes.unwinder_only;
  enum memwhy_start_result result = MEMWHY_NO_TABLE;
  if (descriptor >= 0) result = memwhy_sampler_start(descriptor, size, wishes.interval);
  if (result == MEMWHY_NOT_CALLED && wishes.descriptor >= 0) {
    uint64_t flags = MEMWHY_FLAG_NOT_CALLED;
    // Where that fails nobody is left to tell; the program's errno begins as 0.
    if (pwrite(wishes.descriptor, &flags, sizeof flags, offsetof(struct memwhy_header, flags)) < 0) errno = 0;
  }
  if (made >= 0) close(made);
  if (!memwhy_follows()) {
    if (wishes.descriptor >= 0) close(wishes.descriptor);
    memwhy_environment_clean();
  }
}

__attribute__((destructor)) static void ended(void) {
  set_state(MEMWHY_STATE_RUNNING, MEMWHY_STATE_EXITED);
  if (!memwhy_owns_table()) return;
  memwhy_store(&memwhy.header->last_nanoseconds, memwhy_now());
  memwhy_followed_end();
}
