import ProcessImage

@testable import Malloc

/// Lays out a heap as glibc would: arenas, bins, fastbins, thread caches, several heaps an arena, mmapped chunks.
///
/// It knows what is live; the walk has to find out.
struct SyntheticGlibc {
  struct Options: Sendable {
    var threads = 3
    /// Heaps of each thread arena; 0 for none.
    var heaps: [Int] = [1, 3]
    /// Foreign bytes between pieces of the main heap.
    var breakGaps: [UInt64] = []
    /// Pieces that `mmap` gave the main arena.
    var mappedPieces = 0
    var mappedChunks = 6
    /// Alignment of heaps in bytes (4 huge pages with the tunable, 64 MiB without).
    var hugePageSize: UInt64 = 0
    var isMainUsed = true
    /// The module that holds the allocator.
    var module = "/usr/lib/x86_64-linux-gnu/libc.so.6"
    var hasThreadRegisters = true
  }

  enum State: Hashable {
    case live, binned, fast
    case cached(Int)
    case cacheStruct(Int)
  }
  struct PlannedChunk {
    var address, size: UInt64
    var state: State
    var arena: Int
  }

  let version: SyntheticVersion
  let options: Options
  var random: SeededRandom
  var memory = SyntheticMemory()
  var chunks: [PlannedChunk] = []
  /// Usable bytes by user address.
  var live: [UInt64: UInt64] = [:]
  var cacheStructs: [Int: UInt64] = [:]
  var arenas: [UInt64] = []
  var systemBytes: [UInt64] = []
  var tops: [UInt64] = []
  var mappedCount: UInt64 = 0
  var mappedBytes: UInt64 = 0
  var mappedInCache: [UInt64] = []
  var sbrkBase: UInt64 = 0
  /// Registers of threads that stand inside the allocator, by thread.
  var inside: [Int: [UInt64]] = [:]

  static let libc: UInt64 = 0x7f40_0000_0000
  static let data: UInt64 = libc + 0x10_0000
  static let arenaOffset: UInt64 = 0xc60
  static let parametersOffset: UInt64 = 0x1800
  static let dummyOffset: UInt64 = 0x2400
  static let heapStart: UInt64 = 0x5555_5560_0000
  static let threadStart: UInt64 = 0x7f50_0000_0000
  static let cacheVariable: UInt64 = 0x118

  init(_ version: SyntheticVersion, _ options: Options = Options(), seed: UInt64) {
    self.version = version
    self.options = options
    random = SeededRandom(seed: seed)
    memory.map(Self.libc, 0x2000, [.read], path: options.module, noise: &random)
    memory.store(
      "GNU C Library (Debian GLIBC \(version.name)-9) stable release version \(version.name).\n\0",
      at: Self.libc + 0xfc0)
    memory.map(Self.data, 0x4000, path: options.module, noise: &random)
    for offset in stride(from: UInt64(0), to: 0x4000, by: 8) { memory.store(UInt64(0), at: Self.data + offset) }
    arenas = [Self.data + Self.arenaOffset]
    systemBytes = [0]
    tops = [arenas[0] + version.layout.top]
    for thread in 0..<options.threads {
      memory.map(Self.threadStart + UInt64(thread) * 0x10_0000, 0x5000, noise: &random)
    }
    if options.isMainUsed { layOutMainHeap() }
    for (index, heaps) in options.heaps.enumerated() where heaps > 0 { layOutArena(index + 1, heaps: heaps) }
    layOutMapped()
    writeChunks()
    writeArenas()
    writeCaches()
    writeParameters()
  }

  var image: ProcessImage {
    let module = Module(
      path: options.module, bias: Self.libc, start: Self.libc, end: Self.data + 0x4000,
      writableRanges: [Self.data..<Self.data + 0x4000])
    let threads = (0..<options.threads).map {
      ThreadState(
        tid: Int32($0 + 1), stackPointer: 0, instructionPointer: inside[$0] == nil ? 0 : Self.libc + 0x100,
        threadPointer: options.hasThreadRegisters ? pointer(ofThread: $0) : 0, registers: inside[$0] ?? [])
    }
    return memory.image(modules: [module], threads: threads)
  }

  func pointer(ofThread thread: Int) -> UInt64 { Self.threadStart + UInt64(thread) * 0x10_0000 + 0x4800 }
}
