/* One thread, one long relative sleep: prints what nanosleep returned, errno and the milliseconds that passed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

int main(int count, char **arguments) {
  long milliseconds = count > 1 ? atol(arguments[1]) : 1000;
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  printf("READY\n");
  fflush(stdout);
  long long start = now();
  errno = 0;
  int result = nanosleep(&time, 0);
  printf("SLEPT %d %d %lld\n", result, errno, now() - start);
  fflush(stdout);
  for (;;) pause();
}
