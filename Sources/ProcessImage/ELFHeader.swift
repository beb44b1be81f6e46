import CLinux

/// The header of a 64-bit little-endian ELF file (`Elf64_Ehdr`, System V gABI chapter 4). All offsets and sizes in bytes.
public struct ELFHeader: Sendable, Hashable {
  public static let size = 64

  /// `ET_EXEC`, `ET_DYN`, `ET_CORE`, …
  public var type: UInt16
  /// `EM_X86_64`, …
  public var machine: UInt16
  public var programHeaderOffset: UInt64
  public var sectionHeaderOffset: UInt64
  public var programHeaderSize: UInt16
  /// `PN_XNUM` (0xffff): the number is in section header 0.
  public var programHeaderCount: UInt16
  public var sectionHeaderSize: UInt16
  public var sectionHeaderCount: UInt16
  /// Index of the section that holds the sections' names.
  public var nameSectionIndex: UInt16

  /// Why bytes are no header that memwhy can use.
  public enum Rejection: Error, Hashable, Sendable {
    case tooShort
    case notELF
    case not64Bit
    case bigEndian

    var reason: String {
      switch self {
      case .tooShort: "it is shorter than an ELF header"
      case .notELF: "it does not start with the ELF magic"
      case .not64Bit: "it is a 32-bit file"
      case .bigEndian: "it is for a big-endian processor"
      }
    }
  }

  public init(_ bytes: [UInt8]) throws(Rejection) {
    guard bytes.count >= 4 else { throw .tooShort }
    guard bytes[0] == 0x7f, bytes[1] == 0x45, bytes[2] == 0x4c, bytes[3] == 0x46 else { throw .notELF }
    guard bytes.count >= Self.size else { throw .tooShort }
    guard bytes[4] == UInt8(ELFCLASS64) else { throw .not64Bit }
    guard bytes[5] == UInt8(ELFDATA2LSB) else { throw .bigEndian }
    type = bytes.little(at: 16) ?? 0
    machine = bytes.little(at: 18) ?? 0
    programHeaderOffset = bytes.little(at: 32) ?? 0
    sectionHeaderOffset = bytes.little(at: 40) ?? 0
    programHeaderSize = bytes.little(at: 54) ?? 0
    programHeaderCount = bytes.little(at: 56) ?? 0
    sectionHeaderSize = bytes.little(at: 58) ?? 0
    sectionHeaderCount = bytes.little(at: 60) ?? 0
    nameSectionIndex = bytes.little(at: 62) ?? 0
  }
}

/// A program header (`Elf64_Phdr`): a part of the file as it lies in memory.
public struct ELFSegment: Sendable, Hashable {
  public static let entrySize = 56

  /// `PT_LOAD`, `PT_NOTE`, …
  public var type: UInt32
  /// `PF_R`, `PF_W`, `PF_X`.
  public var flags: UInt32
  public var fileOffset: UInt64
  public var virtualAddress: UInt64
  public var fileSize: UInt64
  /// Bytes behind `fileSize` up to here are zeros (bss), or in a core file were not dumped.
  public var memorySize: UInt64
  public var alignment: UInt64

  /// nil where `bytes` end before the entry does.
  public init?(_ bytes: [UInt8], at offset: Int) {
    guard let last: UInt64 = bytes.little(at: offset + 48) else { return nil }
    type = bytes.little(at: offset) ?? 0
    flags = bytes.little(at: offset + 4) ?? 0
    fileOffset = bytes.little(at: offset + 8) ?? 0
    virtualAddress = bytes.little(at: offset + 16) ?? 0
    fileSize = bytes.little(at: offset + 32) ?? 0
    memorySize = bytes.little(at: offset + 40) ?? 0
    alignment = last
  }

  public var isLoad: Bool { type == UInt32(PT_LOAD) }
  public var isWritable: Bool { flags & 2 != 0 }
  public var isExecutable: Bool { flags & 1 != 0 }
}

/// A section header (`Elf64_Shdr`): a part of the file by what it means.
public struct ELFSection: Sendable, Hashable {
  public static let entrySize = 64

  public var name: String
  /// `SHT_SYMTAB`, `SHT_NOTE`, …
  public var type: UInt32
  public var flags: UInt64
  public var virtualAddress: UInt64
  public var fileOffset: UInt64
  public var size: UInt64
  /// Index of a section that belongs to it: a symbol table's string table.
  public var link: UInt32
  public var info: UInt32
  public var entrySize: UInt64
  var nameOffset: UInt32

  init?(_ bytes: [UInt8], at offset: Int) {
    guard let last: UInt64 = bytes.little(at: offset + 56) else { return nil }
    name = ""
    nameOffset = bytes.little(at: offset) ?? 0
    type = bytes.little(at: offset + 4) ?? 0
    flags = bytes.little(at: offset + 8) ?? 0
    virtualAddress = bytes.little(at: offset + 16) ?? 0
    fileOffset = bytes.little(at: offset + 24) ?? 0
    size = bytes.little(at: offset + 32) ?? 0
    link = bytes.little(at: offset + 40) ?? 0
    info = bytes.little(at: offset + 44) ?? 0
    entrySize = last
  }

  /// `SHF_COMPRESSED`.
  public var isCompressed: Bool { flags & 0x800 != 0 }
}

/// One entry of a note segment (`Elf64_Nhdr`).
public struct ELFNote: Sendable, Hashable {
  public var type: UInt32
  /// Without the trailing NUL: `GNU`, `CORE`, `LINUX`.
  public var name: String
  /// Where the descriptor lies in the bytes that were parsed.
  public var descriptor: Range<Int>

  /// All notes in `bytes`. Stops at the first one that does not fit. Names and descriptors are padded to 4 bytes, or to 8 in segments
  /// of that alignment (`.note.gnu.property`). O(bytes).
  public static func parse(_ bytes: [UInt8], alignment: UInt64 = 4) -> [ELFNote] {
    let mask = alignment == 8 ? 7 : 3
    var result: [ELFNote] = []
    var offset = 0
    while let nameSize: UInt32 = bytes.little(at: offset), let size: UInt32 = bytes.little(at: offset + 4),
      let type: UInt32 = bytes.little(at: offset + 8)
    {
      // 32-bit sizes cannot overflow 64-bit offsets.
      let nameStart = offset + 12
      let start = (nameStart + Int(nameSize) + mask) & ~mask
      let end = start + Int(size)
      guard end <= bytes.count else { break }
      let name = bytes[nameStart..<nameStart + Int(nameSize)].prefix { $0 != 0 }
      result.append(ELFNote(type: type, name: String(decoding: name, as: UTF8.self), descriptor: start..<end))
      offset = (end + mask) & ~mask
    }
    return result
  }

  /// The GNU build id among notes, as lower-case hex.
  static func buildID(in bytes: [UInt8], alignment: UInt64) -> String? {
    for note in parse(bytes, alignment: alignment)
    where note.type == UInt32(NT_GNU_BUILD_ID) && note.name == "GNU" && !note.descriptor.isEmpty
      && note.descriptor.count <= 64
    {
      return hexString(bytes[note.descriptor])
    }
    return nil
  }
}

/// Lower-case hexadecimal digits.
package func hexString(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var result: [UInt8] = []
  for byte in bytes {
    result.append(digits[Int(byte >> 4)])
    result.append(digits[Int(byte & 15)])
  }
  return String(decoding: result, as: UTF8.self)
}
