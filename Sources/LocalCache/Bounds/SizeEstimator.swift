/// How bytes are counted, with a limit in bytes.
///
/// Every value is walked by its type: the storage of strings, arrays, sets and dictionaries, the objects that fields refer to, and what those
/// refer to. What is reached twice within an entry counts once. Types that know better conform to `MemorySized`.
public struct CacheSizing: Sendable {
  /// Data that the entries share with the rest of the program, and that the cache therefore does not pay for.
  public var baseline: SizeBaseline?
  /// Containers of more elements than this are sampled: this many elements are measured, and the rest is taken to be like them.
  public var elementsMeasured: Int
  /// Of the entries, one in this many is walked once their sizes are known to vary little; 1 walks them all. Between walks an entry
  /// counts as much as the average, with the error that `LocalCache.statistics` reports.
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
  private let addresses = Guarded<Set<UInt>>([])

  /// Nothing is shared yet.
  public init() {}

  /// Adds everything that can be reached from a value.
  public func include<Value>(_ value: Value) {
    var walk = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(value, to: &walk)
    addresses.withLock { $0.formUnion(walk.seen) }
  }

  func contains(_ address: UInt) -> Bool { addresses.withLock { $0.contains(address) } }
  var all: Set<UInt> { addresses.withLock { $0 } }
}

/// The bytes on the heap of keys and values.
final class SizeEstimator<Key, Value>: Sendable {
  /// Neither keys nor values refer to anything, so there is nothing to measure.
  let isTrivial: Bool
  private let sizing: CacheSizing
  private let running = Guarded(RunningMean())

  init(sizing: CacheSizing) {
    isTrivial = _isPOD(Key.self) && _isPOD(Value.self)
    self.sizing = sizing
  }

  func heapBytes(_ key: Key, _ value: Value) -> UInt64 {
    if sizing.oneIn > 1, let average = running.withLock({ $0.skip(oneIn: sizing.oneIn) }) {
      return average
    }
    var walk = HeapWalkState(
      elementsMeasured: max(1, sizing.elementsMeasured), baseline: sizing.baseline)
    HeapMeasurement.add(key, to: &walk)
    HeapMeasurement.add(value, to: &walk)
    let bytes = UInt64(walk.bytes)
    running.withLock { $0.add(Double(bytes)) }
    return bytes
  }

  /// Bytes of an entry's blocks, and of the holes before them.
  func holes(_ key: Key, _ value: Value) -> (bytes: Int, holes: GlibcChunk.Hole) {
    var walk = HeapWalkState(
      elementsMeasured: max(1, sizing.elementsMeasured), baseline: sizing.baseline, measuresHoles: true)
    HeapMeasurement.add(key, to: &walk)
    HeapMeasurement.add(value, to: &walk)
    return (walk.bytes, walk.holes)
  }

  /// Mean bytes on the heap of the measured entries, and the standard error of that mean.
  var mean: (bytes: Double, standardError: Double) {
    running.withLock { ($0.mean, $0.standardError) }
  }
}

/// Mean and spread of a stream of numbers (Welford, 1962).
struct RunningMean: Sendable {
  private(set) var count = 0
  private(set) var mean = 0.0
  private var squares = 0.0
  private var skipped = 0

  mutating func add(_ value: Double) {
    count += 1
    let delta = value - mean
    mean += delta / Double(count)
    squares += delta * (value - mean)
  }

  var standardError: Double {
    count > 1 ? (squares / Double(count - 1) / Double(count)).squareRoot() : 0
  }

  /// The mean for an entry that need not be measured: after 64 measurements, and only while the mean is known to 2 %.
  mutating func skip(oneIn: Int) -> UInt64? {
    guard count >= 64, standardError <= mean * 0.02 else { return nil }
    skipped += 1
    guard skipped % oneIn != 0 else { return nil }
    return UInt64(mean)
  }
}
