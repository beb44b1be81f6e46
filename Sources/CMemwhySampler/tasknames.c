// The name of the task that allocates, which a program gives it by Task(name:) and its relatives (Swift 6.2 and later).
//
// The runtime keeps it as one of the task's status records. Its own function takes a lock on them, which code inside malloc must not; so
// they are read as they lie there. The thread that runs a task is the only one that adds and removes its records, and that thread is this
// one: the chain does not change meanwhile.
//
// Layout: AsyncTask, ActiveTaskStatus and TaskNameStatusRecord of Swift 6.3 (include/swift/ABI/Task.h and TaskStatus.h, stdlib/public/
// Concurrency/TaskPrivate.h). It is used only where the runtime says that it is this one.
#include "internal.h"
#include "numbers.h"

#include <string.h>

enum {
  TASK_SIZE = 208,
  TASK_FLAGS = 32,        // of the job, 32 bits
  TASK_RECORD = 104,      // the innermost status record
  RECORD_PARENT = 8,      // the next one
  RECORD_NAME = 16,       // of a name's record: a C string
  KIND_OF_NAME = 6,       // in the record's lowest byte
  LONGEST_CHAIN = 64,
  LONGEST_PROBE = 16,
};
#define FLAG_HAS_NAME (UINT32_C(1) << 30)

static bool is_known;

void memwhy_task_names_prepare(void) {
  is_known = memwhy_async.current_task && memwhy_async.has_task_names && memwhy_async.task_size &&
    *memwhy_async.task_size == TASK_SIZE && memwhy_async.layout_version && *memwhy_async.layout_version == 1;
  if (is_known) memwhy.header->flags |= MEMWHY_FLAG_TASK_NAMES;
}

static uintptr_t word(uintptr_t address) { return *(const uintptr_t *)address; }

static const char *name_of(uintptr_t task) {
  if (!(*(const uint32_t *)(task + TASK_FLAGS) & FLAG_HAS_NAME)) return NULL;
  uintptr_t record = word(task + TASK_RECORD);
  for (int steps = 0; steps < LONGEST_CHAIN && memwhy_can_be_object(record); steps++) {
    if (*(const uint8_t *)record == KIND_OF_NAME) return (const char *)word(record + RECORD_NAME);
    record = word(record + RECORD_PARENT);
  }
  return NULL;
}

/// Bytes of the name that are kept: no half characters of UTF-8 at the end.
static uint32_t kept_length(const char *name) {
  uint32_t length = 0;
  while (length < MEMWHY_TASK_NAME && name[length]) length++;
  if (length == MEMWHY_TASK_NAME) {
    while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80) length--;
  }
  return length;
}

static uint64_t hash_of(const char *name, uint32_t length) {
  uint64_t hash = length;
  for (uint32_t index = 0; index < length; index++) {
    hash = memwhy_hash_step(hash, (unsigned char)name[index]);
  }
  return memwhy_hash_end(hash);
}

uint16_t memwhy_task_name(const void *task) {
  if (!is_known) return 0;
  const char *name = name_of((uintptr_t)task);
  if (!name) return 0;
  uint32_t length = kept_length(name);
  uint64_t hash = hash_of(name, length), at = hash;
  for (int probe = 0; probe < LONGEST_PROBE; probe++, at++) {
    uint32_t index = (uint32_t)(at & memwhy.task_name_mask);
    if (index == 0) continue;
    struct memwhy_task_name *record = &memwhy.task_names[index];
    uint64_t known = memwhy_load(&record->hash);
    if (known == 0 && atomic_compare_exchange_strong((_Atomic uint64_t *)&record->hash, &known, hash)) {
      memcpy(record->name, name, length);
      record->length = length;
      atomic_store_explicit((_Atomic uint32_t *)&record->state, 1, memory_order_release);
      memwhy_count(&memwhy.header->task_names_used, 1);
      return (uint16_t)index;
    }
    if (known == hash) return (uint16_t)index;
  }
  memwhy_count(&memwhy.header->lost_task_names, 1);
  return 0;
}
