/* One thread waits in the kernel for a vforked child, which no stop can interrupt. usage: vfork_wait MILLISECONDS */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static useconds_t delay;

static void *wait_for_child(void *argument) {
  pid_t child = vfork();
  if (child == 0) {
    usleep(delay);
    _exit(0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) == -1) {
  }
  printf("RETURNED %d\n", status);
  fflush(stdout);
  return argument;
}

int main(int count, char **arguments) {
  pthread_t thread;
  delay = (useconds_t)(count > 1 ? atol(arguments[1]) : 1000) * 1000;
  if (pthread_create(&thread, 0, wait_for_child, 0)) return 1;
  usleep(50000);
  printf("READY\n");
  fflush(stdout);
  for (;;) pause();
}
