/// Why an entry left the cache.
public enum RemovalCause: UInt8, Sendable, CaseIterable {
  /// Its lifetime was over.
  case expired
  /// It had to make room.
  case size
  /// Another value was stored for the key.
  case replaced
  /// `remove` or `removeAll` was called.
  case explicit
  /// A new value for the key was larger than the whole cache, so the old one, which is out of date, went without a successor.
  case refused
}
