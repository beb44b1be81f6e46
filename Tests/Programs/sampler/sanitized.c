// sanitized   Linked with the sampler and built with a sanitizer, whose allocator must stay the program's. Prints what starting said and the
// sum of what it stored.
#include <stdio.h>
#include <stdlib.h>

#include "CMemwhySampler.h"

int main(void) {
  enum memwhy_start_result result = memwhy_sampler_start(-1, 0, 1);
  long sum = 0;
  for (int number = 0; number < 1000; number++) {
    int *volatile place = malloc(sizeof(int) * 100);
    place[99] = number;
    sum += place[99];
    free(place);
  }
  printf("%s %ld\n", result == MEMWHY_NOT_CALLED ? "not called" : result == MEMWHY_STARTED ? "started" : "failed", sum);
  return 0;
}
