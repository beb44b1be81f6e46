#include "CActivity.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

// A page's worth of parse tables beside the name, as such libraries have.
enum { tables = 1024 };

struct activity_agent *activity_agent_parse(const char *header, size_t length) {
  struct activity_agent *agent = malloc(sizeof *agent);
  if (!agent) return NULL;
  agent->name = malloc(length + tables);
  if (!agent->name) {
    free(agent);
    return NULL;
  }
  memcpy(agent->name, header, length);
  memset(agent->name + length, 0, tables);
  agent->length = length;
  return agent;
}

void activity_agent_free(struct activity_agent *agent) {
  if (!agent) return;
  free(agent->name);
  free(agent);
}

// Headers of all rows, so that none is lost.
struct header {
  struct header *next;
  char title[40];
};
static struct header *headers;

size_t activity_report(size_t bytes) {
  enum { count = 256 };
  char *rows[count];
  size_t kept = 0;
  for (int i = 0; i < count; i++) {
    rows[i] = malloc(bytes + sizeof(struct header));
    if (rows[i]) memset(rows[i], 1, bytes);
  }
  for (int i = 0; i < count; i++) {
    // What is cut off becomes free, with this header below it and the next row's above.
    struct header *header = rows[i] ? realloc(rows[i], sizeof(struct header)) : NULL;
    if (!header) continue;
    header->next = headers;
    headers = header;
    kept++;
  }
  return kept;
}

void activity_touch_stack(size_t bytes) {
  volatile char stack[bytes > 0 ? bytes : 1];
  for (size_t i = 0; i < bytes; i += 1024) stack[i] = 1;
}

size_t activity_bytes_in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

size_t activity_bytes_free(void) { return mallinfo2().fordblks; }
