/* A service of several processes: a parent that waits, and three workers that it forked, of which the second one grows. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What nobody uses the compiler would leave out. */
static void *volatile last;

static void worker(int number) {
  prctl(PR_SET_PDEATHSIG, 9);
  for (int turn = 0;; turn++) {
    usleep(60000);
    /* 4 MiB a second, up to 1 GiB. */
    if (number == 1 && turn < 4096 && (last = malloc(1 << 18))) memset(last, 1, 1 << 18);
  }
}

int main(void) {
  pid_t workers[3];
  for (int i = 0; i < 3; i++) {
    workers[i] = fork();
    if (workers[i] < 0) return 1;
    if (workers[i] == 0) worker(i);
  }
  printf("READY %d %d %d\n", workers[0], workers[1], workers[2]);
  fflush(stdout);
  while (wait(NULL) > 0) {}
  return 0;
}
