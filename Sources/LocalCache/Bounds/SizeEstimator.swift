/// How bytes are counted.
public struct CacheSizing: Sendable {
  /// Data that entries share with each other or with the rest of the program and that the cache does not pay for.
  public var baseline: SizeBaseline?
  public init() {}
}
public final class SizeBaseline: Sendable {}
final class SizeEstimator<Key, Value>: Sendable {
  let isTrivial: Bool
  init(sizing: CacheSizing) { isTrivial = _isPOD(Key.self) && _isPOD(Value.self) }
  func heapBytes(_ key: Key, _ value: Value) -> UInt64 { 0 }
}
