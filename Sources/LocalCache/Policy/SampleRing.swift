import Synchronization

/// Hashes of sampled accesses on their way to the shadow caches. Full, it takes no more: the next insertion empties it.
///
/// Threads that read together add at the same time; who empties it is alone.
@usableFromInline
struct SampleRing: @unchecked Sendable {
  @usableFromInline static let capacity: UInt32 = 64
  /// The number of hashes, then the hashes.
  @usableFromInline let words: UnsafeMutablePointer<Atomic<UInt32>>

  /// Takes nothing and is always empty: for a cache whose models do not exist yet.
  static let none = SampleRing(
    words: {
      let word = UnsafeMutablePointer<Atomic<UInt32>>.allocate(capacity: 1)
      word.initialize(to: Atomic(0))
      return word
    }())

  private init(words: UnsafeMutablePointer<Atomic<UInt32>>) { self.words = words }

  init() {
    let count = Int(Self.capacity) + 1
    words = .allocate(capacity: count)
    for index in 0..<count { (words + index).initialize(to: Atomic(0)) }
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() {
    guard !isNone else { return }
    words.deinitialize(count: Int(Self.capacity) + 1)
    words.deallocate()
  }

  var isFull: Bool { words.pointee.load(ordering: .relaxed) >= Self.capacity }
  var isNone: Bool { words == Self.none.words }
  /// Some at a time: what the models need then comes into the processor's cache once for all of them.
  var isWorthEmptying: Bool { words.pointee.load(ordering: .relaxed) >= Self.capacity / 4 }
  var count: Int { Int(min(words.pointee.load(ordering: .relaxed), Self.capacity)) }
  subscript(_ index: Int) -> UInt32 { words[index + 1].load(ordering: .relaxed) }

  func removeAll() { words.pointee.store(0, ordering: .relaxed) }

  @inlinable @inline(__always)
  func add(_ hash: UInt32) {
    if words.pointee.load(ordering: .relaxed) < Self.capacity { addSlowly(hash) }
  }

  @usableFromInline @inline(never)
  func addSlowly(_ hash: UInt32) {
    let index = words.pointee.add(1, ordering: .relaxed).oldValue
    if index < Self.capacity { words[Int(index) + 1].store(hash, ordering: .relaxed) }
  }
}
