import ProcessImage

@testable import Malloc

/// Writes headers, lists and the allocator's own structures.
extension SyntheticGlibc {
  mutating func writeChunks() {
    var previousBinned: PlannedChunk?
    var listLengths: [String: Int] = [:]
    let owners = Set(chunks.compactMap { if case .cacheStruct(let thread) = $0.state { thread } else { nil } })
    let starts = Set(chunks.map(\.address))
    for index in chunks.indices {
      var chunk = chunks[index]
      // Lists have limits; what does not fit is live. A thread without a struct has no lists.
      if case .cached(let thread) = chunk.state {
        let key = "\(thread) \(list(ofSize: chunk.size))"
        if !owners.contains(thread) || listLengths[key, default: 0] >= version.fill {
          chunk.state = .live
        } else {
          listLengths[key, default: 0] += 1
        }
      }
      chunks[index] = chunk
      let follows = previousBinned.map { $0.address + $0.size == chunk.address } ?? false
      var flags: UInt64 = follows ? 0 : 1
      if chunk.arena > 0 && chunk.state != .binned { flags |= 4 }
      if follows, let previous = previousBinned { memory.store(previous.size, at: chunk.address) }
      memory.store(chunk.size | flags, at: chunk.address + 8)
      previousBinned = chunk.state == .binned ? chunk : nil
      // In front of a fencepost there is no next chunk in the plan.
      if chunk.state == .binned, !starts.contains(chunk.address + chunk.size) {
        memory.store(chunk.size, at: chunk.address + chunk.size)
        memory.store(memory.word(chunk.address + chunk.size + 8) & ~1, at: chunk.address + chunk.size + 8)
      }
      switch chunk.state {
      case .live, .cacheStruct: live[chunk.address + 16] = chunk.size - 8
      default: break
      }
      if case .cacheStruct(let thread) = chunk.state { cacheStructs[thread] = chunk.address + 16 }
    }
    // Threads whose struct found no room have none.
    for thread in 0..<options.threads where cacheStructs[thread] == 0 { cacheStructs[thread] = nil }
  }

  /// `csize2tidx` and `large_csize2tidx`.
  func list(ofSize size: UInt64) -> Int {
    size <= 0x410 ? Int(size / 16) - 2 : 64 + 21 - UInt32(size).leadingZeroBitCount
  }

  mutating func writeArenas() {
    for (index, arena) in arenas.enumerated() {
      let layout = version.layout
      for word in stride(from: UInt64(0), to: layout.size, by: 8) { memory.store(UInt64(0), at: arena + word) }
      let isNonContiguous = index > 0 || options.mappedPieces > 0
      memory.store(UInt32(isNonContiguous ? 2 : 0), at: arena + 4)
      memory.store(tops[index], at: arena + layout.top)
      memory.store(systemBytes[index], at: arena + layout.systemMemory)
      memory.store(systemBytes[index], at: arena + layout.systemMemory + 8)
      memory.store(arenas[(index + 1) % arenas.count], at: arena + layout.next)
      var bins: [UInt64: [UInt64]] = [:]
      var fast: [UInt64: [UInt64]] = [:]
      for chunk in chunks where chunk.arena == index {
        if chunk.state == .binned {
          bins[chunk.size < 1024 ? chunk.size / 16 - 1 : 60 + chunk.size % 32, default: []].append(chunk.address)
        } else if chunk.state == .fast {
          fast[chunk.size / 16 - 2, default: []].append(chunk.address)
        }
      }
      for bin in 0..<UInt64(GlibcLayout.binCount) {
        let head = arena + layout.bins + bin * 16 - 16
        let members = [head] + (bins[bin] ?? []).shuffled(using: &random) + [head]
        for (one, other) in zip(members, members.dropFirst()) {
          memory.store(other, at: one + 16)
          memory.store(one, at: other + 24)
        }
      }
      for (bin, members) in fast.sorted(by: { $0.key < $1.key }) {
        let list = members.shuffled(using: &random)
        memory.store(list[0], at: arena + GlibcLayout.fastbins + bin * 8)
        for (position, chunk) in list.enumerated() {
          link(field: chunk + 16, to: position + 1 < list.count ? list[position + 1] : 0)
        }
      }
    }
  }

  private mutating func link(field: UInt64, to target: UInt64) {
    memory.store(version.encoding == .plain ? target : target ^ (field >> 12), at: field)
  }

  mutating func writeCaches() {
    for thread in 0..<options.threads {
      let variable = pointer(ofThread: thread) - Self.cacheVariable
      guard let address = cacheStructs[thread] else {
        memory.store(version.hasDummy ? Self.data + Self.dummyOffset : 0, at: variable)
        continue
      }
      memory.store(address, at: variable)
      let format = version.tcache
      for word in stride(from: UInt64(0), to: format.size, by: 8) { memory.store(UInt64(0), at: address + word) }
      var lists: [Int: [UInt64]] = [:]
      for chunk in chunks where chunk.state == .cached(thread) {
        lists[list(ofSize: chunk.size), default: []].append(chunk.address + 16)
      }
      if thread == 0 { for chunk in mappedInCache { lists[70, default: []].append(chunk + 16) } }
      for list in 0..<format.listCount {
        var members = (lists[list] ?? []).shuffled(using: &random)
        // Large lists hold different sizes in ascending order.
        if list >= 64 { members.sort { memory.word($0 - 8) < memory.word($1 - 8) } }
        let count = format == .counts ? members.count : version.fill - members.count
        memory.store(UInt16(count), at: address + UInt64(list) * 2)
        memory.store(members.first ?? 0, at: address + format.entries + UInt64(list) * 8)
        for (position, member) in members.enumerated() {
          link(field: member, to: position + 1 < members.count ? members[position + 1] : 0)
        }
      }
    }
  }

  mutating func writeParameters() {
    let anchor = Self.data + Self.parametersOffset
    let layout = version.parameters
    memory.store(UInt64(0x20000), at: anchor - layout.start)
    memory.store(UInt64(0x20000), at: anchor - layout.start + 8)
    memory.store(UInt64(0x40000), at: anchor - layout.start + 16)
    memory.store(UInt64(8), at: anchor - layout.arenaTest)
    if layout != .beforeHugePages {
      memory.store(options.hugePageSize, at: anchor - 48)
    }
    memory.store(UInt32(mappedCount), at: anchor - layout.mmapCount)
    memory.store(UInt32(65_536), at: anchor - layout.mmapCount + 4)
    memory.store(UInt32(mappedCount + 3), at: anchor - layout.mmapCount + 8)
    memory.store(mappedBytes, at: anchor - 16)
    memory.store(mappedBytes + 0x10000, at: anchor - 8)
    memory.store(sbrkBase, at: anchor)
    memory.store(UInt64(64), at: anchor + 8)
    memory.store(UInt64(version.hasDummy ? 1033 : 1032), at: anchor + 16)
    memory.store(UInt64(version.fill), at: anchor + 24)
  }
}
