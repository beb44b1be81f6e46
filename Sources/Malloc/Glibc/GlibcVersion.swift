import ProcessImage

/// The release that a copy of glibc says it is: for people, never for decisions.
enum GlibcVersion {
  private static let marker = Array("GNU C Library (".utf8)
  private static let word = Array("version ".utf8)
  private static let searched: UInt64 = 128 << 20

  /// `2.36`, from the banner in the read-only data of the module; nil where there is none.
  static func find(in image: ProcessImage, module index: Int) -> String? {
    guard image.modules.indices.contains(index) else { return nil }
    let module = image.modules[index]
    let mappings = image.mappings.filter {
      $0.start >= module.start && $0.end <= module.end && $0.permissions.contains(.read)
        && !$0.permissions.contains(.write)
    }
    // Constants first; old linkers put them beside the code.
    for executable in [false, true] {
      for mapping in mappings where mapping.permissions.contains(.execute) == executable {
        if let version = search(mapping, image.memory) { return version }
      }
    }
    return nil
  }

  private static func search(_ mapping: Mapping, _ memory: any MemoryReader) -> String? {
    let end = min(mapping.end, mapping.start &+ searched)
    var position = mapping.start
    while position < end {
      let count = Int(min(end - position, 1 << 18))
      guard let bytes = try? memory.bytes(at: position, count: count) else { return nil }
      if let offset = first(marker, in: bytes[...]) {
        let banner = bytes[offset..<min(offset + 200, bytes.count)]
        if let at = first(word, in: banner) {
          let digits = banner[(at + word.count)...].prefix { $0 == 0x2e || (0x30...0x39).contains($0) }
          let text = String(decoding: digits, as: UTF8.self)
          return text.hasSuffix(".") ? String(text.dropLast()) : text.isEmpty ? nil : text
        }
      }
      // The banner may lie across two reads.
      position += count > 256 ? UInt64(count - 256) : UInt64(count)
      if count <= 256 { break }
    }
    return nil
  }

  private static func first(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    bytes.withUnsafeBufferPointer { buffer in
      pattern.withUnsafeBufferPointer { needle in
        guard let start = needle.first, buffer.count >= needle.count else { return nil }
        var index = 0
        let last = buffer.count - needle.count
        while index <= last {
          if buffer[index] == start {
            var matched = 1
            while matched < needle.count && buffer[index + matched] == needle[matched] { matched += 1 }
            if matched == needle.count { return bytes.startIndex + index }
          }
          index += 1
        }
        return nil
      }
    }
  }
}
