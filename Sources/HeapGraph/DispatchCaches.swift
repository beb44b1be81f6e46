import Malloc
import ProcessImage
import SwiftMetadata

/// Finds libdispatch's caches of used-up continuations: blocks that stay allocated and whose words are history.
///
/// Each thread that ran queued work keeps a list of free continuations in a thread-local variable. What they last ran is still in
/// them, and would keep every task that ever passed through the queue. A cached continuation is 64 bytes, has the length
/// of the list from here on at +8 and the next one at +16, so a list proves itself: the lengths count down to 1
/// (`_dispatch_continuation_free_cacheonly`, swiftlang/swift-corelibs-libdispatch src/inline_internal.h and src/queue_internal.h).
struct DispatchCaches {
  /// Blocks that wait for reuse.
  private(set) var blocks: [Int] = []

  /// `DISPATCH_CONTINUATION_SIZE` is 64; glibc rounds it to 72 usable bytes.
  private static let sizes: ClosedRange<UInt64> = 64...104
  /// `dispatch_assert` cap of the cache, `DISPATCH_CONTINUATION_CACHE_LIMIT`, with room for a later one.
  private static let limit = 1 << 16
  private static let link: UInt64 = 16
  private static let lengthOffset: UInt64 = 8

  /// - Parameter roots: all; looked at are those in static thread-local storage, right below a thread pointer.
  init(threads: [ThreadState], roots: [Root], heap: TypedHeap, window: MemoryWindow) throws(MemoryError) {
    // The variable is at the same distance from every thread's control block, so a list long enough to be no accident in one
    // thread tells where to look in all others.
    var votes: [UInt64: Int] = [:]
    var lists: [UInt64: [[Int]]] = [:]
    let places = ThreadPlaces(threads)
    for root in roots where root.kind != .register && root.kind != .vector {
      guard let thread = places.threadPointer(atOrAbove: root.address), thread - root.address <= 1 << 16
      else { continue }
      let list = try Self.list(from: Int(root.block), heap: heap, window: window)
      guard !list.isEmpty else { continue }
      lists[thread - root.address, default: []].append(list)
      votes[thread - root.address, default: 0] += list.count > 1 ? list.count : 0
    }
    guard let best = votes.filter({ $0.value > 2 }).max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return }
    blocks = Array(Set((lists[best.key] ?? []).joined())).sorted()
  }

  /// The blocks of the list that starts at `first`; empty where it is none.
  private static func list(from first: Int, heap: TypedHeap, window: MemoryWindow) throws(MemoryError) -> [Int] {
    var list: [Int] = []
    var block = first
    var expected: UInt64?
    while list.count < limit {
      guard sizes.contains(heap.blocks.size(block)) else { return [] }
      let address = heap.blocks.address(block)
      guard try window.load(address..<address + 24) else { return [] }
      // A 32-bit count; what is above it is left over.
      let length = window.word(address + lengthOffset) & 0xffff_ffff
      let next = window.word(address + link)
      guard length > 0, length <= UInt64(limit), expected ?? length == length else { return [] }
      list.append(block)
      if length == 1 { return next == 0 ? list : [] }
      block = heap.blocks.index(startingAt: next)
      guard block >= 0 else { return [] }
      expected = length - 1
    }
    return []
  }
}
