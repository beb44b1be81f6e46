// Does a module keep frame pointers? Its unwind tables say so: a function that makes a frame and never declares that the frame is found
// by the frame pointer register keeps none.
//
// Formats: .eh_frame_hdr and .eh_frame of the Linux Standard Base Core 5.0, call frame instructions of DWARF 5, 6.4.2.
#include "internal.h"

#include <string.h>

#if defined(__x86_64__)
#define FRAME_REGISTER 6
#else
#define FRAME_REGISTER 29
#endif

struct reader {
  const unsigned char *at, *end;
  bool failed;
};

static uint64_t read_number(struct reader *reader, uint32_t size) {
  uint64_t value = 0;
  if ((uint64_t)(reader->end - reader->at) < size) {
    reader->failed = true;
    reader->at = reader->end;
    return 0;
  }
  memcpy(&value, reader->at, size);
  reader->at += size;
  return value;
}

static uint64_t read_leb(struct reader *reader) {
  uint64_t value = 0;
  for (uint32_t shift = 0; reader->at < reader->end && shift < 64; shift += 7) {
    unsigned char byte = *reader->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  reader->failed = true;
  return 0;
}

static void skip(struct reader *reader, uint64_t bytes) {
  if ((uint64_t)(reader->end - reader->at) < bytes) {
    reader->failed = true;
    reader->at = reader->end;
  } else {
    reader->at += bytes;
  }
}

/// What one function's instructions say.
struct frame_use {
  bool makes_frame, keeps_pointer;
};

static struct frame_use scan_instructions(struct reader reader) {
  struct frame_use use = {0};
  while (reader.at < reader.end && !reader.failed) {
    unsigned char code = *reader.at++;
    switch (code & 0xc0) {
    case 0x40: case 0xc0: continue;                // advance_loc, restore
    case 0x80: read_leb(&reader); continue;        // offset
    default: break;
    }
    switch (code) {
    case 0x00: case 0x0a: case 0x0b: break;        // nop, remember_state, restore_state
    case 0x01: skip(&reader, 8); break;            // set_loc
    case 0x02: skip(&reader, 1); break;            // advance_loc1, 2, 4
    case 0x03: skip(&reader, 2); break;
    case 0x04: skip(&reader, 4); break;
    case 0x07: return (struct frame_use){0};       // undefined: the outermost function, written by hand
    case 0x06: case 0x08: case 0x2e: read_leb(&reader); break;
    case 0x05: case 0x09: case 0x11: case 0x14: case 0x15: case 0x2f: read_leb(&reader); read_leb(&reader); break;
    case 0x0c: case 0x12:                          // def_cfa: register, offset
      use.keeps_pointer |= read_leb(&reader) == FRAME_REGISTER;
      read_leb(&reader);
      break;
    case 0x0d: use.keeps_pointer |= read_leb(&reader) == FRAME_REGISTER; break;
    case 0x0e: case 0x13: use.makes_frame = true; read_leb(&reader); break;
    case 0x0f: return (struct frame_use){0};       // def_cfa_expression: the linker's stubs
    case 0x10: case 0x16: read_leb(&reader); skip(&reader, read_leb(&reader)); break;
    default: return use;                           // unknown: what was seen so far
    }
  }
  return use;
}

/// Whether the common entry at `entry` has augmentation data and pointers of four bytes, which is all that compilers write.
static bool has_short_pointers(const unsigned char *entry, uintptr_t start, uintptr_t end) {
  if ((uintptr_t)entry < start || (uintptr_t)entry + 32 > end) return false;
  uint32_t length, id;
  memcpy(&length, entry, 4);
  memcpy(&id, entry + 4, 4);
  if (id != 0 || length < 8 || length > 4096 || (uintptr_t)entry + 4 + length > end) return false;
  struct reader reader = {.at = entry + 8, .end = entry + 4 + length};
  read_number(&reader, 1);  // version
  const unsigned char *letters = reader.at;
  while (reader.at < reader.end && *reader.at) reader.at++;
  if (reader.at >= reader.end || *letters != 'z') return false;
  reader.at++;
  read_leb(&reader);  // code alignment, data alignment, return address register, size of the augmentation
  read_leb(&reader);
  read_leb(&reader);
  read_leb(&reader);
  for (letters++; *letters && !reader.failed; letters++) {
    uint64_t encoding = *letters == 'S' || *letters == 'B' ? 0 : read_number(&reader, 1);
    if (*letters == 'R') return (encoding & 0x0f) == 0x0b || (encoding & 0x0f) == 0x03;
    if (*letters == 'P') skip(&reader, (encoding & 0x07) == 0x03 ? 4 : 8);
  }
  return false;
}

int memwhy_frame_pointer_share(const void *frame_header, uintptr_t start, uintptr_t end, uint32_t most) {
  const unsigned char *header = frame_header;
  if ((uintptr_t)header < start || (uintptr_t)header + 12 > end) return -1;
  // Version 1; a table of pairs of offsets from the header, four bytes each.
  if (header[0] != 1 || header[1] != 0x1b || header[2] != 0x03 || header[3] != 0x3b) return -1;
  uint32_t count;
  memcpy(&count, header + 8, 4);
  if (count == 0 || ((uint64_t)end - (uintptr_t)header - 12) / 8 < count) return -1;
  uint32_t step = count > most ? count / most : 1, with_frame = 0, with_pointer = 0;
  for (uint32_t index = 0; index < count; index += step) {
    int32_t offset;
    memcpy(&offset, header + 12 + (uint64_t)index * 8 + 4, 4);
    uintptr_t entry = (uintptr_t)header + (uintptr_t)(intptr_t)offset;
    if (entry < start || entry + 24 > end) continue;
    uint32_t length, back;
    memcpy(&length, (const void *)entry, 4);
    memcpy(&back, (const void *)(entry + 4), 4);
    if (length < 16 || length > 1 << 16 || entry + 4 + length > end) continue;
    if (!has_short_pointers((const unsigned char *)(entry + 4 - back), start, end)) continue;
    struct reader reader = {.at = (const unsigned char *)entry + 8 + 8, .end = (const unsigned char *)entry + 4 + length};
    skip(&reader, read_leb(&reader));
    struct frame_use use = scan_instructions(reader);
    if (!use.makes_frame) continue;
    with_frame++;
    with_pointer += use.keeps_pointer;
  }
  return with_frame < 4 ? -1 : (int)(with_pointer * 100 / with_frame);
}
