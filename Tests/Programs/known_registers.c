/* One thread that keeps known numbers in registers, and nowhere in memory, for ever. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *spin(void *argument) {
  uint64_t seed = (uint64_t)argument;
  /* The numbers are made here, so that no stack slot or constant holds them. */
  __asm__ volatile(
      "mov %0, %%rax\n"
      "lea 0x1111(%%rax), %%rbx\n"
      "lea 0x2222(%%rax), %%r12\n"
      "lea 0x3333(%%rax), %%r15\n"
      "lea 0x4444(%%rax), %%rcx\n"
      "movq %%rcx, %%xmm5\n"
      "pslldq $8, %%xmm5\n"
      "lea 0x5555(%%rax), %%rcx\n"
      "movq %%rcx, %%xmm13\n"
      "xor %%rcx, %%rcx\n"
      "1: jmp 1b\n"
      :
      : "r"(seed)
      : "rax", "rbx", "rcx", "r12", "r15", "xmm5", "xmm13");
  return argument;
}

int main(int count, char **arguments) {
  pthread_t thread;
  uint64_t seed = count > 1 ? strtoull(arguments[1], 0, 16) : 0x7000000000000000;
  if (pthread_create(&thread, 0, spin, (void *)seed)) return 1;
  usleep(20000);
  printf("READY\n");
  fflush(stdout);
  for (;;) pause();
}
