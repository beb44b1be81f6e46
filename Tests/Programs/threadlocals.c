// A program whose blocks hang on thread-local variables. Prints what it built, then waits.
//
// usage: threadlocals LIBRARY
//   LIBRARY is this file built as a shared library: its variable lives in memory that is made when a thread first asks for it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Not inlined, so that no register of a caller keeps what it returned.
__attribute__((noinline)) static void *block(size_t bytes) {
  void *result = malloc(bytes);
  memset(result, 1, bytes);
  return result;
}

#ifdef LIBRARY
static __thread char zeros[40];
__thread void *plugged;
void plug(size_t bytes) {
  zeros[0] = 1;
  plugged = block(bytes);
}
#else
static __thread int counter = 7;
static __thread struct {
  long number;
  void *text;
} session;
__thread void *current;
static pthread_key_t keys[40];

static void (*plug)(size_t);

__attribute__((noinline)) static void fill(size_t bytes) {
  counter++;
  current = block(bytes);
  session.text = block(bytes + 1000);
  pthread_setspecific(keys[3], block(bytes + 2000));
  // Past the 32 that have a place in the thread's own descriptor.
  pthread_setspecific(keys[39], block(bytes + 3000));
  plug(bytes + 4000);
}

static void *worker(void *unused) {
  fill(20000);
  printf("READY\n");
  fflush(stdout);
  for (;;) pause();
  return unused;
}

int main(int count, char **arguments) {
  void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "usage: threadlocals LIBRARY (%s)\n", dlerror());
    return 64;
  }
  plug = (void (*)(size_t))dlsym(library, "plug");
  for (int index = 0; index < 40; index++) pthread_key_create(&keys[index], NULL);
  printf("keys %u %u\n", keys[3], keys[39]);
  fill(10000);
  pthread_t thread;
  pthread_create(&thread, NULL, worker, NULL);
  pthread_setname_np(thread, "worker");
  for (;;) pause();
}
#endif
