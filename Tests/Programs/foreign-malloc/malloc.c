// foreign-malloc: an allocator of its own in place of glibc's, preloaded. Powers of two, a header of 16 bytes, lists of free blocks by size,
// memory by mmap; nothing of it is like an allocator that memwhy knows.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK ((size_t)1 << 24)
#define LARGE ((size_t)1 << 22)
#define MAPPED 63

struct header {
  size_t size;
  size_t class;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *next, *end;
static void *free_blocks[64];

static void *map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static char *aligned(char *address, size_t alignment) {
  return (char *)(((uintptr_t)address + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

static void *mark(char *block, size_t size, size_t class) {
  ((struct header *)block)[-1] = (struct header){size, class};
  return block;
}

static void *allocate(size_t size, size_t alignment) {
  if (size >= LARGE) {
    char *memory = map(size + alignment + sizeof(struct header));
    return memory ? mark(aligned(memory + sizeof(struct header), alignment), size, MAPPED) : NULL;
  }
  size_t class = 4;
  while (((size_t)1 << class) < size) class++;
  pthread_mutex_lock(&lock);
  void *result = alignment <= 16 ? free_blocks[class] : NULL;
  if (result) {
    free_blocks[class] = *(void **)result;
  } else {
    if ((size_t)(end - next) < ((size_t)1 << class) + alignment + sizeof(struct header)) {
      next = map(CHUNK);
      end = next ? next + CHUNK : NULL;
    }
    if (next) {
      result = mark(aligned(next + sizeof(struct header), alignment), size, class);
      next = (char *)result + ((size_t)1 << class);
    }
  }
  pthread_mutex_unlock(&lock);
  if (!result) errno = ENOMEM;
  return result;
}

size_t malloc_usable_size(void *block) {
  if (!block) return 0;
  struct header *header = (struct header *)block - 1;
  return header->class == MAPPED ? header->size : (size_t)1 << header->class;
}

void *malloc(size_t size) { return allocate(size, 16); }

void free(void *block) {
  if (!block || ((struct header *)block)[-1].class == MAPPED) return;
  size_t class = ((struct header *)block)[-1].class;
  pthread_mutex_lock(&lock);
  *(void **)block = free_blocks[class];
  free_blocks[class] = block;
  pthread_mutex_unlock(&lock);
}

void *calloc(size_t count, size_t size) {
  void *block = allocate(count * size, 16);
  return block ? memset(block, 0, count * size) : NULL;
}

void *realloc(void *block, size_t size) {
  size_t old = malloc_usable_size(block);
  if (block && size <= old) return block;
  void *new = allocate(size, 16);
  if (new && block) memcpy(new, block, old);
  free(block);
  return new;
}

void *memalign(size_t alignment, size_t size) { return allocate(size, alignment < 16 ? 16 : alignment); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
  *result = memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
