/// What an entry counts against the limit, in the policy's units.
@usableFromInline
struct EntrySizer<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  @usableFromInline let limitUnit: CacheLimit.Unit
  /// The weight of every entry, where all weigh the same.
  @usableFromInline let constant: UInt64?
  @usableFromInline let weigher: (@Sendable (Key, Value) -> UInt64)?
  let unit: UInt64
  let estimator: SizeEstimator<Key, Value>?

  init(limit: CacheLimit, configuration: LocalCache<Key, Value>.Configuration) {
    limitUnit = limit.unit
    let unit = SharedBound.unit(of: limit)
    self.unit = unit
    switch limit.unit {
    case .entries:
      constant = 1
      weigher = nil
      estimator = nil
    case .weight:
      estimator = nil
      if let custom = configuration.weigher {
        constant = nil
        weigher = { key, value in (UInt64(max(0, custom(key, value))) + unit - 1) / unit }
      } else {
        constant = 1
        weigher = nil
      }
    case .bytes:
      let inline = EntrySizer.inlineBytes(configuration.entryTimes)
      let estimator = SizeEstimator<Key, Value>(sizing: configuration.sizing)
      self.estimator = estimator
      if estimator.isTrivial {
        constant = (inline + unit - 1) / unit
        weigher = nil
      } else {
        constant = nil
        weigher = { key, value in (inline + estimator.heapBytes(key, value) + unit - 1) / unit }
      }
    }
  }

  /// Slot and node of an entry with key and value, and what the cache needs beside them: index 5.9, sketch 4.5 and ghosts 2.2 bytes on average, and
  /// up to 5 for the shadows of a small cache.
  static func inlineBytes(_ times: EntryTimes) -> UInt64 {
    UInt64(EntryTable<Key, Value>.stride(times) + MemoryLayout<PolicyNode>.stride) + 15
  }

  @inlinable @inline(__always)
  func weigh(_ key: Key, _ value: Value) -> UInt64 {
    if let constant { return constant }
    guard let weigher else { return 1 }
    return weigher(key, value)
  }
}

extension LocalCache {
  /// What an entry counts against the limit, in the limit's unit.
  package func weight(of value: Value, for key: Key) -> UInt64 { sizer.weigh(key, value) * bound.unit }
}
