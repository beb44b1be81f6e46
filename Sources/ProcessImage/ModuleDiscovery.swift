/// Finds the loaded ELF files of an image from its mappings and the headers in its memory. Needs no file and no loader data
/// structures, so it works for static programs, deleted files and half-written link maps alike.
public enum ModuleDiscovery {
  /// The modules, sorted by base address.
  ///
  /// A file counts as loaded where its header is mapped and its executable segment is executable at the right place; a file that is
  /// merely mapped to be read is none. The vdso is none either: it has no file. O(mappings x log mappings).
  ///
  /// - Parameter mappings: sorted by address.
  public static func modules(mappings: [Mapping], memory: any MemoryReader) -> [Module] {
    var result: [Module] = []
    for mapping in mappings
    where mapping.isFile && mapping.fileOffset == 0 && mapping.permissions.contains(.read) {
      // Two mappings of one module may both have offset 0 (a tiny file); the first one holds the bias.
      if let last = result.last, mapping.start < last.end { continue }
      guard let image = ELFImage(memory: memory, base: mapping.start), let range = image.range,
        isLoaded(image, mappings: mappings)
      else { continue }
      result.append(
        Module(
          path: mapping.path, bias: image.bias, start: range.lowerBound, end: range.upperBound,
          writableRanges: data(of: image, mappings: mappings) { $0.isWritablePrivate },
          protectedRanges: data(of: image, mappings: mappings) { $0.isProtected },
          buildID: image.buildID(memory: memory), isDeleted: mapping.isDeleted))
    }
    return result
  }

  /// The executable segments are mapped executable where the header says.
  private static func isLoaded(_ image: ELFImage, mappings: [Mapping]) -> Bool {
    let code = image.segments.filter { $0.isLoad && $0.isExecutable && $0.memorySize > 0 }
    guard !code.isEmpty else { return false }
    return code.allSatisfy { segment in
      guard let pages = image.pages(of: segment), let mapping = mappings.containing(pages.lowerBound) else {
        return false
      }
      return mapping.permissions.contains(.execute)
    }
  }

  /// Writable segments cut with mappings of one kind. What is private and writable now leaves out what the loader made read-only after
  /// relocation (RELRO), and keeps the rest of the last page, from which the dynamic loader allocates.
  private static func data(
    of image: ELFImage, mappings: [Mapping], where isWanted: (Mapping) -> Bool
  ) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for segment in image.segments where segment.isLoad && segment.isWritable {
      guard let pages = image.pages(of: segment) else { continue }
      var index = mappings.partitionIndex { $0.end <= pages.lowerBound }
      while index < mappings.count, mappings[index].start < pages.upperBound {
        let mapping = mappings[index]
        index += 1
        guard isWanted(mapping) else { continue }
        let part = max(mapping.start, pages.lowerBound)..<min(mapping.end, pages.upperBound)
        // Data and bss touch: one range.
        if let last = result.last, last.upperBound == part.lowerBound {
          result[result.count - 1] = last.lowerBound..<part.upperBound
        } else {
          result.append(part)
        }
      }
    }
    return result
  }
}
