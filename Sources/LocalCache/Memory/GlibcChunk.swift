#if canImport(Glibc)
  import Glibc
#endif

/// What lies before a block of glibc's malloc: another block, or a hole.
///
/// Each chunk begins with two words: the size of the chunk before it, if that one is free, and its own size, whose lowest bits say whether the one
/// before is in use (1) and whether the chunk is a mapping of its own (2); what malloc returns is the address behind them ("malloc_chunk" in
/// malloc/malloc.c, the same from glibc 2.3 to 2.42). Free neighbours are merged, so every hole has one block behind it, and the holes before
/// the blocks of a cache, added up, are those that belong to it. Small blocks in malloc's quick lists count as in use; they are few.
///
/// `mallinfo2` would say the same of the whole process, and hold the arena's lock for as long as it takes to visit every free chunk: 20 to 200 ms with
/// some hundred thousand of them.
enum GlibcChunk {
  /// Unused memory before a block.
  struct Hole: Equatable {
    /// Bytes, without pages that have been returned to the system.
    var bytes = 0
    /// Those of them in whole pages that malloc could return.
    var pages = 0

    static func += (sum: inout Hole, more: Hole) {
      sum.bytes += more.bytes
      sum.pages += more.pages
    }
  }

  /// Whether this program's blocks come from glibc's malloc. Another allocator, or a sanitizer, brings its own `malloc_usable_size` along.
  static let isUsed: Bool = {
    #if canImport(Glibc) && (arch(x86_64) || arch(arm64))
      guard let used = dlsym(nil, "malloc_usable_size"), let library = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD)
      else { return false }
      defer { dlclose(library) }
      return dlsym(library, "malloc_usable_size") == used
    #else
      return false
    #endif
  }()

  #if !canImport(Glibc)
    /// Nothing is known of other allocators.
    static func hole(before block: UnsafeRawPointer) -> Hole { Hole() }
  #else
    /// The hole before a block that is in use. Nothing where the words make no sense: other threads may be changing them.
    static func hole(before block: UnsafeRawPointer) -> Hole {
      // Pointers with tags in their upper bits, and blocks that malloc did not align, are left alone.
      let address = UInt(bitPattern: block)
      guard isUsed, address >> 48 == 0, address & 15 == 0 else { return Hole() }
      let header = (block - 8).load(as: UInt.self)
      guard header & 3 == 0 else { return Hole() }
      let size = (block - 16).load(as: UInt.self)
      // The chunk before may have been given out meanwhile; then its last word is anything.
      guard size & 15 == 0, size >= 32, size < address, size < 1 << 30, (block - 8).load(as: UInt.self) == header else {
        return Hole()
      }
      return resident(from: address - 16 - size, to: address - 16)
    }

    private static let pageSize = UInt(max(4096, sysconf(Int32(_SC_PAGESIZE))))

    /// A hole without the pages that are not in memory. The beginning holds malloc's own list, up to 48 bytes.
    private static func resident(from start: UInt, to end: UInt) -> Hole {
      let first = (start + 48 + pageSize - 1) & ~(pageSize - 1)
      let last = end & ~(pageSize - 1)
      guard first < last else { return Hole(bytes: Int(end - start)) }
      let pages = Int((last - first) / pageSize)
      let looked = min(pages, 4096)
      var states = [UInt8](repeating: 0, count: looked)
      guard let address = UnsafeMutableRawPointer(bitPattern: first),
        mincore(address, looked * Int(pageSize), &states) == 0
      else { return Hole() }
      let present = states.reduce(0) { $0 + Int($1 & 1) } * pages / looked * Int(pageSize)
      return Hole(bytes: Int(end - start) - pages * Int(pageSize) + present, pages: present)
    }
  #endif
}
