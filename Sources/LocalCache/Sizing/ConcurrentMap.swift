import Synchronization

/// Words by words, for what is looked up all the time and added to seldom: a look-up takes no lock and writes nothing.
///
/// Open addressing with linear probing. An entry's value is written before its key, and never changes. A map that grows publishes a larger
/// table; the smaller ones stay until its end, because somebody may be reading them: together they are smaller than the last.
final class ConcurrentMap: @unchecked Sendable {
  /// A table: a word with the number of slots less one, then keys and values in turn. A key of 0 is a free slot.
  private struct Table {
    let words: UnsafeMutablePointer<Atomic<UInt>>

    init(slots: Int) {
      words = .allocate(capacity: 1 + 2 * slots)
      for index in 0..<1 + 2 * slots { (words + index).initialize(to: Atomic(0)) }
      words.pointee.store(UInt(slots - 1), ordering: .relaxed)
    }

    init(at address: UInt) {
      guard let words = UnsafeMutablePointer<Atomic<UInt>>(bitPattern: address) else { preconditionFailure("no table") }
      self.words = words
    }

    var mask: Int { Int(words.pointee.load(ordering: .relaxed)) }

    /// The slot of a key, or the free one where it would be.
    func slot(of key: UInt) -> UnsafeMutablePointer<Atomic<UInt>> {
      let mask = self.mask
      var index = Int(truncatingIfNeeded: AddressHash.of(key) >> 16) & mask
      while true {
        let slot = words + 1 + 2 * index
        let found = slot.pointee.load(ordering: .acquiring)
        if found == key || found == 0 { return slot }
        index = (index + 1) & mask
      }
    }

    func set(_ key: UInt, _ value: UInt) {
      let slot = slot(of: key)
      (slot + 1).pointee.store(value, ordering: .relaxed)
      slot.pointee.store(key, ordering: .releasing)
    }
  }

  private struct Writers {
    var count = 0
    var retired: [Table] = []
  }

  private let current: Atomic<UInt>
  private let writers = Guarded(Writers())

  init() { current = Atomic(UInt(bitPattern: Table(slots: 64).words)) }

  deinit {
    writers.withLock { writers in
      for table in writers.retired + [self.table] { table.words.deallocate() }
    }
  }

  private var table: Table { Table(at: current.load(ordering: .acquiring)) }

  /// The value of a key that is not 0. Constant time on average.
  subscript(_ key: UInt) -> UInt? {
    let slot = table.slot(of: key)
    return slot.pointee.load(ordering: .acquiring) == key ? (slot + 1).pointee.load(ordering: .relaxed) : nil
  }

  /// Adds a key that is not 0, unless it is there.
  func insert(_ key: UInt, _ value: UInt) {
    guard key != 0 else { return }
    writers.withLock { writers in
      guard self[key] == nil else { return }
      var table = self.table
      if writers.count * 2 > table.mask {
        let larger = Table(slots: (table.mask + 1) * 2)
        for index in 0...table.mask {
          let slot = table.words + 1 + 2 * index
          let key = slot.pointee.load(ordering: .relaxed)
          if key != 0 { larger.set(key, (slot + 1).pointee.load(ordering: .relaxed)) }
        }
        current.store(UInt(bitPattern: larger.words), ordering: .releasing)
        writers.retired.append(table)
        table = larger
      }
      table.set(key, value)
      writers.count += 1
    }
  }
}

/// Addresses of blocks and types: their lowest four bits say nothing.
enum AddressHash {
  /// Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): the upper bits are the good ones.
  static func of(_ address: UInt) -> UInt { (address >> 4) &* 0x9E37_79B9_7F4A_7C15 }
}
