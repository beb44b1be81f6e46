// A sampling heap profiler inside the process: link it, or preload it (`memwhy run -- COMMAND`).
//
// Linked in, it is silent until memwhy_sampler_start(); malloc and its relatives are then already its own, at the price of one
// subtraction for an allocation and one look at a byte for a free.
#ifndef CMEMWHYSAMPLER_H
#define CMEMWHYSAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "memwhy_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Why starting failed.
enum memwhy_start_result {
  MEMWHY_STARTED = 0,
  MEMWHY_ALREADY_RUNNING = 1,
  MEMWHY_NO_TABLE = 2,     // the memory for the table cannot be had; errno says why
  MEMWHY_BAD_TABLE = 3,    // the file is not an empty table of this version
  MEMWHY_NOT_CALLED = 4,   // malloc is not the sampler's: the program brings its own
};

/// Starts sampling, once per process.
///
/// - descriptor: of a file or memfd that is at least `table_size` long and stays so, or -1 for a new memfd. The descriptor is not
///   needed any more afterwards.
/// - table_size: bytes, 0 for 16 MiB; between 1 MiB and 1 GiB.
/// - interval: average number of bytes between two samples, 0 for 512 KiB; 1 takes every allocation.
enum memwhy_start_result memwhy_sampler_start(int descriptor, uint64_t table_size, uint64_t interval);

/// Takes no more samples. Frees of sampled blocks are still followed, so that what is in use stays true. May be undone by
/// memwhy_sampler_resume().
void memwhy_sampler_stop(void);
void memwhy_sampler_resume(void);

/// Changes the interval; each thread follows at its next sample, or after it has allocated one more MiB.
void memwhy_sampler_set_interval(uint64_t interval);

/// The table of this process, NULL before the start. Readable at any time by the rules of memwhy_table.h.
const struct memwhy_header *memwhy_sampler_table(void);

#ifdef __cplusplus
}
#endif
#endif
