// Functions for trial runs in a copy of this process; prints where they are. What they do must stay in the copy.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long state = 7;
static char *pages;

static unsigned long change(unsigned long value) {
  state = value;
  madvise(pages, 64 << 20, MADV_DONTNEED);
  return state + 1;
}

static unsigned long wait_for_lock(unsigned long unused) {
  pthread_mutex_lock(&mutex);
  return unused;
}

static unsigned long speak(unsigned long unused) {
  ssize_t written = write(1, "HEARD\n", 6);
  return unused + (unsigned long)written;
}

static unsigned long crash(unsigned long unused) {
  *(volatile int *)8 = 1;
  return unused;
}

static unsigned long spin(unsigned long unused) {
  while (state) {
  }
  return unused;
}

int main(void) {
  pthread_mutex_lock(&mutex);
  pages = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return 1;
  for (long i = 0; i < 64 << 20; i += 4096) pages[i] = 1;
  printf("change 0x%lx\nlock 0x%lx\nspeak 0x%lx\ncrash 0x%lx\nspin 0x%lx\nstate 0x%lx\nREADY\n", (unsigned long)change,
         (unsigned long)wait_for_lock, (unsigned long)speak, (unsigned long)crash, (unsigned long)spin,
         (unsigned long)&state);
  fflush(stdout);
  for (;;) {
    pause();
  }
}
