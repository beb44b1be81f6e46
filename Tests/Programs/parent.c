/* Its main thread starts children that end after some milliseconds, one after the other; the other threads wait for events that never come, in
   calls that do not restart, and count how often those are interrupted. usage: parent FILE [hold]. FILE has two words of 64 bits: the
   interruptions, and the children that have ended. With "hold" the main thread holds all signals back, as posix_spawn does for a moment. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { waiters = 4 };
static uint64_t *words;

static void *wait_for_events(void *argument) {
  int queue = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event;
  for (;;) {
    if (epoll_wait(queue, &event, 1, -1) < 0 && errno == EINTR) __atomic_add_fetch(&words[0], 1, __ATOMIC_RELAXED);
  }
  return argument;
}

int main(int count, char **arguments) {
  int file = count > 1 ? open(arguments[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (file < 0 || ftruncate(file, 16)) return 1;
  words = mmap(0, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (words == MAP_FAILED) return 1;
  for (int i = 0; i < waiters; i++) {
    pthread_t thread;
    if (pthread_create(&thread, 0, wait_for_events, 0)) return 1;
  }
  uint64_t all = ~0ull;
  if (count > 2) syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, 0, sizeof all);
  puts("READY");
  fflush(stdout);
  for (;;) {
    /* Not fork(3): that holds all signals back for a moment, in which a child that ends wakes another thread with nobody tracing. */
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0) {
      usleep(5000);
      _exit(0);
    }
    if (child < 0) return 1;
    while (waitpid(child, 0, 0) < 0 && errno == EINTR) {}
    __atomic_add_fetch(&words[1], 1, __ATOMIC_RELAXED);
  }
}
