/// What bounds a cache.
///
/// ```swift
/// let profiles = LocalCache<Int, Profile>(name: "profiles", limit: .bytes(.mebibytes(64)))
/// let tokens = LocalCache<String, Token>(name: "tokens", limit: .entries(10_000))
/// ```
///
/// The bound holds at every moment: room is made before an entry goes in. With a limit of 0 or less nothing is stored but what weighs nothing, and every
/// other `set` is refused and counted.
public struct CacheLimit: Sendable, Hashable, CustomStringConvertible {
  /// The unit of a limit.
  public enum Unit: UInt8, Sendable {
    /// Memory, as measured: keys, values, what they refer to, and the cache's own share for an entry.
    case bytes
    /// Entries, of whatever size.
    case entries
    /// Whatever the configuration's weigher says.
    case weight
  }

  /// What is counted.
  public let unit: Unit
  /// How much of it may be in the cache; not negative.
  public let amount: Int

  private init(_ unit: Unit, _ amount: Int) {
    self.unit = unit
    self.amount = max(0, amount)
  }

  /// At most this much memory.
  public static func bytes(_ size: ByteSize) -> CacheLimit { CacheLimit(.bytes, size.bytes) }
  /// At most this many bytes of memory.
  public static func bytes(_ count: Int) -> CacheLimit { CacheLimit(.bytes, count) }
  /// At most this many entries.
  public static func entries(_ count: Int) -> CacheLimit { CacheLimit(.entries, count) }
  /// At most this sum of the weights that `Configuration.weigher` returns; without a weigher every entry weighs 1.
  public static func weight(_ weight: Int) -> CacheLimit { CacheLimit(.weight, weight) }

  public var description: String {
    switch unit {
    case .bytes: "\(ByteSize(amount))"
    case .entries: "\(amount) entries"
    case .weight: "weight \(amount)"
    }
  }
}

/// An amount of memory.
public struct ByteSize: Sendable, Hashable, Comparable, CustomStringConvertible,
  ExpressibleByIntegerLiteral
{
  /// The amount in bytes.
  public let bytes: Int

  /// An amount in bytes.
  public init(_ bytes: Int) { self.bytes = bytes }
  /// An amount in bytes.
  public init(integerLiteral bytes: Int) { self.bytes = bytes }

  private static func scaled(_ count: Double, _ unit: Double) -> ByteSize {
    let bytes = count * unit
    guard bytes > 0 else { return ByteSize(0) }
    return ByteSize(bytes < 9e18 ? Int(bytes) : Int.max)
  }

  /// Bytes.
  public static func bytes(_ count: Int) -> ByteSize { ByteSize(count) }
  private static func scaled(_ count: some BinaryInteger, _ unit: Int) -> ByteSize {
    let (bytes, overflow) = Int(clamping: count).multipliedReportingOverflow(by: unit)
    guard count > 0 else { return ByteSize(0) }
    return ByteSize(overflow ? .max : bytes)
  }

  /// 1,024 bytes each; 0 for negative numbers.
  public static func kibibytes(_ count: some BinaryInteger) -> ByteSize { scaled(count, 1024) }
  /// 1,024 bytes each, rounded down; 0 for negative numbers.
  public static func kibibytes(_ count: Double) -> ByteSize { scaled(count, 1024.0) }
  /// 1,048,576 bytes each; 0 for negative numbers.
  public static func mebibytes(_ count: some BinaryInteger) -> ByteSize { scaled(count, 1_048_576) }
  /// 1,048,576 bytes each, rounded down; 0 for negative numbers.
  public static func mebibytes(_ count: Double) -> ByteSize { scaled(count, 1_048_576.0) }
  /// 1,073,741,824 bytes each; 0 for negative numbers.
  public static func gibibytes(_ count: some BinaryInteger) -> ByteSize { scaled(count, 1_073_741_824) }
  /// 1,073,741,824 bytes each, rounded down; 0 for negative numbers.
  public static func gibibytes(_ count: Double) -> ByteSize { scaled(count, 1_073_741_824.0) }

  public static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

  public var description: String {
    var value = Double(bytes)
    var unit = "B"
    for next in ["KiB", "MiB", "GiB", "TiB"] where abs(value) >= 1024 {
      value /= 1024
      unit = next
    }
    guard unit != "B" else { return "\(bytes) B" }
    let tenths = (value * 10).rounded()
    return tenths.truncatingRemainder(dividingBy: 10) == 0
      ? "\(Int(tenths / 10)) \(unit)" : "\(tenths / 10) \(unit)"
  }
}
