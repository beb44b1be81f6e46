// Loaded at run time: a place that allocates in a module of its own.
#include <stdlib.h>

__attribute__((noinline)) void *library_place(size_t size) {
  void *block = malloc(size);
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}
