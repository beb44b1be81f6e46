import ProcessImage

/// One symbol while its table is being sorted.
struct RawSymbol: Comparable {
  var address: UInt64
  var size: UInt64
  var sectionEnd: UInt64
  var nameOffset: UInt32
  var flags: SymbolTable.Flags

  /// Higher is better, where several symbols start at one address: with a size, with a type, global.
  private var rank: Int {
    (size > 0 ? 4 : 0) + (flags.contains(.typed) ? 2 : 0) + (flags.contains(.global) ? 1 : 0)
  }

  static func < (left: RawSymbol, right: RawSymbol) -> Bool {
    if left.address != right.address { return left.address < right.address }
    return left.rank > right.rank
  }
}

/// Decodes `Elf64_Sym` entries: name u32 at 0, info u8 at 4, section u16 at 6, value u64 at 8, size u64 at 16; 24 bytes.
enum SymbolReader {
  enum Kind: UInt32 {
    /// `SHT_SYMTAB`.
    case full = 2
    /// `SHT_DYNSYM`.
    case exported = 11
  }

  private static let entrySize = 24
  /// The rest of a larger table is left out: 8 million symbols; a large compiler has one million.
  private static let largestTable = entrySize << 23

  static func read(kind: Kind, file: ELFFile, sections: [ELFSection]) -> ([RawSymbol], NameSection) {
    guard let section = sections.first(where: { $0.type == kind.rawValue }), section.size > 0,
      !section.isCompressed, sections.indices.contains(Int(section.link))
    else { return ([], NameSection(file: file.file, offset: 0, size: 0)) }
    let strings = sections[Int(section.link)]
    let names = NameSection(
      file: file.file, offset: Int(clamping: strings.fileOffset), size: Int(clamping: strings.size))
    let table = file.content(of: section, limit: largestTable)
    let ends = sections.map { section -> UInt64 in
      let (end, overflow) = section.virtualAddress.addingReportingOverflow(section.size)
      return overflow ? .max : end
    }
    let extra: SymbolTable.Flags = kind == .exported ? .dynamic : []
    var result: [RawSymbol] = []
    result.reserveCapacity(table.count / entrySize)
    table.withUnsafeBytes { bytes in
      var offset = 0
      while offset + entrySize <= bytes.count {
        if let symbol = decode(bytes, at: offset, sectionEnds: ends, extra: extra) { result.append(symbol) }
        offset += entrySize
      }
    }
    return (result, names)
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, sectionEnds: [UInt64], extra: SymbolTable.Flags
  ) -> RawSymbol? {
    let nameOffset = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    let info = bytes[offset + 4]
    let section = Int(bytes.loadUnaligned(fromByteOffset: offset + 6, as: UInt16.self))
    let address = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
    let size = bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
    // Undefined and absolute symbols have no place in this file; files of more than 65,279 sections are not made by linkers.
    guard nameOffset != 0, section > 0, section < sectionEnds.count else { return nil }
    var flags = extra
    switch info & 15 {
    case 0: break  // STT_NOTYPE
    case 1, 5: flags.formUnion([.data, .typed])  // STT_OBJECT, STT_COMMON
    case 2, 10: flags.insert(.typed)  // STT_FUNC, STT_GNU_IFUNC
    case 6: flags.formUnion([.data, .typed, .threadLocal])  // STT_TLS: the value is an offset in the thread's block
    // Section and file entries name no address.
    default: return nil
    }
    if size == 0 { flags.insert(.unsized) }
    if info >> 4 != 0 { flags.insert(.global) }
    return RawSymbol(
      address: address, size: size, sectionEnd: sectionEnds[section], nameOffset: nameOffset, flags: flags)
  }
}
