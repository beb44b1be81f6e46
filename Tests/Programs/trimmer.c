// Leaves holes of all sizes in several malloc arenas; after a line on stdin it calls malloc_trim(0) and prints how many bytes of anonymous
// memory that gave back.
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 6000, THREADS = 4 };

static unsigned long anonymous(void) {
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  unsigned long kilobytes = 0;
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1) break;
  if (file) fclose(file);
  return kilobytes * 1024;
}

static void churn(unsigned seed) {
  static __thread void *blocks[COUNT];
  for (int i = 0; i < COUNT; i++) {
    size_t size = 16 + rand_r(&seed) % (i % 16 == 0 ? 60000 : 3000);
    blocks[i] = malloc(size);
    memset(blocks[i], 1, size);
  }
  // Nine of ten go, in runs, so that free chunks of all sizes come about; the last one stays and holds the end.
  for (int i = 0; i < COUNT - 1; i++)
    if (i / 40 % 10 != 3) free(blocks[i]);
}

static pthread_barrier_t ready, end;

static void *work(void *argument) {
  churn((unsigned)(unsigned long)argument);
  pthread_barrier_wait(&ready);
  pthread_barrier_wait(&end);
  return NULL;
}

int main(void) {
  pthread_barrier_init(&ready, NULL, THREADS + 1);
  pthread_barrier_init(&end, NULL, THREADS + 1);
  for (unsigned long i = 1; i <= THREADS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, (void *)i) != 0) return 1;
  }
  churn(99);
  pthread_barrier_wait(&ready);
  puts("READY");
  fflush(stdout);
  char line[16];
  if (!fgets(line, sizeof line, stdin)) return 1;
  unsigned long before = anonymous();
  malloc_trim(0);
  printf("done %lu\n", before - anonymous());
  fflush(stdout);
  pause();
}
