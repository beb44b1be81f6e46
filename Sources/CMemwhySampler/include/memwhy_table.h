// The sampler's table: one bounded shared mapping, written without locks by the sampled process and readable by another at any
// time, also after the process was killed. docs/sampler-table.md is its description in words; Sources/SamplerTable reads it.
//
// All numbers are little-endian. Places inside the table are byte offsets from its start, so that it may be mapped anywhere.
#ifndef MEMWHY_TABLE_H
#define MEMWHY_TABLE_H

#include <stdint.h>

#define MEMWHY_TABLE_MAGIC UINT64_C(0x31656c6261546d4d)  // "MmTable1"
#define MEMWHY_TABLE_VERSION 2u
#define MEMWHY_TABLE_DEFAULT_SIZE (UINT64_C(16) << 20)
#define MEMWHY_TABLE_LEAST_SIZE (UINT64_C(1) << 20)
#define MEMWHY_TABLE_LARGEST_SIZE (UINT64_C(1) << 30)
#define MEMWHY_DEFAULT_INTERVAL (UINT64_C(512) << 10)

#define MEMWHY_MODULES 512u
#define MEMWHY_MODULE_PATH 408u
#define MEMWHY_THREADS 2048u
#define MEMWHY_THREAD_NAME 16u
#define MEMWHY_TASK_NAMES 1024u
#define MEMWHY_TASK_NAME 48u
#define MEMWHY_GROWTHS 256u
#define MEMWHY_POINTS 1024u
#define MEMWHY_AGE_CLASSES 6u
#define MEMWHY_BLOCK_BUCKET 16u

// Sites are the records that never move: what is not known, or found no room, is counted in one of the first two.
#define MEMWHY_SITE_OVERFLOW 0u
#define MEMWHY_SITE_UNKNOWN 1u

enum memwhy_state {
  MEMWHY_STATE_EMPTY = 0,    // prepared by `memwhy run`, not yet in use
  MEMWHY_STATE_RUNNING = 1,  // samples are taken
  MEMWHY_STATE_STOPPED = 2,  // stopped by the program; frees are still followed
  MEMWHY_STATE_EXITED = 3,   // the program ended by exit()
};

/// A place where something is kept.
struct memwhy_area {
  uint64_t offset;
  uint64_t count;
};

struct memwhy_header {
  uint64_t magic;
  uint32_t version;
  uint32_t header_size;
  uint64_t table_size;
  uint32_t state;
  int32_t pid;
  /// Average number of bytes between two samples; may be written by anybody at any time.
  uint64_t interval;
  /// The start by both clocks, and the last sample. All other times are CLOCK_MONOTONIC_COARSE as well: steps of some milliseconds,
  /// but never a system call and no instruction that a sandbox forbids.
  uint64_t start_nanoseconds, start_realtime, last_nanoseconds;
  struct memwhy_area modules, threads, growths, points, sites, block_keys, blocks, frames;
  /// Numbers given out; each may run past the room there is.
  uint64_t modules_used, threads_used, growths_used, points_used, sites_used, frames_used;
  uint64_t live_blocks;
  uint64_t most_live_blocks;
  /// Samples taken, frees of sampled blocks seen.
  uint64_t samples, freed_samples;
  /// Estimates of all bytes ever allocated and ever freed: doubles, kept as their bits.
  uint64_t allocated_bytes, freed_bytes;
  /// What was lost, and why.
  uint64_t lost_blocks;      // a sampled block that found no room in `blocks`: counted as allocated, never as in use
  uint64_t lost_sites;       // samples in MEMWHY_SITE_OVERFLOW
  uint64_t lost_modules;     // modules that found no room
  uint64_t interrupted;      // allocations of a signal handler that interrupted the sampler: not sampled
  uint64_t thinnings;        // how often the interval was raised because too many sampled blocks live
  uint64_t stale_blocks;     // sampled blocks that were freed behind the sampler's back
  uint64_t module_changes;   // the list of modules was read again
  uint64_t slow_stacks;      // stacks taken by the unwinder
  uint64_t async_stacks;     // stacks that go on along a chain of async callers
  uint64_t flags;            // MEMWHY_FLAG_…
  uint64_t exit_status;      // written by `memwhy run`: the wait status + 1, 0 while it runs
  char program[256];         // path of the executable
  struct memwhy_area task_names;
  uint64_t task_names_used;
  uint64_t lost_task_names;  // samples of named tasks whose name found no room
  uint64_t group_kills;      // written by `memwhy run`: processes of the control group ended for lack of memory + 1, 0 unknown
};

enum memwhy_flag {
  MEMWHY_FLAG_NO_FRAME_POINTERS = 1 << 0,  // the executable has too few frame pointers: stacks come from the unwinder
  MEMWHY_FLAG_NO_UNWINDER = 1 << 1,        // and there is no unwinder
  MEMWHY_FLAG_ASYNC_EXACT = 1 << 2,        // the frame under which async functions run is known exactly
  MEMWHY_FLAG_ASYNC_UNKNOWN = 1 << 3,      // it is not: the runtime is stripped
  MEMWHY_FLAG_NOT_CALLED = 1 << 4,         // the program brings its own malloc: nothing can be sampled
  MEMWHY_FLAG_TASK_NAMES = 1 << 5,         // the layout of the runtime's tasks is known: names are read
  MEMWHY_FLAG_REPLACED = 1 << 6,           // written by `memwhy run`: the process started another program, without the sampler
  MEMWHY_FLAG_OWN_NEW = 1 << 7,            // the allocator below has an operator new of its own, which does not come by malloc
};

