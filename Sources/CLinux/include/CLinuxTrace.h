/* ptrace(2) and waitid(2), one typed function a request. Each returns 0 or a positive result, or -errno. */
#pragma once
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Constants of linux/ptrace.h; its own names clash with glibc's enums. */
enum {
  clinux_event_clone = 3,
  clinux_event_stop = 128,
  clinux_option_sysgood = 1,
  clinux_option_trace_clone = 8,
  clinux_option_exitkill = 1 << 20,
  clinux_syscall_stop = SIGTRAP | 0x80,
};

/* struct user_regs_struct of x86-64 (sys/user.h), the layout of PTRACE_GETREGS. */
struct clinux_registers {
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss,
      fs_base, gs_base, ds, es, fs, gs;
};

/* struct sock_filter of linux/filter.h. */
struct clinux_filter_instruction {
  uint16_t code;
  uint8_t jump_true, jump_false;
  uint32_t k;
};

static inline long clinux_trace(unsigned request, pid_t tid, uintptr_t address, uintptr_t data) {
  long result = ptrace((enum __ptrace_request)request, tid, (void *)address, (void *)data);
  return result == -1 ? -errno : result;
}
static inline long clinux_seize(pid_t tid) { return clinux_trace(0x4206, tid, 0, 0); }
static inline long clinux_interrupt(pid_t tid) { return clinux_trace(0x4207, tid, 0, 0); }
static inline long clinux_continue(pid_t tid, int signal) { return clinux_trace(7, tid, 0, (uintptr_t)signal); }
static inline long clinux_detach(pid_t tid, int signal) { return clinux_trace(17, tid, 0, (uintptr_t)signal); }
/* Runs to the next entry or exit of a system call. */
static inline long clinux_run_to_syscall(pid_t tid) { return clinux_trace(24, tid, 0, 0); }
static inline long clinux_set_options(pid_t tid, unsigned options) { return clinux_trace(0x4200, tid, 0, options); }
static inline long clinux_event_message(pid_t tid, unsigned long *message) {
  return clinux_trace(0x4201, tid, 0, (uintptr_t)message);
}
static inline long clinux_get_registers(pid_t tid, struct clinux_registers *registers) {
  return clinux_trace(12, tid, 0, (uintptr_t)registers);
}
static inline long clinux_set_registers(pid_t tid, const struct clinux_registers *registers) {
  return clinux_trace(13, tid, 0, (uintptr_t)registers);
}
/* Reads the XSAVE area; the result is its length. */
static inline long clinux_get_xsave(pid_t tid, void *buffer, size_t capacity) {
  struct iovec area = {buffer, capacity};
  long result = clinux_trace(0x4204, tid, NT_X86_XSTATE, (uintptr_t)&area);
  return result < 0 ? result : (long)area.iov_len;
}
static inline long clinux_get_signal_mask(pid_t tid, uint64_t *mask) {
  return clinux_trace(0x420a, tid, sizeof *mask, (uintptr_t)mask);
}
static inline long clinux_set_signal_mask(pid_t tid, uint64_t mask) {
  return clinux_trace(0x420b, tid, sizeof mask, (uintptr_t)&mask);
}
/* Address of the thread's struct rseq, 0 where none is registered (struct ptrace_rseq_configuration, kernel 5.13). */
static inline long clinux_get_rseq(pid_t tid, uint64_t *address) {
  struct {
    uint64_t address;
    uint32_t size, signature, flags, padding;
  } configuration = {0, 0, 0, 0, 0};
  long result = clinux_trace(0x420f, tid, sizeof configuration, (uintptr_t)&configuration);
  *address = configuration.address;
  return result < 0 ? result : 0;
}
/* The seccomp filter number `index`, newest last; the result is its length in instructions. Needs CAP_SYS_ADMIN. */
static inline long clinux_get_seccomp_filter(pid_t tid, unsigned long index, struct clinux_filter_instruction *program) {
  return clinux_trace(0x420c, tid, index, (uintptr_t)program);
}

/* Looks for a stop or an exit of one thread without consuming it and without blocking.
   1: *code is si_code and *status is si_status; 0: nothing; or -errno. */
static inline int clinux_look(pid_t tid, int *code, int *status) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int result;
  do result = waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL);
  while (result == -1 && errno == EINTR);
  if (result == -1) return -errno;
  if (info.si_pid != tid) return 0;
  *code = info.si_code;
  *status = info.si_status;
  return 1;
}
/* Consumes the exit of a thread or child without blocking. 1: done; 0: it still lives; or -errno. */
static inline int clinux_consume_exit(pid_t tid) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int result;
  do result = waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
  while (result == -1 && errno == EINTR);
  if (result == -1) return -errno;
  return info.si_pid == tid ? 1 : 0;
}

/* Arguments of a variadic function are as wide as they are written. From the seventh on they lie on the stack, where the upper half of an
   int is whatever was there before: the kernel took that for unknown flags. */
static inline long clinux_vm_write(pid_t pid, uint64_t address, const void *bytes, size_t count) {
  struct iovec local = {(void *)bytes, count}, remote = {(void *)(uintptr_t)address, count};
  long result = syscall(SYS_process_vm_writev, (long)pid, &local, 1UL, &remote, 1UL, 0UL);
  return result == -1 ? -errno : result;
}
static inline long clinux_vm_read(pid_t pid, uint64_t address, void *bytes, size_t count) {
  struct iovec local = {bytes, count}, remote = {(void *)(uintptr_t)address, count};
  long result = syscall(SYS_process_vm_readv, (long)pid, &local, 1UL, &remote, 1UL, 0UL);
  return result == -1 ? -errno : (long)result;
}

#if defined(__x86_64__)
#include <cpuid.h>
/* Offset + size of one component of the XSAVE area (Intel SDM volume 1, 13.4: CPUID leaf 0xD). */
static inline uint32_t clinux_xsave_component_end(uint32_t component) {
  uint32_t size = 0, offset = 0, c = 0, d = 0;
  if (!__get_cpuid_count(0xd, component, &size, &offset, &c, &d)) return 0;
  return offset + size;
}
#else
static inline uint32_t clinux_xsave_component_end(uint32_t component) { return component * 0; }
#endif
