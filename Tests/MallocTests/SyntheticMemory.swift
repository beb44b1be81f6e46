import ProcessImage

/// Memory of a made-up process: regions of bytes with their mappings.
struct SyntheticMemory {
  struct Region {
    var start: UInt64
    var bytes: [UInt8]
    var mapping: Mapping
    var end: UInt64 { start + UInt64(bytes.count) }
  }

  private(set) var regions: [Region] = []

  /// Adds a page-aligned region; noise fills it where a generator is given.
  mutating func map(
    _ start: UInt64, _ size: UInt64, _ permissions: Mapping.Permissions = [.read, .write], path: String = "",
    noise: inout SeededRandom
  ) {
    precondition(start % 4096 == 0 && size % 4096 == 0)
    var bytes = [UInt8](repeating: 0, count: Int(size))
    // Sparse noise: zeros, small numbers and pointers are what memory is made of.
    for word in 0..<Int(size / 64) {
      let value: UInt64
      switch noise.next() % 4 {
      case 0: value = noise.next() % 4096
      case 1: value = start &+ (noise.next() % size) & ~7
      case 2: value = noise.next()
      default: value = 0
      }
      for byte in 0..<8 { bytes[word * 64 + byte] = UInt8(truncatingIfNeeded: value >> (UInt64(byte) * 8)) }
    }
    regions.append(
      Region(
        start: start, bytes: bytes,
        mapping: Mapping(
          start: start, end: start + size, permissions: permissions, inode: path.hasPrefix("/") ? 1 : 0, path: path)))
  }

  private func index(_ address: UInt64) -> Int? {
    regions.firstIndex { address >= $0.start && address < $0.end }
  }

  mutating func store<T: FixedWidthInteger>(_ value: T, at address: UInt64) {
    guard let index = index(address) else { preconditionFailure("no region at \(String(address, radix: 16))") }
    let offset = Int(address - regions[index].start)
    withUnsafeBytes(of: value.littleEndian) { source in
      for byte in 0..<source.count { regions[index].bytes[offset + byte] = source[byte] }
    }
  }

  mutating func store(_ text: String, at address: UInt64) {
    for (offset, byte) in text.utf8.enumerated() { store(byte, at: address + UInt64(offset)) }
  }

  func word(_ address: UInt64) -> UInt64 {
    guard let index = index(address) else { return 0 }
    let offset = Int(address - regions[index].start)
    guard offset + 8 <= regions[index].bytes.count else { return 0 }
    return regions[index].bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
  }

  /// The image with neighbouring equal mappings merged, as the kernel does.
  func image(modules: [Module], threads: [ThreadState]) -> ProcessImage {
    var memory = ByteMemory()
    var mappings: [Mapping] = []
    for region in regions.sorted(by: { $0.start < $1.start }) {
      memory.add(region.bytes, at: region.start)
      if let last = mappings.last, last.end == region.mapping.start, last.path.isEmpty, region.mapping.path.isEmpty,
        last.permissions == region.mapping.permissions
      {
        mappings[mappings.count - 1].end = region.mapping.end
      } else {
        mappings.append(region.mapping)
      }
    }
    return ProcessImage(
      source: .bytes, pid: nil, name: "synthetic", mappings: mappings, modules: modules, threads: threads,
      memory: memory,
      files: NoModuleFiles())
  }

  /// The image with some bytes changed: what a fuzzer feeds to the walk.
  mutating func mutate(_ random: inout SeededRandom, count: Int) {
    for _ in 0..<count {
      let region = Int(random.next() % UInt64(regions.count))
      let size = regions[region].bytes.count
      guard size >= 8 else { continue }
      let offset = Int(random.next() % UInt64(size - 7))
      switch random.next() % 5 {
      case 0: regions[region].bytes[offset] = UInt8(truncatingIfNeeded: random.next())
      case 1: regions[region].bytes[offset] ^= 1 << UInt8(random.next() % 8)
      case 2: for byte in 0..<8 { regions[region].bytes[offset + byte] = 0xff }
      case 3:
        // A word from elsewhere: links that form cycles, sizes that lead astray.
        let source = Int(random.next() % UInt64(size / 8)) * 8
        for byte in 0..<8 { regions[region].bytes[(offset & ~7) + byte] = regions[region].bytes[source + byte] }
      default: for byte in 0..<8 { regions[region].bytes[(offset & ~7) + byte] = 0 }
      }
    }
  }

  /// Cuts regions short: memory that is mapped but cannot be read.
  mutating func truncate(_ random: inout SeededRandom) {
    let region = Int(random.next() % UInt64(regions.count))
    regions[region].bytes.removeLast(regions[region].bytes.count / Int(1 + random.next() % 4))
  }
}
