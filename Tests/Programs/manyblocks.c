/* Many small blocks in one list: what reads them needs more memory than they take. usage: manyblocks COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
  long blocks = count > 1 ? atol(arguments[1]) : 1000;
  void **last = 0;
  for (long index = 0; index < blocks; index++) {
    void **block = malloc(24);
    if (!block) return 1;
    *block = last;
    last = block;
  }
  printf("READY %p\n", (void *)last);
  fflush(stdout);
  for (;;) pause();
}
