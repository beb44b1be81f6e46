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

void activity_touch_stack(size_t bytes) {
  volatile char stack[bytes > 0 ? bytes : 1];
  for (size_t i = 0; i < bytes; i += 1024) stack[i] = 1;
}

size_t activity_bytes_in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

size_t activity_bytes_free(void) { return mallinfo2().fordblks; }
