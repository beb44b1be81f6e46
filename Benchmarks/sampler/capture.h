// What the benchmark of a capture asks of the sampler's own files, which are compiled into it.
#include <stdint.h>

struct capture {
  double stack;         // nanoseconds for one stack, the median
  double stack_p99;
  double sample;        // for a whole sample and the free of its block, the median
  uint32_t depth;       // frames, async callers included
  uint32_t async_callers;
};

/// Starts the sampler; 0 where it runs.
int capture_start(void);
/// Takes the stack of the caller again and again.
struct capture capture_here(int rounds);
