#ifndef CACTIVITY_H
#define CACTIVITY_H
#include <stddef.h>

/// What an old C library makes of a User-Agent header.
struct activity_agent {
  char *name;
  size_t length;
};

/// Copies the header. Whoever asks has to call `activity_agent_free`; the fault `c-leak` forgets it.
struct activity_agent *activity_agent_parse(const char *header, size_t length);
void activity_agent_free(struct activity_agent *agent);

/// Makes a report of 256 rows of so many bytes, then shrinks each row to its header, which is kept for good. Returns the headers kept.
size_t activity_report(size_t bytes);

/// Writes to so many bytes of the calling thread's stack, as real work does: they stay in memory as long as the thread.
void activity_touch_stack(size_t bytes);

/// Bytes that malloc has handed out and not got back: what a service's own count can be compared with.
size_t activity_bytes_in_use(void);
/// Bytes that free() got back and malloc keeps.
size_t activity_bytes_free(void);

#endif
