import CLinux

/// The modules of an image that have thread-local variables, with the number under which each thread's vector lists their blocks.
///
/// The loader numbers them in the order in which it maps them, the program first, which is the order of its link map (elf/dl-tls.c and
/// elf/dl-load.c, glibc 2.31-2.42). A module that looks its own variables up at run time holds its number in memory: a word with an
/// `R_X86_64_DTPMOD64` relocation (U. Drepper, "ELF Handling For Thread-Local Storage", 2013); where there is one, it decides.
struct ThreadLocalModules {
  struct Entry {
    /// Index into the image's modules.
    var module: Int
    var number: UInt64
    /// Bytes of one thread's block.
    var size: UInt64
  }

  private(set) var entries: [Entry] = []

  private static let debugTag: UInt64 = 21
  private static let relocationsTag: UInt64 = 7
  private static let relocationBytesTag: UInt64 = 8
  private static let moduleNumberRelocation: UInt64 = 16
  private static let mostTags = 256
  private static let mostRelocations: UInt64 = 1 << 16
  private static let mostModules = 4096
  /// Blocks past this size are no thread-local storage that anyone has.
  private static let largest: UInt64 = 64 << 20

  init(modules: [Module], memory: any MemoryReader) {
    var sizes: [Int: UInt64] = [:]
    var dynamic: [Int: UInt64] = [:]
    for (index, module) in modules.enumerated() {
      guard let elf = ELFImage(memory: memory, base: module.start) else { continue }
      for segment in elf.segments {
        if segment.type == UInt32(PT_TLS), segment.memorySize > 0, segment.memorySize <= Self.largest {
          sizes[index] = segment.memorySize
        }
        if segment.type == UInt32(PT_DYNAMIC) { dynamic[index] = elf.bias &+ segment.virtualAddress }
      }
    }
    guard !sizes.isEmpty else { return }
    var numbers: [Int: UInt64] = [:]
    for index in sizes.keys {
      if let tags = dynamic[index] { numbers[index] = Self.ownNumber(modules[index], tags, memory) }
    }
    var next: UInt64 = 1
    for index in Self.loadOrder(dynamic, memory) ?? sizes.keys.sorted() where sizes[index] != nil {
      let taken = numbers[index]
      if taken == nil, !numbers.values.contains(next) { numbers[index] = next }
      next = max(next, taken ?? next) + 1
    }
    entries = numbers.compactMap { index, number in
      sizes[index].map { Entry(module: index, number: number, size: $0) }
    }.sorted { $0.number < $1.number }
  }

  /// Indices of modules in the order of the loader's link map; nil where there is none (a static program).
  private static func loadOrder(_ dynamic: [Int: UInt64], _ memory: any MemoryReader) -> [Int]? {
    // Only the program's own entry is filled in. r_debug: {version, map}; link_map: {bias, name, dynamic section, next} (<link.h>).
    for tags in dynamic.values {
      guard let debug = value(debugTag, tags, memory), debug != 0, let first: UInt64 = try? memory.load(at: debug &+ 8)
      else { continue }
      let byDynamic = Dictionary(dynamic.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
      var order: [Int] = []
      var map = first
      for _ in 0..<mostModules where map != 0 {
        guard let section: UInt64 = try? memory.load(at: map &+ 16), let next: UInt64 = try? memory.load(at: map &+ 24)
        else { break }
        if let index = byDynamic[section], !order.contains(index) { order.append(index) }
        map = next
      }
      return order
    }
    return nil
  }

  private static func value(_ tag: UInt64, _ tags: UInt64, _ memory: any MemoryReader) -> UInt64? {
    for index in 0..<UInt64(mostTags) {
      guard let found: UInt64 = try? memory.load(at: tags &+ 16 &* index), found != 0 else { return nil }
      if found == tag { return try? memory.load(at: tags &+ 16 &* index &+ 8) }
    }
    return nil
  }

  /// What the loader wrote for the module's own variables; nil where it does not look them up by number.
  private static func ownNumber(_ module: Module, _ tags: UInt64, _ memory: any MemoryReader) -> UInt64? {
    guard var table = value(relocationsTag, tags, memory), let bytes = value(relocationBytesTag, tags, memory) else {
      return nil
    }
    // The loader relocates this entry in place on most machines, not on all.
    if table < module.bias { table &+= module.bias }
    // Elf64_Rela: {offset, info: symbol in the high half, type in the low one, addend}.
    let count = min(bytes / 24, mostRelocations)
    guard count > 0, let words = try? memory.words(at: table, count: Int(count) * 3) else { return nil }
    for index in 0..<Int(count) where words[3 * index + 1] == moduleNumberRelocation {
      let number: UInt64? = try? memory.load(at: module.bias &+ words[3 * index])
      if let number, number > 0, number < UInt64(mostModules) { return number }
    }
    return nil
  }
}
