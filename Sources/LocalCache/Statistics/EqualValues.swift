/// Finds out, from a sample, how many values are copies of values of other keys: those could be one value that all keys share.
///
/// Values are compared by their hash, so this works for `Hashable` values only; others are not looked at. Trivial values (numbers, and structs
/// of numbers) are not either, nor are values that share their storage already: nothing is saved by sharing them.
final class EqualValues<Value>: Sendable {
  private struct Sample {
    var key: UInt32
    /// Halves of hashes: enough to tell some hundred values apart.
    var fingerprint: UInt32
    /// Equal for equal values that share their storage already.
    var identity: UInt32
  }

  private static var capacity: Int { 512 }
  private typealias Ring = (ring: [Sample], next: Int)
  private let samples = Guarded<Ring>(([], 0))

  /// Nil where nothing is to be found.
  init?() { if _isPOD(Value.self) { return nil } }

  /// A value of a sampled key was stored. Linear in the size of the value.
  func note(_ value: Value, key: UInt32) {
    guard let hashable = value as? any Hashable else { return }
    let contents = hashable.hashValue
    let sample = Sample(
      key: key, fingerprint: UInt32(truncatingIfNeeded: contents),
      identity: UInt32(truncatingIfNeeded: Self.identity(value, contents)))
    samples.withLock { state in
      if state.ring.count < Self.capacity {
        state.ring.append(sample)
      } else {
        state.ring[state.next] = sample
        state.next = (state.next + 1) % Self.capacity
      }
    }
  }

  /// Blocks of a value that are looked at: where storage is not shared, the first ones differ already.
  private static var mostBlocks: Int { 64 }

  /// A hash of what a value is and of where its blocks lie. Not of its own bytes, some of which are nobody's: between fields, and beside an enum's payload.
  private static func identity(_ value: Value, _ contents: Int) -> Int {
    var hasher = Hasher()
    hasher.combine(contents)
    if Value.self is any MemorySized.Type {
      // Only the type knows its blocks.
      withUnsafeBytes(of: value) { hasher.combine(bytes: $0) }
    } else {
      var walk = HeapWalkState(elementsMeasured: 16, staysOutside: true, mostBlocks: mostBlocks)
      HeapMeasurement.add(value, to: &walk)
      var sum: UInt = 0
      walk.seen.visit { sum &+= $0 &* 0x9E37_79B9_7F4A_7C15 }
      hasher.combine(sum)
    }
    return hasher.finalize()
  }

  /// Share of the values, 0 to 1, that would be saved if equal ones were stored once; nil while fewer than 64 keys were sampled.
  var share: Double? {
    let values = samples.withLock { state in
      // The last value of each key.
      var values: [UInt32: Sample] = [:]
      for index in state.ring.indices {
        let sample = state.ring[(state.next + index) % state.ring.count]
        values[sample.key] = sample
      }
      return values
    }
    guard values.count >= 64 else { return nil }
    let contents = Set(values.values.map(\.fingerprint)).count
    let storages = Set(values.values.map(\.identity)).count
    return Double(max(storages - contents, 0)) / Double(values.count)
  }
}
