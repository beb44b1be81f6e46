// Lays the table out: where each area lies in it, by its size.
#include "internal.h"

#include <string.h>
#include <unistd.h>

struct sampler memwhy;

static uint64_t power_of_two_up_to(uint64_t value) {
  uint64_t power = 1;
  while (power * 2 <= value) power *= 2;
  return power;
}

/// Reserves room for `count` records and returns where it is.
static struct memwhy_area reserve(uint64_t *used, uint64_t count, uint64_t record) {
  struct memwhy_area area = {.offset = *used, .count = count};
  *used += (count * record + 127) & ~UINT64_C(127);
  return area;
}

void memwhy_table_lay_out(unsigned char *base, uint64_t size, uint64_t interval) {
  struct memwhy_header *header = (struct memwhy_header *)base;
  uint64_t used = 4096;
  // Of 16 MiB: 32,768 sites, 131,072 places for blocks, and the rest, about 7 MiB, for frames.
  uint64_t sites = power_of_two_up_to(size / 512), places = power_of_two_up_to(size / 128);
  header->modules = reserve(&used, size < UINT64_C(4) << 20 ? 128 : MEMWHY_MODULES, sizeof(struct memwhy_module));
  header->threads = reserve(&used, MEMWHY_THREADS, sizeof(struct memwhy_thread));
  uint64_t task_names = size < UINT64_C(4) << 20 ? 128 : MEMWHY_TASK_NAMES;
  header->task_names = reserve(&used, task_names, sizeof(struct memwhy_task_name));
  header->growths = reserve(&used, MEMWHY_GROWTHS, sizeof(struct memwhy_growth));
  header->points = reserve(&used, MEMWHY_POINTS, sizeof(struct memwhy_point));
  header->sites = reserve(&used, sites, sizeof(struct memwhy_site));
  header->block_keys = reserve(&used, places, sizeof(uint64_t));
  header->blocks = reserve(&used, places, sizeof(struct memwhy_block));
  uint64_t frames = (size - used) / sizeof(uint64_t);
  if (frames > UINT32_MAX) frames = UINT32_MAX;
  header->frames = reserve(&used, frames, sizeof(uint64_t));

  memwhy.base = base;
  memwhy.header = header;
  memwhy.modules = (struct memwhy_module *)(base + header->modules.offset);
  memwhy.threads = (struct memwhy_thread *)(base + header->threads.offset);
  memwhy.task_names = (struct memwhy_task_name *)(base + header->task_names.offset);
  memwhy.growths = (struct memwhy_growth *)(base + header->growths.offset);
  memwhy.sites = (struct memwhy_site *)(base + header->sites.offset);
  memwhy.keys = (_Atomic uint64_t *)(base + header->block_keys.offset);
  memwhy.blocks = (struct memwhy_block *)(base + header->blocks.offset);
  memwhy.frames = (_Atomic uint64_t *)(base + header->frames.offset);
  memwhy.site_mask = sites - 1;
  memwhy.bucket_mask = places / MEMWHY_BLOCK_BUCKET - 1;
  memwhy.frame_count = frames;
  memwhy.task_name_mask = task_names - 1;
  memwhy.live_limit = places / 4 * 3;

  header->version = MEMWHY_TABLE_VERSION;
  header->header_size = sizeof *header;
  header->table_size = size;
  header->interval = memwhy_clamped_interval(interval);
  header->pid = getpid();
  // Index 0 stands for all threads that find no room.
  header->threads_used = 1;
  for (uint32_t site = MEMWHY_SITE_OVERFLOW; site <= MEMWHY_SITE_UNKNOWN; site++) {
    memwhy.sites[site].hash = site + 1;
    memwhy.sites[site].state = 1;
  }
  header->sites_used = MEMWHY_SITE_UNKNOWN + 1;
  ssize_t length = readlink("/proc/self/exe", header->program, sizeof header->program - 1);
  header->program[length > 0 ? length : 0] = 0;
  // Last, so that whoever finds it finds all of the above.
  atomic_store_explicit((_Atomic uint64_t *)&header->magic, MEMWHY_TABLE_MAGIC, memory_order_release);
}
