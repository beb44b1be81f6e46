#ifndef CFORKTIME_H
#define CFORKTIME_H
#include <stdint.h>
/// Nanoseconds that fork() takes in the calling process; the child ends at once and is reaped. 0 if it failed.
uint64_t fork_nanoseconds(void);
#endif
