import Glibc

/// Numbers and columns in C's formats, which are the ones of pprof's reports.
enum CFormat {
  /// One number in a format like `%.2f`.
  static func text(_ format: String, _ value: Double) -> String {
    // The longest double has 309 digits before the point.
    var buffer = [CChar](repeating: 0, count: 340)
    let length = withVaList([value]) { vsnprintf(&buffer, buffer.count, format, $0) }
    return String(
      decoding: buffer.prefix(max(0, min(Int(length), buffer.count - 1))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Right-aligned in `width` characters.
  static func right(_ text: String, _ width: Int) -> String {
    let missing = width - text.unicodeScalars.count
    return missing > 0 ? String(repeating: " ", count: missing) + text : text
  }

  /// Lower-case hexadecimal with at least `digits` digits.
  static func hexadecimal(_ value: UInt64, digits: Int = 1) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  /// A time in the local zone, in a format of `strftime`.
  static func time(_ nanoseconds: Int64, _ format: String) -> String {
    // Towards the past, before 1970 as well; a Double has too few digits.
    var seconds = time_t(nanoseconds / 1_000_000_000 - (nanoseconds % 1_000_000_000 < 0 ? 1 : 0))
    var parts = tm()
    localtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 128)
    let length = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Order of strings by their bytes, as Go compares them.
func isBefore(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
