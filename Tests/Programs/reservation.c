// reservation GIB   A mapping of that size, of which ten pages are used: each holds the only pointer to a block of 333 bytes. Prints `READY`, or
// `NO ROOM` where the system does not reserve so much.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **arguments) {
  size_t size = (count > 1 ? strtoul(arguments[1], NULL, 10) : 1) << 30;
  char *volatile place =
    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) {
    puts("NO ROOM");
  } else {
    for (size_t part = 0; part < 10; part++) *(void **)(place + (size / 10 * part & ~(size_t)4095)) = malloc(333);
    puts("READY");
  }
  fflush(stdout);
  for (;;) pause();
}
