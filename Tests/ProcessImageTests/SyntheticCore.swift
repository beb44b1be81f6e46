/// A small core file made by hand: one thread and many segments of one page, 8 bytes of each dumped.
enum SyntheticCore {
  static func address(of segment: Int) -> UInt64 { 0x10_0000 + UInt64(segment) * 0x2000 }

  static func bytes(segments: Int) -> [UInt8] {
    var notes: [UInt8] = []
    var status = [UInt8](repeating: 0, count: 336)
    status.put(UInt32(77), at: 32)
    status.put(address(of: 0) + 8, at: 112 + 19 * 8)
    notes += note(1, "CORE", status)
    var information = [UInt8](repeating: 0, count: 136)
    information.replaceSubrange(40..<49, with: Array("synthetic".utf8))
    notes += note(3, "CORE", information)

    let headers = 64
    let noteStart = headers + (segments + 1) * 56
    let dataStart = (noteStart + notes.count + 7) & ~7
    let sectionStart = dataStart + segments * 8
    var result = [UInt8](repeating: 0, count: sectionStart + 64)
    result.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    result.put(UInt16(4), at: 16)
    result.put(UInt16(62), at: 18)
    result.put(UInt64(headers), at: 32)
    result.put(UInt64(sectionStart), at: 40)
    result.put(UInt16(56), at: 54)
    result.put(UInt16(clamping: segments + 1), at: 56)
    result.put(UInt16(64), at: 58)
    result.put(UInt16(1), at: 60)
    // PN_XNUM: the true number stands in sh_info of section 0.
    result.put(UInt32(segments + 1), at: sectionStart + 44)
    result.put(UInt32(4), at: headers)
    result.put(UInt64(noteStart), at: headers + 8)
    result.put(UInt64(notes.count), at: headers + 32)
    result.replaceSubrange(noteStart..<noteStart + notes.count, with: notes)
    for segment in 0..<segments {
      let entry = headers + (segment + 1) * 56
      result.put(UInt32(1), at: entry)
      result.put(UInt32(6), at: entry + 4)
      result.put(UInt64(dataStart + segment * 8), at: entry + 8)
      result.put(address(of: segment), at: entry + 16)
      result.put(UInt64(8), at: entry + 32)
      result.put(UInt64(0x1000), at: entry + 40)
      result.put(UInt64(segment), at: dataStart + segment * 8)
    }
    return result
  }

  private static func note(_ type: UInt32, _ name: String, _ content: [UInt8]) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: 12)
    result.put(UInt32(name.utf8.count + 1), at: 0)
    result.put(UInt32(content.count), at: 4)
    result.put(type, at: 8)
    result += Array(name.utf8) + [0]
    while result.count % 4 != 0 { result.append(0) }
    return result + content
  }
}

extension [UInt8] {
  /// Overwrites a little-endian integer.
  mutating func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    for index in 0..<MemoryLayout<T>.size { self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }
}
