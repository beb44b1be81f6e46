import ProcessImage

@testable import Malloc

/// Where things go.
extension SyntheticGlibc {
  enum Ending { case top, fence, heapFence }

  mutating func layOutMainHeap() {
    // Not page aligned, as in a static executable that took its thread control block from the break first.
    sbrkBase = Self.heapStart + (random.next() % 2 == 0 ? 0 : 0x428)
    var position = sbrkBase
    let pieces = options.breakGaps.count + 1
    var end = Self.heapStart
    var mapped: [(UInt64, UInt64)] = []
    for piece in 0..<pieces {
      let isLast = piece == pieces - 1
      end = Chunk.alignUp(position + 0x8000 + (random.next() % 16) * 4096, 4096)
      mapped.append((position, end))
      if !isLast { position = Chunk.alignUp(end + options.breakGaps[piece], 16) }
    }
    memory.map(Self.heapStart, end - Self.heapStart, path: "[heap]", noise: &random)
    // What others put between the pieces; it must not look like chunks that lead on.
    for (index, (start, end)) in mapped.enumerated() {
      let topIsHere = index == pieces - 1 && options.mappedPieces == 0
      let size =
        topIsHere
        ? fill(Chunk.alignUp(start, 16), end, .top, arena: 0) : fill(Chunk.alignUp(start, 16), end, .fence, arena: 0)
      systemBytes[0] += end - start
      if topIsHere { tops[0] = size }
      // Gaps count while the heap is contiguous.
      if index > 0 { systemBytes[0] += start - mapped[index - 1].1 }
    }
    for piece in 0..<options.mappedPieces {
      // Adjacent ones are merged by the kernel.
      let start = 0x7f60_0000_0000 - UInt64(piece + 1) * 0x10_0000
      memory.map(start, 0x10_0000, noise: &random)
      systemBytes[0] += 0x10_0000
      let isLast = piece == options.mappedPieces - 1
      let reached = fill(start, start + 0x10_0000, isLast ? .top : .fence, arena: 0)
      if isLast { tops[0] = reached }
    }
  }

  mutating func layOutArena(_ index: Int, heaps: Int) {
    let alignment: UInt64 = options.hugePageSize > 0 ? options.hugePageSize * 4 : 64 << 20
    arenas.append(0)
    systemBytes.append(0)
    tops.append(0)
    var previous: UInt64 = 0
    for heap in 0..<heaps {
      let base = 0x7f30_0000_0000 + (UInt64(index) * 8 + UInt64(heap)) * alignment
      let size = 0x6000 + (random.next() % 8) * 4096
      // More is accessible than in use.
      memory.map(base, size + 0x2000, noise: &random)
      if heap == 0 { arenas[arenas.count - 1] = base + version.heapInfoSize }
      let arena = arenas[arenas.count - 1]
      memory.store(arena, at: base)
      memory.store(previous, at: base + 8)
      memory.store(size, at: base + 16)
      memory.store(size + 0x2000, at: base + 24)
      previous = base
      systemBytes[systemBytes.count - 1] += size
      let first = heap == 0 ? Chunk.alignUp(arena + version.layout.size, 16) : base + version.heapInfoSize
      let reached = fill(first, base + size, heap == heaps - 1 ? .top : .heapFence, arena: arenas.count - 1)
      if heap == heaps - 1 { tops[tops.count - 1] = reached }
    }
  }

  mutating func layOutMapped() {
    var position: UInt64 = 0x7f70_0000_0000
    for index in 0..<options.mappedChunks {
      let size = (1 + random.next() % 40) * 4096
      memory.map(position, size, noise: &random)
      // The header that malloc wrote before memalign moved it stays behind.
      writeMapped(at: position, base: position, whole: size)
      var chunk = position
      if index % 2 == 1 {
        let alignment = UInt64(32) << (random.next() % 12)
        var user = Chunk.alignUp(position + 16, alignment)
        // Up to 2.37 a gap that is too small for a chunk is skipped.
        if user - 16 - position < 32 && user != position + 16 && version.layout.hasFastbins { user += alignment }
        if user < position + size - 64 {
          chunk = user - 16
          writeMapped(at: chunk, base: position, whole: size)
        }
      }
      mappedCount += 1
      mappedBytes += size
      let usable = position + size - chunk - (version.layout.hasFastbins ? 16 : 24)
      if version.hasDummy && index == 0 && cacheStructs[0] ?? 0 != 0 {
        mappedInCache.append(chunk)
      } else {
        live[chunk + 16] = usable
      }
      position += size + (random.next() % 3 == 0 ? 0x3000 : 0)
    }
  }

  private mutating func writeMapped(at chunk: UInt64, base: UInt64, whole: UInt64) {
    let rest = whole - (chunk - base)
    memory.store(chunk - base, at: chunk)
    memory.store((version.layout.hasFastbins ? rest : rest - 16) | 2, at: chunk + 8)
  }

  /// Plans chunks from `first` to the end of a segment; returns the address of its top where it has one.
  mutating func fill(_ first: UInt64, _ end: UInt64, _ ending: Ending, arena: Int) -> UInt64 {
    var stop = end
    switch ending {
    case .top: stop = Chunk.alignUp(first + (end - first) * 3 / 4, 16)
    case .fence: stop = random.next() % 3 == 0 ? end - 48 : end - 32
    case .heapFence: stop = random.next() % 3 == 0 ? end - 48 : end - 32
    }
    // The thread caches' structs live in some arena.
    var pending: [(UInt64, State)] = []
    let isFirst = !chunks.contains { $0.arena == arena }
    for thread in 0..<options.threads where isFirst && cacheStructs[thread] == nil && random.next() % 2 == 0 {
      pending.append((version.tcacheChunk, .cacheStruct(thread)))
      cacheStructs[thread] = 0
    }
    var position = first
    var wasBinned = false
    while position < stop {
      var size: UInt64
      var state: State
      if let next = pending.popLast() {
        (size, state) = next
      } else {
        size = 32 + (random.next() % 40) * 16
        if random.next() % 20 == 0 { size = 0x1000 + (random.next() % 64) * 16 }
        switch random.next() % 10 {
        case 0, 1: state = wasBinned ? .live : .binned
        case 2 where size <= 128 && version.layout.hasFastbins: state = .fast
        case 3 where size <= 0x410 || version.tcache == .slots:
          state = .cached(Int(random.next() % UInt64(max(options.threads, 1))))
        default: state = .live
        }
      }
      if position + size > stop || stop - position - size < 32 && stop - position != size {
        size = stop - position
        state = .live
      }
      // Free memory in front of a top would have become part of it.
      if position + size == stop && state == .binned && (ending == .top || end - stop == 48) { state = .live }
      if size < 32 { break }
      chunks.append(PlannedChunk(address: position, size: size, state: state, arena: arena))
      wasBinned = state == .binned
      position += size
    }
    close(position, end, ending)
    return position
  }

  private mutating func close(_ position: UInt64, _ end: UInt64, _ ending: Ending) {
    switch ending {
    case .top:
      memory.store(end - position | 1, at: position + 8)
    case .fence:
      // Two fenceposts, or three where the old top was too small.
      var fence = position
      while fence < end {
        memory.store(UInt64(0x11), at: fence + 8)
        fence += 16
      }
    case .heapFence:
      if end - position == 48 {
        memory.store(UInt64(0x21), at: position + 8)
      } else {
        memory.store(UInt64(0x11), at: position + 8)
        memory.store(UInt64(0x10), at: position + 16)
      }
      memory.store(UInt64(1), at: end - 8)
    }
  }
}
