// Tables of the processes that a sampled one starts (`memwhy run --follow`): FILE.PID each, beside the first one. Their folder is memory
// as a rule, which the program needs itself: there are only so many, and those of processes that allocated too little to be sampled go with them.
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Bytes that all tables may take together.
#define MOST_BYTES (UINT64_C(512) << 20)

static char first_path[512];
static char own_path[sizeof first_path + 16];
static uint64_t table_size;

void memwhy_follow(const char *path, uint64_t size) {
  if (!path || strlen(path) >= sizeof first_path) return;
  strcpy(first_path, path);
  table_size = size;
}

bool memwhy_follows(void) { return first_path[0]; }

/// As the kernel lists a folder: opendir() would allocate, here in a child of a program with threads.
struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

/// Files whose name is that of the first table and a point and more.
static uint64_t tables_there(void) {
  const char *slash = strrchr(first_path, '/'), *name = slash ? slash + 1 : first_path;
  char folder[sizeof first_path + 1];
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - first_path + 1) : 1, slash ? first_path : ".");
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  size_t length = strlen(name);
  uint64_t count = 0;
  _Alignas(8) char room[2048];
  for (long got; (got = syscall(SYS_getdents64, descriptor, room, sizeof room)) > 0;) {
    for (long at = 0; at < got;) {
      const struct entry *entry = (const struct entry *)(room + at);
      count += !strncmp(entry->name, name, length) && entry->name[length] == '.';
      at += entry->length;
    }
  }
  close(descriptor);
  return count;
}

int memwhy_followed_table(void) {
  snprintf(own_path, sizeof own_path, "%s.%d", first_path, getpid());
  // A program that this process was before an exec has left one: the new one takes its place.
  unlink(own_path);
  int descriptor = -1;
  if ((tables_there() + 1) * table_size <= MOST_BYTES) descriptor = memwhy_make_file(own_path, table_size);
  if (descriptor < 0) own_path[0] = 0;
  return descriptor;
}

void memwhy_followed_end(void) {
  if (own_path[0] && memwhy_load(&memwhy.header->samples) == 0) unlink(own_path);
}
