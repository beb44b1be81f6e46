// The main thread ends, the process goes on: /proc/PID shows a zombie whose memory is alive.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static unsigned long answer = 0x5566778899aabbcc;

static void *wait_forever(void *unused) {
  usleep(100 * 1000);
  printf("answer %p\nREADY\n", (void *)&answer);
  fflush(stdout);
  for (;;) pause();
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, wait_forever, NULL);
  pthread_exit(NULL);
}
