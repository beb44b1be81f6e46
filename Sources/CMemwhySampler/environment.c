// The environment: the way in which `memwhy run` says what it wants.
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char library_name[] = "libmemwhysampler.so";
static const char prefix[] = "MEMWHY_SAMPLER_";

static uint64_t number(const char *text, uint64_t otherwise) {
  if (!text || *text < '0' || *text > '9') return otherwise;
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; text++) {
    if (value > UINT64_MAX / 16) return otherwise;
    value = value * 10 + (uint64_t)(*text - '0');
  }
  return *text ? otherwise : value;
}

void memwhy_environment_read(struct wishes *wishes) {
  uint64_t descriptor = number(getenv("MEMWHY_SAMPLER_FD"), UINT64_MAX);
  wishes->descriptor = descriptor <= 1 << 20 ? (int)descriptor : -1;
  wishes->table = getenv("MEMWHY_SAMPLER_TABLE");
  wishes->target = getenv("MEMWHY_SAMPLER_TARGET");
  wishes->follow = getenv("MEMWHY_SAMPLER_FOLLOW");
  wishes->interval = number(getenv("MEMWHY_SAMPLER_INTERVAL"), 0);
  wishes->seed = number(getenv("MEMWHY_SAMPLER_SEED"), 0);
  wishes->table_size = number(getenv("MEMWHY_SAMPLER_TABLE_SIZE"), MEMWHY_TABLE_DEFAULT_SIZE);
  const char *stacks = getenv("MEMWHY_SAMPLER_STACKS");
  wishes->unwinder_only = stacks && !strcmp(stacks, "unwinder");
}

/// Whether the path at `start` is the sampler's.
static bool is_library(const char *start, size_t length) {
  size_t name = sizeof library_name - 1;
  if (length < name || memcmp(start + length - name, library_name, name)) return false;
  return length == name || start[length - name - 1] == '/';
}

/// Cuts the sampler out of a list of libraries; false where nothing is left.
static bool clean_list(char *list) {
  char *to = list;
  for (char *from = list; *from;) {
    size_t length = strcspn(from, ": ");
    bool is_own = is_library(from, length);
    size_t all = length + (from[length] != 0);
    if (!is_own) {
      memmove(to, from, all);
      to += all;
    }
    from += all;
  }
  while (to > list && (to[-1] == ':' || to[-1] == ' ')) to--;
  *to = 0;
  return to > list;
}

void memwhy_environment_clean(void) {
  static const char preload[] = "LD_PRELOAD=";
  if (!environ) return;
  char **to = environ;
  for (char **from = environ; *from; from++) {
    bool stays = strncmp(*from, prefix, sizeof prefix - 1) != 0;
    if (stays && !strncmp(*from, preload, sizeof preload - 1)) stays = clean_list(*from + sizeof preload - 1);
    if (stays) *to++ = *from;
  }
  *to = NULL;
}
