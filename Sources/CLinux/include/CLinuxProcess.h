/* Process file descriptors and the guardian process. */
#pragma once
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* 434 and 424 on every architecture of interest; older headers lack the names. */
static inline int clinux_pidfd_open(pid_t pid) {
  long result = syscall(434, pid, 0);
  return result == -1 ? -errno : (int)result;
}
static inline int clinux_pidfd_kill(int pidfd) {
  long result = syscall(424, pidfd, SIGKILL, 0, 0);
  return result == -1 ? -errno : 0;
}

/* Frees the memory of a killed process at once, on the caller's time (process_mrelease, kernel 5.15; its number is the same on all
   architectures). */
static inline int clinux_pidfd_release_memory(int pidfd) {
  long result = syscall(448, pidfd, 0);
  return result == -1 ? -errno : 0;
}

/* Forks a process that kills its parent when that stays armed for too long. It obeys 4-byte words from `command`: a time
   limit in milliseconds arms it, 0 disarms it; it ends when the pipe closes. It runs C only: after a fork of a process with
   threads, Swift code could meet a lock that nobody will ever release. Returns its pid, or -errno. It raises no SIGCHLD;
   wait for it with __WALL. */
pid_t clinux_start_guardian(int command);
