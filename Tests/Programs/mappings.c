/* Mappings as many as asked for, with a page written in every second one: the kernel keeps a record of each, and copies it for a fork.
   usage: mappings COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **arguments) {
  long mappings = count > 1 ? atol(arguments[1]) : 1000;
  char *area = mmap(0, mappings * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) return 1;
  for (long i = 0; i < mappings; i += 2) {
    if (mprotect(area + i * 4096, 4096, PROT_READ)) return 1;
    if (i + 1 < mappings) area[(i + 1) * 4096] = 1;
  }
  printf("READY\n");
  fflush(stdout);
  for (;;) pause();
}
