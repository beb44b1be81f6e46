// Asks the toolchain's RemoteMirror library about objects of another process:
//   mirror PID LIBRARY ADDRESS...
// prints `OBJECT address size name` and `FIELD address offset name` for each. Only a test's second opinion.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping { uint64_t start, end; char *bytes; char path[256]; };
static struct mapping mappings[8192];
static int mapping_count;

// While an image is added, the library reads its ELF section headers and section names at their file offsets; they are not
// mapped at run time, so they come from the file.
static const char *file_bytes;
static uint64_t image_base, headers_start, headers_end, names_start, names_end;

struct type_info { int kind; unsigned size, alignment, stride, field_count; };
struct child_info { const char *name; unsigned offset; int kind; uint64_t type; };

static struct mapping *find(uint64_t address) {
  int low = 0, high = mapping_count - 1;
  while (low <= high) {
    int middle = (low + high) / 2;
    if (address < mappings[middle].start) high = middle - 1;
    else if (address >= mappings[middle].end) low = middle + 1;
    else return &mappings[middle];
  }
  return NULL;
}

static int query_layout(void *context, int query, void *in, void *out) {
  switch (query) {
  case 0: case 1: *(uint8_t *)out = 8; return 1;   // sizes of pointer and size_t
  case 2: *(uint64_t *)out = ~0ull; return 1;      // pointer authentication mask
  case 3: *(uint8_t *)out = 0; return 1;           // Objective-C's reserved low bits
  case 4: *(uint64_t *)out = 0x1000; return 1;     // least valid pointer
  default: return 0;
  }
}

static void free_bytes(void *context, const void *bytes, void *token) {}

static const void *read_bytes(void *context, uint64_t address, uint64_t size, void **token) {
  *token = NULL;
  if (file_bytes && address >= image_base) {
    uint64_t offset = address - image_base;
    if ((offset >= headers_start && offset + size <= headers_end) || (offset >= names_start && offset + size <= names_end))
      return file_bytes + offset;
  }
  struct mapping *mapping = find(address);
  if (!mapping || !mapping->bytes || address + size > mapping->end) return NULL;
  return mapping->bytes + (address - mapping->start);
}

static uint64_t string_length(void *context, uint64_t address) {
  struct mapping *mapping = find(address);
  if (!mapping || !mapping->bytes) return 0;
  return strnlen(mapping->bytes + (address - mapping->start), mapping->end - address);
}

static uint64_t symbol_address(void *context, const char *name, uint64_t length) { return 0; }

static int use_file(struct mapping *mapping) {
  int file = open(mapping->path, O_RDONLY);
  if (file < 0) return 0;
  off_t size = lseek(file, 0, SEEK_END);
  char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return 0;
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
  if (header->e_shoff == 0 || header->e_shoff + (uint64_t)header->e_shnum * sizeof(Elf64_Shdr) > (uint64_t)size) return 0;
  const Elf64_Shdr *names = (const Elf64_Shdr *)(bytes + header->e_shoff) + header->e_shstrndx;
  image_base = mapping->start;
  headers_start = header->e_shoff;
  headers_end = headers_start + (uint64_t)header->e_shnum * sizeof(Elf64_Shdr);
  names_start = names->sh_offset;
  names_end = names_start + names->sh_size;
  file_bytes = bytes;
  return 1;
}

static void load_mappings(const char *pid) {
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%s/maps", pid);
  FILE *maps = fopen(path, "r");
  snprintf(path, sizeof path, "/proc/%s/mem", pid);
  int memory = open(path, O_RDONLY);
  if (!maps || memory < 0) { perror(path); exit(1); }
  while (fgets(line, sizeof line, maps) && mapping_count < 8192) {
    struct mapping *mapping = &mappings[mapping_count];
    char permissions[8];
    mapping->path[0] = 0;
    if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &mapping->start, &mapping->end, permissions, mapping->path) < 3) continue;
    mapping_count++;
    if (permissions[0] != 'r' || mapping->path[1] == 'v' || mapping->end - mapping->start > 1ul << 30) continue;
    size_t size = mapping->end - mapping->start, done = 0;
    mapping->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    while (done < size) {
      ssize_t count = pread(memory, mapping->bytes + done, size - done, (off_t)(mapping->start + done));
      if (count <= 0) break;
      done += count;
    }
  }
}

#define SYMBOL(type, name, ...) type (*name)(__VA_ARGS__) = dlsym(library, "swift_reflection_" #name); \
  if (!name) { fprintf(stderr, "no %s\n", #name); return 1; }

int main(int count, char **arguments) {
  if (count < 3) return 64;
  void *library = dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL);
  if (!library) { fprintf(stderr, "%s\n", dlerror()); return 69; }
  SYMBOL(void *, createReflectionContextWithDataLayout, void *, void *, void *, void *, void *, void *)
  SYMBOL(uint32_t, addImage, void *, uint64_t)
  SYMBOL(struct type_info, infoForInstance, void *, uint64_t)
  SYMBOL(struct child_info, childOfInstance, void *, uint64_t, unsigned)
  SYMBOL(uint64_t, typeRefForInstance, void *, uint64_t)
  SYMBOL(char *, copyDemangledNameForTypeRef, void *, uint64_t, _Bool)
  load_mappings(arguments[1]);
  void *context = createReflectionContextWithDataLayout(NULL, query_layout, free_bytes, read_bytes, string_length, symbol_address);
  for (int i = 0; i < mapping_count; i++) {
    struct mapping *mapping = &mappings[i];
    if (mapping->path[0] != '/' || !mapping->bytes || memcmp(mapping->bytes, ELFMAG, SELFMAG)) continue;
    if (i > 0 && !strcmp(mapping->path, mappings[i - 1].path)) continue;
    if (use_file(mapping)) addImage(context, mapping->start);
  }
  file_bytes = NULL;
  for (int i = 3; i < count; i++) {
    uint64_t address = strtoull(arguments[i], NULL, 16);
    struct type_info info = infoForInstance(context, address);
    uint64_t type = typeRefForInstance(context, address);
    char *name = type ? copyDemangledNameForTypeRef(context, type, 0) : NULL;
    printf("OBJECT %lx %u %s\n", address, info.size, name ? name : "-");
    for (unsigned j = 0; j < info.field_count && j < 256; j++) {
      struct child_info child = childOfInstance(context, address, j);
      printf("FIELD %lx %u %s\n", address, child.offset, child.name ? child.name : "-");
    }
  }
  return 0;
}
