/* Runs under a seccomp filter. usage: filtered allow|error|kill: what the filter does on clone. filtered sleep: it allows clone, and kills for
   restart_syscall; the program sleeps. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "allow";
  unsigned action = !strcmp(what, "kill")    ? SECCOMP_RET_KILL_PROCESS
                    : !strcmp(what, "error") ? SECCOMP_RET_ERRNO | EPERM
                                             : SECCOMP_RET_ALLOW;
  unsigned restarts = !strcmp(what, "sleep") ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, restarts),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      /* Only for processes, as container runtimes do it: by the flags. */
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10000 /* CLONE_THREAD */, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) return 77;
  printf("READY\n");
  fflush(stdout);
  struct timespec time = {1000, 0};
  if (!strcmp(what, "sleep"))
    for (;;) nanosleep(&time, 0);
  for (;;) pause();
}
