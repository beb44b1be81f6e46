// Prints addresses and values of its own variables, then waits. For tests of memory reading, modules and symbols.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

unsigned long exported_data = 0x1122334455667788;
static unsigned long hidden_data[4] = {1, 2, 3, 4};
unsigned char large_bss[64 * 1024];
static const char read_only[] = "read only text of the program";

__attribute__((noinline)) static int hidden_function(int n) { return n * 3 + getpid(); }
__attribute__((noinline)) int exported_function(int n) { return hidden_function(n) + 1; }

int main(int argc, char **argv) {
  large_bss[sizeof large_bss - 1] = (unsigned char)(exported_function(argc) | 1);
  char *block = malloc(5000);
  for (int i = 0; i < 5000; i++) block[i] = (char)(i * 7);
  printf("exported_data %p\n", (void *)&exported_data);
  printf("hidden_data %p\n", (void *)hidden_data);
  printf("large_bss %p\n", (void *)large_bss);
  printf("large_bss_last %d\n", large_bss[sizeof large_bss - 1]);
  printf("read_only %p\n", (void *)read_only);
  printf("hidden_function %p\n", (void *)hidden_function);
  printf("exported_function %p\n", (void *)exported_function);
  printf("block %p\n", (void *)block);
  printf("READY\n");
  fflush(stdout);
  if (argc > 1 && argv[1][0] == 'a') abort();
  for (;;) pause();
}
