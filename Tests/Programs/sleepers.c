/* As many threads as the argument says, all in a relative sleep. Prints READY when they have begun. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static atomic_int begun;

static void sleep_long(void) {
  struct timespec time = {1000, 0};
  nanosleep(&time, 0);
}

static void *run(void *unused) {
  atomic_fetch_add(&begun, 1);
  for (;;) sleep_long();
  return unused;
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 10;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  for (int index = 0; index < threads; index++) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, run, 0) != 0) return 1;
  }
  while (atomic_load(&begun) < threads) usleep(1000);
  usleep(100000);
  printf("READY\n");
  fflush(stdout);
  for (;;) sleep_long();
}
