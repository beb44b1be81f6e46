/* PAGEMAP_SCAN of linux/fs.h (kernel 6.7): which pages of a process are there. Older headers lack it. */
#pragma once
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

enum {
  clinux_page_is_file = 1 << 2,
  clinux_page_is_present = 1 << 3,
  clinux_page_is_swapped = 1 << 4,
  clinux_page_is_zero = 1 << 5,
  clinux_page_is_huge = 1 << 6,
};

/* struct page_region. */
struct clinux_page_region {
  uint64_t start, end, categories;
};

/* struct pm_scan_arg. */
struct clinux_pagemap_scan_argument {
  uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages, category_inverted, category_mask,
      category_any_of_mask, return_mask;
};

/* Lists present or swapped pages of [start, end). Returns the number of regions, or -errno; *walk_end is where to go on. */
static inline int clinux_pagemap_scan(int pagemap, uint64_t start, uint64_t end, struct clinux_page_region *regions,
                                      uint64_t capacity, uint64_t *walk_end) {
  struct clinux_pagemap_scan_argument argument = {
      .size = sizeof argument,
      .start = start,
      .end = end,
      .regions = (uintptr_t)regions,
      .region_count = capacity,
      .category_any_of_mask = clinux_page_is_present | clinux_page_is_swapped,
      .return_mask = clinux_page_is_file | clinux_page_is_present | clinux_page_is_swapped | clinux_page_is_zero | clinux_page_is_huge,
  };
  int result = ioctl(pagemap, _IOWR('f', 16, struct clinux_pagemap_scan_argument), &argument);
  *walk_end = argument.walk_end;
  return result == -1 ? -errno : result;
}

/* struct procmap_query of linux/fs.h (kernel 6.11): one mapping of a process without reading all of /proc/PID/maps. */
struct clinux_mapping_query {
  uint64_t size, query_flags, query_address, start, end, flags, page_size, offset, inode;
  uint32_t device_major, device_minor, name_size, build_id_size;
  uint64_t name_address, build_id_address;
};

/* The mapping that covers `address`: 0 and its bounds and flags (1 read, 2 write, 4 execute, 8 shared), or -errno. */
static inline int clinux_query_mapping(int maps, uint64_t address, uint64_t *start, uint64_t *end, uint64_t *flags) {
  struct clinux_mapping_query query = {.size = sizeof query, .query_address = address};
  int result = ioctl(maps, _IOWR('f', 17, struct clinux_mapping_query), &query);
  if (result == -1) return -errno;
  *start = query.start;
  *end = query.end;
  *flags = query.flags;
  return 0;
}
