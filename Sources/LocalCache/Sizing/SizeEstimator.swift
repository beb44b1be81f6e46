import CLocalCache
import Synchronization

/// How bytes are counted, with a limit in bytes.
///
/// Every value is walked by its type: the storage of strings, arrays, sets and dictionaries, the objects that fields refer to, and what those
/// refer to. What is reached twice within an entry counts once. Types that know better conform to `MemorySized`.
public struct CacheSizing: Sendable {
  /// Data that the entries share with the rest of the program, and that the cache therefore does not pay for.
  public var baseline: SizeBaseline?
  /// Containers of more elements than this are sampled: this many elements are measured, up to sixteen times as many where they share memory, and the rest
  /// is taken to be like them.
  public var elementsMeasured: Int
  /// Of the entries, one in this many is walked once their sizes are known to vary little; 1 walks them all. Between walks an entry
  /// counts as much as the average of the last some hundred that were walked, with the error that `CacheStatistics.weightError` reports.
  public var oneIn: Int

  /// Every entry, 256 elements of a container.
  public init(baseline: SizeBaseline? = nil, elementsMeasured: Int = 256, oneIn: Int = 1) {
    self.baseline = baseline
    self.elementsMeasured = elementsMeasured
    self.oneIn = oneIn
  }
}

/// Memory that does not belong to the entries of a cache, though they refer to it: a table of events that all values point into, say.
///
/// ```swift
/// let baseline = SizeBaseline()
/// baseline.include(eventTable)
/// configuration.sizing.baseline = baseline
/// ```
/// The data has to live as long as the baseline is used.
public final class SizeBaseline: Sendable {
  private let addresses = ConcurrentMap()

  /// Nothing is shared yet.
  public init() {}

  /// Adds everything that can be reached from a value.
  public func include<Value>(_ value: Value) {
    var walk = HeapWalkState(elementsMeasured: .max, mostBlocks: .max)
    HeapMeasurement.add(value, to: &walk)
    walk.seen.visit { addresses.insert($0, 1) }
  }

  func contains(_ address: UInt) -> Bool { addresses[address] != nil }
}

/// The bytes on the heap of keys and values.
final class SizeEstimator<Key, Value>: Sendable {
  /// Neither keys nor values refer to anything, so there is nothing to measure.
  let isTrivial: Bool
  private let sizing: CacheSizing
  private let keys: TypePlan?
  private let values: TypePlan?
  /// Where not all entries are walked.
  private let running = Guarded(RunningMean())
  /// Bytes of an entry that is not walked; `Self.unknown` as long as all are.
  private let average = Atomic(SizeEstimator.unknown)
  private static var unknown: UInt64 { .max }

  init(sizing: CacheSizing) {
    keys = TypePlan.of(Key.self)
    values = TypePlan.of(Value.self)
    isTrivial = keys == nil && values == nil
    self.sizing = sizing
  }

  private func walk(_ key: Key, _ value: Value, _ walk: inout HeapWalkState) {
    if let keys { HeapMeasurement.add(key, keys, to: &walk) }
    if let values { HeapMeasurement.add(value, values, to: &walk) }
  }

  /// Bytes on the heap of an entry. Linear in its blocks, of which big containers have no more than `elementsMeasured` times those of an element.
  func heapBytes(_ key: Key, _ value: Value) -> UInt64 {
    guard sizing.oneIn > 1 else { return measure(key, value) }
    let average = average.load(ordering: .relaxed)
    if average != Self.unknown, localcache_draw() % UInt32(clamping: sizing.oneIn) != 0 { return average }
    let bytes = measure(key, value)
    running.withLock { running in
      running.add(Double(bytes))
      self.average.store(running.isKnown ? UInt64(running.mean) : Self.unknown, ordering: .relaxed)
    }
    return bytes
  }

  private func measure(_ key: Key, _ value: Value) -> UInt64 {
    var walk = HeapWalkState(
      elementsMeasured: max(1, sizing.elementsMeasured), baseline: sizing.baseline)
    self.walk(key, value, &walk)
    return UInt64(walk.bytes)
  }

  /// Bytes of an entry's blocks, and of the holes before them.
  func holes(_ key: Key, _ value: Value) -> (bytes: Int, holes: GlibcChunk.Hole) {
    var walk = HeapWalkState(
      elementsMeasured: max(1, sizing.elementsMeasured), baseline: sizing.baseline, measuresHoles: true)
    self.walk(key, value, &walk)
    return (walk.bytes, walk.holes)
  }

  /// Standard error of the bytes of an entry that is not walked; 0 where all are.
  var standardError: Double { running.withLock { $0.standardError } }
}
