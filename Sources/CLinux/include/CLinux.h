/* Kernel structures and variadic system calls that Swift's Glibc module cannot import. No logic. */
#pragma once
/* No _GNU_SOURCE here: it would give fd_set and others a different definition than Swift's Glibc module has. */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <sys/types.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "CLinuxPacket.h"
#include "CLinuxPagemap.h"
#include "CLinuxProcess.h"
#include "CLinuxTrace.h"

/* openat2(2) for reading with RESOLVE_IN_ROOT: symbolic links cannot lead out of the folder `root`. Never blocks on a FIFO. */
static inline int memwhy_open_in_root(int root, const char *path) {
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Whether a file has this extended attribute: getxattr(2). */
static inline int memwhy_has_attribute(const char *path, const char *name) {
  return syscall(SYS_getxattr, path, name, (void *)0, (size_t)0) > 0;
}

/* memfd_create(2), closed at exec: memory that is a file. */
static inline int memwhy_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1U); }

/* Asks the processor to bring what lies at an address into its cache. Reads nothing: any address will do. */
static inline void memwhy_prefetch(const void *address) { __builtin_prefetch(address); }

/* SEEK_DATA of lseek(2), which is defined with _GNU_SOURCE only: the next place of a file that is no hole. */
enum { clinux_seek_data = 3 };
