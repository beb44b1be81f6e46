/* Children of a process whose other thread holds the loader's lock most of the time, and of one without threads that load a library of their own.
   usage: loaderlock threads CHILDREN | loaderlock alone LIBRARY. Prints the children's ids. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int visit(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size, (void)data;
  return 0;
}
static void *ask(void *unused) {
  for (;;) dl_iterate_phdr(visit, 0);
  return unused;
}
static void allocate(void) {
  for (int i = 0; i < 100; i++) {
    void *volatile block = malloc(1000);
    free(block);
  }
}
/* Whether it ended by itself within 30 s. */
static int has_ended(pid_t child) {
  for (int i = 0; i < 30000; i++) {
    int status;
    if (waitpid(child, &status, WNOHANG) == child) return status == 0;
    usleep(1000);
  }
  kill(child, SIGKILL);
  waitpid(child, 0, 0);
  return 0;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  int is_alone = !strcmp(arguments[1], "alone"), children = is_alone ? 1 : atoi(arguments[2]);
  pthread_t thread;
  if (!is_alone && pthread_create(&thread, 0, ask, 0)) return 2;
  for (int i = 0; i < children; i++) {
    pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) {
      if (is_alone) {
        void *library = dlopen(arguments[2], RTLD_NOW);
        void *(*make)(void) = library ? (void *(*)(void))dlsym(library, "make") : 0;
        if (!make || !make()) _exit(3);
      }
      allocate();
      _exit(0);
    }
    if (!has_ended(child)) {
      printf("child %d did not end\n", i);
      return 1;
    }
    printf("%d\n", child);
  }
  return 0;
}
