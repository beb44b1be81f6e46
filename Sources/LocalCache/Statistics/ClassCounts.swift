/// Counts by part of the log and class of reuse. As many classes have memory as were ever counted, in steps of sixteen: hits of a key that was just before are
/// all in the first ones.
///
/// The part that is written to counts in 16 bits, the others keep eight of each count, and how far they are shifted for all together: within a 250th of the part's
/// greatest count, and their sum as it was. In a cache of a thousand entries each byte here is a thousandth of one of an entry.
struct ClassCounts {
  /// The 16-bit counts of the part that is written to, the bytes of all parts, and the shift of each. Those of the part that is written to are out of date.
  private var bytes: [UInt8] = []
  /// Classes that have memory.
  private var width = 0
  private let parts: Int
  private var open = 0

  init(parts: Int) { self.parts = parts }

  mutating func add(part: Int, reuse: Int) {
    if reuse >= width { widen(for: reuse) }
    if part != open { turn(to: part) }
    let place = reuse * 2
    if bytes[place] < .max {
      bytes[place] += 1
    } else if bytes[place + 1] < .max {
      bytes[place] = 0
      bytes[place + 1] += 1
    }
  }

  private func begin(of part: Int) -> Int { (part + 2) * width }
  private func placeOfShift(_ part: Int) -> Int { begin(of: parts) + part }

  private mutating func widen(for reuse: Int) {
    replace(rows, width: min((reuse / 16 + 1) * 16, max(ReuseClass.count, reuse + 1)))
  }

  private var rows: [[UInt16]] { (0..<parts).map { self[$0] } }

  private mutating func replace(_ rows: [[UInt16]], width: Int) {
    self.width = width
    bytes = [UInt8](repeating: 0, count: (parts + 2) * width + parts)
    for part in 0..<parts where part != open { seal(rows[part], as: part) }
    write(rows[open])
  }

  /// Another part is written to from now on.
  private mutating func turn(to part: Int) {
    let next = self[part]
    seal(self[open], as: open)
    open = part
    write(next)
  }

  private mutating func write(_ row: [UInt16]) {
    for reuse in 0..<width {
      let count = reuse < row.count ? row[reuse] : 0
      bytes[reuse * 2] = UInt8(truncatingIfNeeded: count)
      bytes[reuse * 2 + 1] = UInt8(truncatingIfNeeded: count >> 8)
    }
  }

  /// What is rounded off a count goes to the next class, which stands for nearly the same.
  private mutating func seal(_ row: [UInt16], as part: Int) {
    var shift = 0
    while Int(row.max() ?? 0) >> shift > 250 { shift += 1 }
    var rest = 0
    for (reuse, count) in row.enumerated() {
      let sum = Int(count) + rest
      let kept = max(0, min((sum + (1 << shift) / 2) >> shift, 65_535 >> shift, 255))
      rest = sum - kept << shift
      bytes[begin(of: part) + reuse] = UInt8(kept)
    }
    bytes[placeOfShift(part)] = UInt8(shift)
  }

  /// By class.
  subscript(part: Int) -> [UInt16] {
    guard width > 0 else { return [] }
    if part == open { return (0..<width).map { UInt16(bytes[$0 * 2]) | UInt16(bytes[$0 * 2 + 1]) << 8 } }
    let shift = UInt16(bytes[placeOfShift(part)])
    return bytes[begin(of: part)..<begin(of: part + 1)].map { UInt16($0) << shift }
  }

  mutating func clear(part: Int) {
    guard width > 0 else { return }
    if part == open { return write([]) }
    for index in begin(of: part)..<begin(of: part + 1) { bytes[index] = 0 }
  }

  mutating func removeAll() { (bytes, width) = ([], 0) }

  /// All counts times a factor.
  mutating func scale(_ factor: Double) {
    replace(rows.map { row in row.map { UInt16(min((Double($0) * factor).rounded(), 65_535)) } }, width: width)
  }

  /// So many parts become one, beginning with the one that is first from now on.
  mutating func merge(_ factor: Int, first: Int) {
    var merged = [[UInt16]](repeating: [UInt16](repeating: 0, count: width), count: parts)
    for old in 0..<parts {
      for (reuse, count) in self[(old + first) % parts].enumerated() {
        let sum = merged[old / factor][reuse].addingReportingOverflow(count)
        merged[old / factor][reuse] = sum.overflow ? .max : sum.partialValue
      }
    }
    replace(merged, width: width)
  }
}
