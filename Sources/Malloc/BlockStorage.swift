import Glibc
import Synchronization

/// Three parallel columns of raw memory that grow in place: what a table of blocks is built from and then made of.
///
/// `realloc` moves large areas by remapping pages, and pages beyond the count are never touched, so growing by half neither copies nor
/// doubles the resident memory: 20 bytes a block, at the peak too.
@usableFromInline
final class BlockStorage: @unchecked Sendable {
  // Appended to only by a builder that holds the one reference, read-only once a table stands on it.
  @usableFromInline private(set) var addresses: UnsafeMutablePointer<UInt64>
  @usableFromInline private(set) var wordCounts: UnsafeMutablePointer<UInt32>
  @usableFromInline private(set) var heads: UnsafeMutablePointer<UInt64>
  @usableFromInline private(set) var count = 0
  @usableFromInline private(set) var isSorted = true
  private var capacity: Int
  /// One builder may settle while another one copies.
  private let lock = Mutex<Void>(())

  /// Indices are `UInt32`, and the last one is left out.
  private static let mostBlocks = Int(UInt32.max) - 1
  /// Nothing of a user's address space lies above; sums of addresses below never overflow.
  private static let addressLimit: UInt64 = 1 << 62

  @usableFromInline init(capacity: Int = 1024) {
    self.capacity = max(capacity, 16)
    addresses = Self.grow(nil, to: self.capacity)
    wordCounts = Self.grow(nil, to: self.capacity)
    heads = Self.grow(nil, to: self.capacity)
  }

  deinit {
    free(addresses)
    free(wordCounts)
    free(heads)
  }

  private static func grow<T>(_ old: UnsafeMutablePointer<T>?, to capacity: Int) -> UnsafeMutablePointer<T> {
    guard let memory = realloc(old, capacity * MemoryLayout<T>.stride) else {
      // As Swift's own allocations do where there is no memory at all.
      preconditionFailure("out of memory for \(capacity) blocks")
    }
    return memory.bindMemory(to: T.self, capacity: capacity)
  }

  func copy() -> BlockStorage {
    lock.withLock { _ in
      let other = BlockStorage(capacity: capacity)
      other.addresses.initialize(from: addresses, count: count)
      other.wordCounts.initialize(from: wordCounts, count: count)
      other.heads.initialize(from: heads, count: count)
      other.count = count
      other.isSorted = isSorted
      return other
    }
  }

  /// Adds one block; one with an impossible address is left out.
  func append(_ block: BlockTable.Block) {
    withUnsafePointer(to: block) { append(UnsafeBufferPointer(start: $0, count: 1)) }
  }

  /// Adds blocks; those with an impossible address are left out.
  func append(_ blocks: UnsafeBufferPointer<BlockTable.Block>) {
    reserve(count + blocks.count)
    // Copies of the columns: properties of a class cost an access check each.
    let (addresses, wordCounts, heads) = (addresses, wordCounts, heads)
    var next = count
    var inOrder = isSorted
    var last = next > 0 ? addresses[next - 1] : 0
    for block in blocks {
      guard block.address < Self.addressLimit, block.size < Self.addressLimit, next < Self.mostBlocks else { continue }
      if next > 0 && last >= block.address { inOrder = false }
      last = block.address
      addresses[next] = block.address
      // Sizes past 32 GiB a block are clamped; the walk's own totals stay exact.
      wordCounts[next] = UInt32(clamping: block.size >> 3)
      heads[next] = block.head
      next += 1
    }
    count = next
    isSorted = inOrder
  }

  private func reserve(_ needed: Int) {
    guard needed > capacity else { return }
    capacity = max(needed, capacity + capacity / 2)
    addresses = Self.grow(addresses, to: capacity)
    wordCounts = Self.grow(wordCounts, to: capacity)
    heads = Self.grow(heads, to: capacity)
  }

  /// Sorts by address where needed and drops blocks that begin inside an earlier one. O(n log n), O(n) for sorted input.
  ///
  /// - Returns: the sum of the sizes in bytes.
  func settle() -> UInt64 { lock.withLock { _ in settleLocked() } }

  private func settleLocked() -> UInt64 {
    if !isSorted { sort() }
    let (addresses, wordCounts, heads) = (addresses, wordCounts, heads)
    var kept = 0
    var end: UInt64 = 0
    var total: UInt64 = 0
    for index in 0..<count {
      let address = addresses[index]
      if kept > 0 && address < end { continue }
      let words = wordCounts[index]
      addresses[kept] = address
      wordCounts[kept] = words
      heads[kept] = heads[index]
      let size = UInt64(words) << 3
      // A block without a byte still takes its address.
      end = address + max(size, 1)
      total &+= size
      kept += 1
    }
    count = kept
    return total
  }

  /// Merges sorted runs: a walk appends whole segments, so there are few. O(n log runs), 4 bytes a block while it lasts.
  private func sort() {
    var runs: [Range<UInt32>] = []
    var start = 0
    for index in 1..<max(count, 1) where addresses[index] < addresses[index - 1] {
      runs.append(UInt32(start)..<UInt32(index))
      start = index
    }
    runs.append(UInt32(start)..<UInt32(count))
    // Whole runs that do not interleave need no comparison of blocks; the common case of segments out of order.
    runs.sort { addresses[Int($0.lowerBound)] < addresses[Int($1.lowerBound)] }
    var order = [UInt32]()
    order.reserveCapacity(count)
    for run in runs { order.append(contentsOf: run) }
    if zip(runs, runs.dropFirst()).contains(where: {
      addresses[Int($0.upperBound) - 1] > addresses[Int($1.lowerBound)]
    }) {
      // Stable, so that of two equal blocks the first appended one stays.
      order = Array(0..<UInt32(count))
      order.sort { (addresses[Int($0)], $0) < (addresses[Int($1)], $1) }
    }
    permute(order)
    isSorted = true
  }

  /// Puts block `order[i]` at `i`, one column after the other.
  private func permute(_ order: [UInt32]) {
    func apply<T>(_ column: inout UnsafeMutablePointer<T>) {
      let sorted: UnsafeMutablePointer<T> = Self.grow(nil, to: capacity)
      for (target, source) in order.enumerated() { sorted[target] = column[Int(source)] }
      free(column)
      column = sorted
    }
    apply(&addresses)
    apply(&wordCounts)
    apply(&heads)
  }
}
