/* Threads and mappings that come and go, and children if wanted. */
#define _GNU_SOURCE
#include "statistics.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *short_life(void *argument) {
  volatile int local[64];
  for (int i = 0; i < 64; i++) local[i] = i;
  (void)argument;
  return (void *)(uintptr_t)(local[5] + 1);
}
static void *churn_threads(void *argument) {
  for (;;) {
    pthread_t thread;
    void *result = 0;
    int error = pthread_create(&thread, 0, short_life, 0);
    if (error) {
      fail("pthread_create failed with %d", error);
      continue;
    }
    pthread_join(thread, &result);
    if (result != (void *)6) fail("a thread returned %p", result);
    count(stat_threads);
    char *memory = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      fail("mmap failed with %d", errno);
      continue;
    }
    memset(memory, 1, 65536);
    munmap(memory, 65536);
    usleep(1500);
  }
  return argument;
}
static void *churn_children(void *argument) {
  for (;;) {
    pid_t child;
    char *words[] = {"true", 0};
    int status = -1;
    /* Not posix_spawn: that holds all signals back until the new program runs, and where the child ends before its parent has had its turn
       again, the kernel wakes another thread for it, with nobody tracing. */
    child = vfork();
    if (child == 0) {
      execve("/bin/true", words, environ);
      _exit(127);
    }
    if (child < 0) {
      fail("vfork failed with %d", errno);
      continue;
    }
    pid_t waited;
    do waited = waitpid(child, &status, 0);
    while (waited == -1 && errno == EINTR);
    if (waited != child || status) fail("waitpid returned %d, status %x", waited, status);
    count(stat_spawned);
    usleep(20000);
  }
  return argument;
}
void start_churn(int spawns) {
  start(churn_threads, 0);
  if (spawns) start(churn_children, 0);
}
