/* Counters in a shared file: the test reads them while the program runs. Each is one 64-bit word at index * 8. */
#pragma once
#include <stdint.h>

enum {
  stat_ready = 0,
  stat_stop,
  stat_errors,
  stat_checks,
  stat_beats,
  stat_longest_gap,
  stat_signals_sent,
  stat_signals_received,
  stat_child_signals,
  stat_threads,
  stat_spawned,
  stat_heap,
  stat_heap_size,
  stat_stride,
  stat_counters,
  stat_writes,
  /* One word a kind of system call: how often it ended, with EINTR, and short. */
  stat_calls = 32,
  stat_interrupted = 64,
  stat_short = 96,
  /* Text of the first error, at this byte. */
  stat_message = 4096,
  stat_size = 8192,
};

extern volatile uint64_t *statistics;
uint64_t now(void);
void count(int index);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void start(void *(*body)(void *), void *argument);

/* All registers that user code owns; the layout that registers.S works on. */
struct registers {
  uint64_t rbx, rbp, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, rax, carry;
  uint8_t vectors[16][32];
  uint64_t red_zone[16];
  uint32_t control;
} __attribute__((aligned(64)));

/* Loads everything, counts rax down to zero, stores everything. */
void spin_with(const struct registers *before, struct registers *after);
/* Loads everything, makes the system call rax, stores everything. */
void call_with(const struct registers *before, struct registers *after);
void fill(struct registers *registers, uint64_t *seed);
void compare(const struct registers *before, const struct registers *after, int is_call, const char *what);

void start_calls(void);
void start_signals(void);
void start_churn(int spawns);