struct memwhy_module {
  uint64_t version;  // odd while it is written
  uint64_t start, end;       // addresses of its segments
  uint64_t bias;             // address in the process minus address in the file
  uint64_t text_start, text_end, text_offset;  // addresses of its code, and where that lies in the file
  uint64_t loaded, unloaded;  // when; unloaded: 0 while it is there
  uint32_t build_id_size;
  uint32_t flags;            // MEMWHY_MODULE_…
  uint8_t build_id[20];
  uint32_t path_size;
  char path[MEMWHY_MODULE_PATH];
};

enum memwhy_module_flag {
  MEMWHY_MODULE_NO_FRAME_POINTERS = 1 << 0,
  MEMWHY_MODULE_IS_LIBC = 1 << 1,
  MEMWHY_MODULE_IS_EXECUTABLE = 1 << 2,
};

struct memwhy_thread {
  uint32_t tid;
  uint32_t reserved;
  char name[MEMWHY_THREAD_NAME];  // written by `memwhy run`
  uint64_t first;  // sample, when
};

/// A name that was given to tasks. Found by its hash; index 0 stays free and stands for none.
struct memwhy_task_name {
  uint64_t hash;   // 0: free
  uint32_t state;  // 0 claimed, 1 whole
  uint32_t length;
  char name[MEMWHY_TASK_NAME];  // its beginning, where it is longer
};

/// The heap became larger by a step; `sequence` is index + 1 once the record is whole.
struct memwhy_growth {
  uint64_t sequence;
  uint64_t time;
  uint32_t kind;  // memwhy_growth_kind
  uint32_t site;
  uint32_t thread;
  uint32_t reserved;
  uint64_t step;  // bytes
  uint64_t total; // bytes after it
  uint64_t reserved2[2];
};

enum memwhy_growth_kind {
  MEMWHY_GROWTH_BREAK = 1,    // the program break moved
  MEMWHY_GROWTH_MAPPING = 2,  // one block that is a mapping of its own
  MEMWHY_GROWTH_LIVE = 3,     // more in use than ever before
};

/// One point of the time series; written by `memwhy run`. ~0 is unknown.
struct memwhy_point {
  uint64_t sequence;  // index + 1 once the record is whole
  uint64_t realtime, monotonic, reserved0;
  uint64_t rss, limit, group_usage;
  uint64_t allocated_bytes, freed_bytes;  // doubles
  uint64_t samples, live_blocks, interval;
  uint64_t threads, swap, anonymous, reserved;
};

/// A stack at which was allocated, with its sums. Sums are doubles kept as their bits: each sample stands for 1/p allocations.
struct memwhy_site {
  uint64_t hash;  // 0: free
  uint32_t state; // 0 claimed, 1 whole
  uint32_t frames;  // index of its first frame
  uint8_t depth;
  uint8_t async_from;  // frames from here on are resume functions, not return addresses; depth where there are none
  uint16_t task;       // index of the only task name seen here; MEMWHY_SEVERAL
  uint16_t flags;      // MEMWHY_SITE_FLAG_…
  uint16_t thread;     // index of the only thread seen here; MEMWHY_SEVERAL
  uint64_t begun, ended;  // updates begun and ended: equal while nobody writes
  uint64_t allocated_count, allocated_bytes, count_variance, bytes_variance;
  uint64_t freed_count, freed_bytes, freed_age;  // age: nanoseconds times weight
  uint32_t samples, freed_samples;
  uint32_t ages[MEMWHY_AGE_CLASSES];  // freed samples by age: below 10 ms, 100 ms, 1 s, 10 s, 100 s, above
};

#define MEMWHY_SEVERAL 0xffffu

enum memwhy_site_flag {
  MEMWHY_SITE_FLAG_CUT = 1 << 0,       // deeper than what is kept
  MEMWHY_SITE_FLAG_UNWINDER = 1 << 1,  // taken by the unwinder
  MEMWHY_SITE_FLAG_IN_TASK = 1 << 2,   // a task was current
};

/// A sampled block that lives. Its key stands in `block_keys` at the same index: address/8 << 11 | generation, where an address of
/// 0 means free and of all ones means being written.
struct memwhy_block {
  uint64_t time;
  uint64_t size;
  uint64_t interval;  // that it was sampled at, or was thinned to since
  uint32_t site;
  uint16_t thread;
  uint16_t task;  // index of the task's name, 0 for none
};

#define MEMWHY_KEY_GENERATION_BITS 11
#define MEMWHY_KEY_WRITING ((UINT64_C(1) << 53) - 1)

_Static_assert(sizeof(struct memwhy_header) <= 1024, "the header has its own KiB");
_Static_assert(sizeof(struct memwhy_module) == 512, "documented size");
_Static_assert(sizeof(struct memwhy_thread) == 32, "documented size");
_Static_assert(sizeof(struct memwhy_task_name) == 64, "documented size");
_Static_assert(sizeof(struct memwhy_growth) == 64, "documented size");
_Static_assert(sizeof(struct memwhy_point) == 128, "documented size");
_Static_assert(sizeof(struct memwhy_site) == 128, "documented size");
_Static_assert(sizeof(struct memwhy_block) == 32, "documented size");

#endif
