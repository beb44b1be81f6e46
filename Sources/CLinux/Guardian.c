#include "CLinux.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the tool that is not stopped gets beyond its limit, in milliseconds: on a host without an idle core, or one that was
   itself held still, it is late and not stuck. */
static const int grace = 1000;

static const char farewell[] =
    "memwhy: it was stopped, or waited for too long for a processor, while it held the process still; its guardian ended it, and the "
    "process runs on unharmed; run the command again, or use --freeze none\n";

/* Opens /proc/PID/NAME. Async-signal-safe, as all here: the tool has other threads, whose locks nobody will release in this process. */
static int open_of(pid_t pid, const char *name, int flags) {
  char path[64] = "/proc/", digits[16];
  size_t end = strlen(path), count = 0;
  for (unsigned rest = (unsigned)pid; count == 0 || rest > 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count > 0) path[end++] = digits[--count];
  path[end++] = '/';
  if (end + strlen(name) >= sizeof path) return -1;
  memcpy(path + end, name, strlen(name) + 1);
  return open(path, flags | O_CLOEXEC | O_NOCTTY);
}

/* Whether the process is stopped by a signal. */
static int is_stopped(pid_t pid) {
  char text[512];
  int file = open_of(pid, "stat", O_RDONLY);
  if (file == -1) return 0;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  text[count > 0 ? count : 0] = 0;
  /* The command's name, in parentheses, may contain some itself. */
  const char *name_end = strrchr(text, ')');
  return name_end && name_end[1] == ' ' && name_end[2] == 'T';
}

/* Kills the tool and says so where its errors go. */
static void end_tool(pid_t tool) {
  int errors = open_of(tool, "fd/2", O_WRONLY | O_APPEND | O_NONBLOCK);
  kill(tool, SIGKILL);
  if (errors == -1) return;
  ssize_t written = write(errors, farewell, sizeof farewell - 1);
  (void)written;
  close(errors);
}

static void guard(int command, pid_t parent) {
  /* Own session: Ctrl-Z and a hang-up of the terminal reach the tool, not its guardian. */
  setsid();
  /* Keeps nothing of the tool open: neither its output pipes nor another guardian's command pipe. close_range, kernel 5.9. */
  if (command > 0) syscall(436, 0, command - 1, 0);
  if (syscall(436, command + 1, ~0u, 0) == -1)
    for (int fd = 0; fd < 1024; fd++)
      if (fd != command) close(fd);
  int limit = -1, is_late = 0;
  for (;;) {
    struct pollfd input = {command, POLLIN, 0};
    int ready = poll(&input, 1, limit);
    if (ready == -1 && errno == EINTR) continue;
    if (ready == 0) {
      /* Reparented means that the tool is gone and its number may belong to somebody else. */
      if (getppid() != parent) return;
      if (is_late || is_stopped(parent)) {
        end_tool(parent);
        return;
      }
      is_late = 1;
      limit = grace;
      continue;
    }
    int32_t word = 0;
    if (read(command, &word, sizeof word) != sizeof word) return;
    limit = word > 0 ? word : -1;
    is_late = 0;
  }
}

pid_t clinux_start_guardian(int command) {
  pid_t parent = getpid();
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  /* A plain clone without an exit signal: no atfork handlers run and no SIGCHLD is ever raised. */
  long child = syscall(SYS_clone, 0, 0, 0, 0, 0);
  if (child == 0) {
    guard(command, parent);
    _exit(0);
  }
  int error = errno;
  sigprocmask(SIG_SETMASK, &before, 0);
  return child == -1 ? -error : (pid_t)child;
}
