/// An amount of memory in bytes: prints as `12.4 MiB`, reads `64MiB`, `1.5G`, `4096`.
public struct ByteCount: Hashable, Comparable, Sendable {
  public var bytes: UInt64

  public init(_ bytes: UInt64) { self.bytes = bytes }

  /// Negative amounts, which only a torn input can give, become zero.
  public init(_ bytes: Int) { self.bytes = bytes < 0 ? 0 : UInt64(bytes) }

  public static func kib(_ count: UInt64) -> ByteCount { ByteCount(count &* 1024) }
  public static func mib(_ count: UInt64) -> ByteCount { ByteCount(count &* 1024 &* 1024) }

  public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

  /// Binary units, smallest first; each is 1024 of the one before.
  private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// Reads a number with an optional unit.
  ///
  /// `K`, `M`, `G`, `T`, `P`, `E` and `KiB` … `EiB` are powers of 1024; `kB`, `MB`, `GB` … are powers of 1000, as in GNU
  /// coreutils. Case does not matter. Fractions are rounded down to whole bytes.
  /// - Throws: `MeasurementError.notBytes` for anything else and for what exceeds 2^64 - 1 bytes.
  public init(parsing text: String) throws(MeasurementError) {
    guard let (number, unit) = Decimal.split(text), let scale = Self.scale(of: unit),
      let bytes = Decimal.multiply(number, by: scale)
    else { throw .notBytes(text) }
    self.init(bytes)
  }

  private static func scale(of unit: Substring) -> UInt64? {
    let lower = unit.lowercased()
    if lower.isEmpty || lower == "b" || lower == "byte" || lower == "bytes" { return 1 }
    let prefixes: [Character] = ["k", "m", "g", "t", "p", "e"]
    guard let first = lower.first, let power = prefixes.firstIndex(of: first) else { return nil }
    let base: UInt64
    switch lower.dropFirst() {
    case "", "i", "ib": base = 1024
    case "b": base = 1000
    default: return nil
    }
    return (0...power).reduce(1) { scale, _ in scale * base }
  }
}

extension ByteCount: CustomStringConvertible {
  /// One decimal above a KiB: `17 B`, `12.4 MiB`, `2.4 GiB`.
  public var description: String {
    guard bytes >= 1024 else { return "\(bytes) B" }
    var unit = 1
    var size: UInt64 = 1024
    // By the rounded value, so that 1,048,575 bytes are 1.0 MiB and not 1,024.0 KiB.
    while unit + 1 < Self.units.count, Decimal.scaled(bytes, by: 10, over: size) >= 10_240 {
      size *= 1024
      unit += 1
    }
    return "\(Decimal.tenths(Decimal.scaled(bytes, by: 10, over: size))) \(Self.units[unit])"
  }
}
