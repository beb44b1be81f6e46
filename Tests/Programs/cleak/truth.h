// The table of blocks that a program writes about itself: a shared file mapping of 64-byte records,
// {address XOR TRUTH_MASK: u64, verdict: u8, padding, kind: 48 bytes of ASCII}, ended by a record of verdict 0.
// The same format as leakzoo's.
#ifndef TRUTH_H
#define TRUTH_H
#define TRUTH_MASK 0xA5A55A5AC3C33C3CULL
enum { TRUTH_LEAKED = 1, TRUTH_HEALTHY = 2 };

void truth_open(const char *path);
void truth_add(const void *block, int verdict, const char *kind);
int truth_count(void);
/// Overwrites the dead part of this thread's stack and its registers, so that stale words keep nothing.
void truth_scrub(void);
#endif
