/* A process that has 64 MiB in use when it forks, and a child that takes 16 MiB. Prints the child's id. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile last;

static void take(size_t count) {
  for (size_t i = 0; i < count; i++) {
    last = malloc(1 << 20);
    if (!last) exit(2);
  }
}

int main(void) {
  take(64);
  pid_t child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    take(16);
    _exit(0);
  }
  int status;
  if (waitpid(child, &status, 0) != child || status) return 2;
  printf("%d\n", child);
  return 0;
}
