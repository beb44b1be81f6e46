import CLinux

/// An ELF file read from its bytes: segments, sections, notes. Every number in it may be a lie.
public struct ELFFile: Sendable {
  public let file: any FileBytes
  public let header: ELFHeader
  public let segments: [ELFSegment]

  /// More tables of notes than these are not looked at; real files have three or so.
  private static let mostNotes = 32
  private static let mostSections = 1 << 17
  private static let longestSectionName = 256

  /// Cost is bounded by the size of the file, whatever its headers say.
  ///
  /// - Throws: the reason why `file` is no 64-bit little-endian ELF file. Tables that do not fit in the file come out empty or cut.
  public init(_ file: any FileBytes) throws(ELFHeader.Rejection) {
    self.file = file
    header = try ELFHeader(file.bytes(at: 0, count: ELFHeader.size))
    var count = Int(header.programHeaderCount)
    if count == 0xffff, header.sectionHeaderOffset != 0,
      let offset = Int(exactly: header.sectionHeaderOffset),
      let first = ELFSection(file.bytes(at: offset, count: ELFSection.entrySize), at: 0), first.info != 0
    {
      count = Int(first.info)
    }
    let entrySize = Int(header.programHeaderSize)
    guard let offset = Int(exactly: header.programHeaderOffset), entrySize >= ELFSegment.entrySize, offset > 0,
      offset <= file.count
    else {
      segments = []
      return
    }
    count = min(count, (file.count - offset) / entrySize)
    let table = file.bytes(at: offset, count: count * entrySize)
    segments = (0..<count).compactMap { ELFSegment(table, at: $0 * entrySize) }
  }

  /// The section headers with their names; empty where there are none. Reads the tables at each call. O(sections).
  public func sections() -> [ELFSection] {
    let entrySize = Int(header.sectionHeaderSize)
    guard let offset = Int(exactly: header.sectionHeaderOffset), offset > 0, entrySize >= ELFSection.entrySize,
      offset <= file.count
    else { return [] }
    var count = Int(header.sectionHeaderCount)
    var nameIndex = Int(header.nameSectionIndex)
    let room = (file.count - offset) / entrySize
    guard room > 0, let first = ELFSection(file.bytes(at: offset, count: ELFSection.entrySize), at: 0) else {
      return []
    }
    // gABI: numbers that do not fit in 16 bits stand in section 0.
    if count == 0 { count = Int(clamping: first.size) }
    if nameIndex == 0xffff { nameIndex = Int(first.link) }
    count = min(count, room, Self.mostSections)
    let table = file.bytes(at: offset, count: count * entrySize)
    var result = (0..<count).compactMap { ELFSection(table, at: $0 * entrySize) }
    guard result.indices.contains(nameIndex) else { return result }
    let names = content(of: result[nameIndex], limit: 16 << 20)
    for index in result.indices {
      guard let name = names.cString(at: Int(result[index].nameOffset), limit: Self.longestSectionName) else {
        continue
      }
      result[index].name = String(decoding: name, as: UTF8.self)
    }
    return result
  }

  /// Bytes of a section as they stand in the file; fewer where the file ends, none for `SHT_NOBITS`.
  public func content(of section: ELFSection, limit: Int = 1 << 30) -> [UInt8] {
    guard section.type != UInt32(SHT_NOBITS), let offset = Int(exactly: section.fileOffset) else { return [] }
    return file.bytes(at: offset, count: min(Int(clamping: section.size), limit))
  }

  /// Bytes of a segment as they stand in the file.
  public func content(of segment: ELFSegment, limit: Int = 1 << 30) -> [UInt8] {
    guard let offset = Int(exactly: segment.fileOffset) else { return [] }
    return file.bytes(at: offset, count: min(Int(clamping: segment.fileSize), limit))
  }

  /// The GNU build id as lower-case hex, from the note segments or, in separate debug files, the note sections.
  public var buildID: String? {
    for segment in segments.lazy.filter({ $0.type == UInt32(PT_NOTE) }).prefix(Self.mostNotes) {
      if let id = ELFNote.buildID(in: content(of: segment, limit: 1 << 20), alignment: segment.alignment) { return id }
    }
    for section in sections().lazy.filter({ $0.type == UInt32(SHT_NOTE) }).prefix(Self.mostNotes) {
      if let id = ELFNote.buildID(in: content(of: section, limit: 1 << 20), alignment: 4) { return id }
    }
    return nil
  }

  /// File name and CRC-32 of the separate debug file (`.gnu_debuglink`), if it names one.
  public var debugLink: (name: String, crc: UInt32)? {
    guard let section = sections().first(where: { $0.name == ".gnu_debuglink" }) else { return nil }
    let bytes = content(of: section, limit: 1 << 16)
    guard let name = bytes.cString(at: 0), !name.isEmpty,
      let crc: UInt32 = bytes.little(at: (name.count + 4) & ~3)
    else { return nil }
    return (String(decoding: name, as: UTF8.self), crc)
  }
}
