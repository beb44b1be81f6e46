import ProcessImage

/// Where the arenas of one copy of glibc are.
struct ArenaRing: Sendable, Hashable {
  var layout: GlibcLayout
  /// Address of `main_arena`.
  var main: UInt64
  /// Addresses of all arenas in the order of their `next` links, main first.
  var arenas: [UInt64]
  /// Size of `heap_info`: 0x30 since 2.35, 0x20 before; nil where only the main arena exists.
  var heapInfoSize: UInt64?
  /// Index of the module that holds `main_arena`: libc, or a static executable.
  var module: Int
}

/// Finds `main_arena` without symbols: `bins` is an array of list heads, and the two words of an empty list's head
/// point 16 bytes before themselves. No other structure of a process looks like that.
struct ArenaLocator {
  let image: ProcessImage
  let space: AddressSpace
  let cache: PageCache
  /// Empty bins that must be seen before the rest of an arena is checked.
  private static let fewestEmptyBins = 4
  /// A module's writable memory beyond this is not searched: glibc's own is a few pages.
  private static let searchLimit: UInt64 = 64 << 20
  private static let mostArenas = 65_536

  /// Every initialised ring of the image; more than one only where `dlmopen` loaded a second libc.
  func locate() -> [ArenaRing] {
    let libcs = image.modules.indices.filter { isLibc(image.modules[$0]) }
    let found = libcs.flatMap { rings(inModule: $0) }
    if !found.isEmpty { return found }
    // A static executable, or a libc under another name.
    for index in image.modules.indices where !libcs.contains(index) {
      let found = rings(inModule: index)
      if !found.isEmpty { return found }
    }
    return []
  }

  private func rings(inModule index: Int) -> [ArenaRing] {
    var result: [ArenaRing] = []
    for range in image.modules[index].writableRanges where range.upperBound <= AddressSpace.limit {
      for bins in candidates(in: range) {
        guard let ring = ring(bins: bins, module: index), !result.contains(where: { $0.main == ring.main }) else {
          continue
        }
        result.append(ring)
      }
    }
    return result
  }

  private func isLibc(_ module: Module) -> Bool { module.name.hasPrefix("libc.so") || module.name.hasPrefix("libc-2") }

  /// Addresses at which a `bins` array may start, best first.
  private func candidates(in range: Range<UInt64>) -> [UInt64] {
    let hits = emptyHeads(in: range)
    var result: [(hits: Int, bins: UInt64)] = []
    let span = UInt64(GlibcLayout.binCount - 1) * 16
    // Heads in one array have the same phase.
    for phase in [UInt64(0), 8] {
      let group = hits.filter { $0 & 15 == phase }
      var first = 0
      while first < group.count {
        var last = first
        while last + 1 < group.count && group[last + 1] - group[first] <= span { last += 1 }
        if last - first + 1 >= Self.fewestEmptyBins {
          // The array starts at or before its first empty head and ends at or after the last.
          var bins = group[first]
          let lowest = group[last] >= span ? group[last] - span : 0
          while bins >= lowest && bins >= range.lowerBound {
            result.append((last - first + 1, bins))
            guard bins >= 16 else { break }
            bins -= 16
          }
        }
        first = last + 1
      }
    }
    return result.sorted { $0.hits > $1.hits }.map(\.bins)
  }

  /// Addresses of word pairs that both hold their own address - 16.
  private func emptyHeads(in range: Range<UInt64>) -> [UInt64] {
    var result: [UInt64] = []
    let end = min(range.upperBound, range.lowerBound &+ Self.searchLimit)
    var position = (range.lowerBound &+ 7) & ~7
    var carried: UInt64?
    while position < end {
      let count = Int(min(end - position, 1 << 18) / 8)
      guard count > 0 else { break }
      guard let words = cache.words(position, count: count) else {
        // A page that is not there: go on behind it.
        position = (position | 0xfff) &+ 1
        carried = nil
        if position == 0 { break }
        continue
      }
      for (index, word) in words.enumerated() {
        let address = position &+ UInt64(index) * 8
        if let previous = carried, previous == word, word == address &- 24 {
          result.append(address - 8)
          if result.count > 1 << 16 { return result }
        }
        carried = word
      }
      position += UInt64(count) * 8
    }
    return result
  }

  /// Follows the ring of arenas through the main arena whose bins are at `bins`; nil where it does not close.
  private func ring(bins: UInt64, module: Int) -> ArenaRing? {
    for layout in GlibcLayout.all where bins >= layout.bins {
      let main = bins - layout.bins
      guard let top = cache.word(main &+ layout.top), top == main &+ layout.top || space.contains(top, count: 16) else {
        continue
      }
      var arenas = [main]
      var seen: Set<UInt64> = [main]
      var heapInfoSize: UInt64?
      guard var next = cache.word(main &+ layout.next) else { continue }
      while next != main, arenas.count < Self.mostArenas {
        guard let size = heapInfo(ofArena: next), seen.insert(next).inserted,
          let following = cache.word(next &+ layout.next)
        else { break }
        heapInfoSize = size
        arenas.append(next)
        next = following
      }
      if next == main {
        return ArenaRing(layout: layout, main: main, arenas: arenas, heapInfoSize: heapInfoSize, module: module)
      }
    }
    return nil
  }

  /// A thread arena sits right behind the `heap_info` of its first heap, whose first word points to the arena.
  private func heapInfo(ofArena arena: UInt64) -> UInt64? {
    guard arena & 15 == 0, space.contains(arena, count: 2200) else { return nil }
    for size in [UInt64(0x30), 0x20] where arena & 0xfff == size && cache.word(arena &- size) == arena { return size }
    return nil
  }
}
