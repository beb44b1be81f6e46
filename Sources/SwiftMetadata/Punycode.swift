/// Swift's Punycode (RFC 3492 with `_` as delimiter and digits `a`-`z`, `A`-`J`).
enum Punycode {
  static func decode(_ input: [UInt8]) -> [UInt8]? {
    var scalars: [UInt32] = []
    var rest = input[...]
    if let delimiter = input.lastIndex(of: 0x5f) {
      for byte in input[..<delimiter] {
        guard byte < 0x80 else { return nil }
        scalars.append(UInt32(byte))
      }
      rest = input[(delimiter + 1)...]
    }
    var number = 128
    var index = 0
    var bias = 72
    while !rest.isEmpty {
      let oldIndex = index
      var weight = 1
      var base = 36
      while true {
        guard let byte = rest.popFirst(), let digit = digit(byte) else { return nil }
        index += digit * weight
        guard index < 1 << 30 else { return nil }
        let threshold = base <= bias ? 1 : base >= bias + 26 ? 26 : base - bias
        if digit < threshold { break }
        weight *= 36 - threshold
        guard weight < 1 << 30 else { return nil }
        base += 36
      }
      let count = scalars.count + 1
      bias = adapt(index - oldIndex, count: count, isFirst: oldIndex == 0)
      number += index / count
      index %= count
      guard number <= 0x10ffff else { return nil }
      scalars.insert(UInt32(number), at: index)
      index += 1
    }
    var text = ""
    for value in scalars {
      // Characters that are not valid in identifiers are encoded above 0xD800.
      guard let scalar = UnicodeScalar(value >= 0xd800 && value < 0xd880 ? value - 0xd800 : value) else { return nil }
      text.unicodeScalars.append(scalar)
    }
    return Array(text.utf8)
  }

  private static func digit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x61...0x7a: Int(byte - 0x61)
    case 0x41...0x4a: Int(byte - 0x41) + 26
    default: nil
    }
  }

  private static func adapt(_ delta: Int, count: Int, isFirst: Bool) -> Int {
    var delta = isFirst ? delta / 700 : delta / 2
    delta += delta / count
    var base = 0
    while delta > 455 {
      delta /= 35
      base += 36
    }
    return base + 36 * delta / (delta + 38)
  }
}
