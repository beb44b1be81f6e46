/// Decimal digits by integer arithmetic, so that no locale and no rounding of a floating-point printer gets in.
enum Decimal {
  /// `19700` as `19,700`.
  static func grouped(_ value: UInt64) -> String {
    let digits = Array(String(value).utf8)
    var result: [UInt8] = []
    result.reserveCapacity(digits.count + digits.count / 3)
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { result.append(UInt8(ascii: ",")) }
      result.append(digit)
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// `value * scale / unit`, rounded half up and exact for every input; `.max` where the result does not fit.
  static func scaled(_ value: UInt64, by scale: UInt64, over unit: UInt64) -> UInt64 {
    guard unit > 0 else { return .max }
    let product = value.multipliedFullWidth(by: scale)
    let (low, carry) = product.low.addingReportingOverflow(unit / 2)
    let high = carry ? product.high &+ 1 : product.high
    guard high < unit else { return .max }
    return unit.dividingFullWidth((high, low)).quotient
  }

  /// `124` tenths as `12.4`.
  static func tenths(_ value: UInt64) -> String { "\(grouped(value / 10)).\(value % 10)" }

  /// Splits `1.5G` or `64 MiB` into the number and the unit.
  static func split(_ text: String) -> (number: Substring, unit: Substring)? {
    let trimmed = text.trimmingSpaces()
    let end = trimmed.firstIndex { !($0.isASCII && ($0.isNumber || $0 == "." || $0 == ",")) } ?? trimmed.endIndex
    let number = trimmed[..<end]
    guard number.contains(where: \.isNumber) else { return nil }
    return (number, trimmed[end...].trimmingSpaces())
  }

  /// `number * unit`, rounded down to a whole; nil for anything but `digits[,digits][.digits]` and for what does not fit.
  ///
  /// Digits behind the fraction's ninth are ignored: below a byte or a nanosecond for every unit in use but the largest.
  static func multiply(_ number: Substring, by unit: UInt64) -> UInt64? {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let wholeText = parts.first else { return nil }
    guard let whole = ungrouped(wholeText) else { return nil }
    let (integral, overflow) = whole.multipliedReportingOverflow(by: unit)
    if overflow { return nil }
    guard parts.count == 2 else { return integral }
    let digits = parts[1].prefix(9)
    guard !parts[1].isEmpty, parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let fraction = UInt64(digits)
    else { return nil }
    var scale: UInt64 = 1
    for _ in 0..<digits.count { scale *= 10 }
    let product = fraction.multipliedFullWidth(by: unit)
    guard product.high < scale else { return nil }
    let (sum, carry) = integral.addingReportingOverflow(scale.dividingFullWidth(product).quotient)
    return carry ? nil : sum
  }

  /// `19,700` and `19700` as a number; commas only between groups of three.
  private static func ungrouped(_ text: Substring) -> UInt64? {
    let groups = text.split(separator: ",", omittingEmptySubsequences: false)
    guard groups.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }) else { return nil }
    if groups.count > 1 {
      guard groups[0].count <= 3, groups.dropFirst().allSatisfy({ $0.count == 3 }) else { return nil }
    }
    return UInt64(groups.joined())
  }
}

extension StringProtocol {
  /// Without spaces and tabs at both ends.
  package func trimmingSpaces() -> SubSequence {
    var result = self[...]
    while let first = result.first, first == " " || first == "\t" { result = result.dropFirst() }
    while let last = result.last, last == " " || last == "\t" { result = result.dropLast() }
    return result
  }
}
