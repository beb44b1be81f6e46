/* Many small blocks in one list: what reads them needs more memory than they take. usage: manyblocks COUNT [table]
   With "table" another block refers to each of them: they are all as far from the roots, and read by several threads. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments) {
  long blocks = count > 1 ? atol(arguments[1]) : 1000;
  void **last = 0, ***table = count > 2 ? malloc(blocks * sizeof *table) : 0;
  for (long index = 0; index < blocks; index++) {
    void **block = malloc(24);
    if (!block) return 1;
    *block = last;
    last = block;
    if (table) table[index] = block;
  }
  printf("READY %p %p\n", (void *)last, (void *)table);
  fflush(stdout);
  for (;;) pause();
}
