// An allocator in the program's way that serves C++'s operator new itself, as jemalloc and tcmalloc do, and a program that uses both.
#include <stddef.h>
#include <stdio.h>

#ifdef LIBRARY
extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t size) { return __libc_malloc(size); }
void free(void *block) { __libc_free(block); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return __libc_realloc(block, size); }
// operator new(unsigned long)
void *_Znwm(size_t size) { return __libc_malloc(size); }
#else
extern void *malloc(size_t);
extern void *_Znwm(size_t);

int main(void) {
  static void *volatile kept[200];
  for (int i = 0; i < 100; i++) {
    kept[2 * i] = malloc(1000);
    kept[2 * i + 1] = _Znwm(1000);
  }
  puts("kept");
}
#endif
