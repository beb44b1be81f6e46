import CLinux

/// What the notes of a core file say: threads, files, name. Layouts of x86-64 (Linux, include/uapi/linux/elfcore.h and fs/binfmt_elf.c;
/// gcore writes the same ones).
struct CoreNotes: Sendable {
  /// One line of `NT_FILE`: a mapped file. The size of the last page is rounded up.
  struct FileRange: Sendable, Hashable {
    var start, end: UInt64
    /// In bytes.
    var fileOffset: UInt64
    var path: String
    var isDeleted: Bool
  }

  private(set) var threads: [ThreadState] = []
  private(set) var files: [FileRange] = []
  private(set) var auxiliaryVector: [UInt64: UInt64] = [:]
  /// At most 15 bytes.
  private(set) var name = ""

  private static let core = "CORE"
  private static let registerOffset = 112
  private static let registerCount = 27

  init() {}

  /// Adds the notes of one segment. Stops at damage; keeps what came before. O(bytes).
  mutating func add(_ bytes: [UInt8], alignment: UInt64) {
    for note in ELFNote.parse(bytes, alignment: alignment) {
      let content = Array(bytes[note.descriptor])
      switch (note.name, note.type) {
      case (Self.core, UInt32(NT_PRSTATUS)): addThread(content)
      case (Self.core, UInt32(NT_PRPSINFO)): addName(content)
      case (Self.core, UInt32(NT_AUXV)): auxiliaryVector = AuxiliaryVector.parse(content)
      case (Self.core, UInt32(NT_FILE)): addFiles(content)
      // Notes of a thread follow its NT_PRSTATUS; the XSAVE area begins with what NT_FPREGSET holds.
      case (Self.core, UInt32(NT_FPREGSET)) where threads.last?.vectorState.isEmpty == true,
        ("LINUX", UInt32(NT_X86_XSTATE)) where !threads.isEmpty:
        threads[threads.count - 1].vectorState = content
      default: break
      }
    }
  }

  /// `elf_prstatus`: pid u32 at 32, `user_regs_struct` at 112.
  private mutating func addThread(_ content: [UInt8]) {
    let registers = (0..<Self.registerCount).compactMap { index -> UInt64? in
      content.little(at: Self.registerOffset + index * 8)
    }
    guard registers.count == Self.registerCount, let tid: Int32 = content.little(at: 32) else { return }
    threads.append(
      ThreadState(
        tid: tid, stackPointer: registers[19], instructionPointer: registers[16], threadPointer: registers[21],
        registers: registers))
  }

  /// `elf_prpsinfo`: fname[16] at 40.
  private mutating func addName(_ content: [UInt8]) {
    guard content.count >= 56 else { return }
    name = String(decoding: content[40..<56].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// `NT_FILE`: count, page size, then (start, end, offset in pages) for each, then the paths, each with its NUL.
  private mutating func addFiles(_ content: [UInt8]) {
    guard let count: UInt64 = content.little(at: 0), let pageSize: UInt64 = content.little(at: 8) else { return }
    let number = Int(min(count, UInt64(content.count / 24)))
    var text = 16 + number * 24
    for index in 0..<number {
      let entry = 16 + index * 24
      guard let start: UInt64 = content.little(at: entry), let end: UInt64 = content.little(at: entry + 8),
        let page: UInt64 = content.little(at: entry + 16), let bytes = content.cString(at: text)
      else { return }
      text += bytes.count + 1
      let (offset, overflow) = page.multipliedReportingOverflow(by: pageSize)
      guard end > start, !overflow else { continue }
      var path = String(decoding: bytes, as: UTF8.self)
      let isDeleted = path.removeDeletedMark()
      files.append(FileRange(start: start, end: end, fileOffset: offset, path: path, isDeleted: isDeleted))
    }
    files.sort { $0.start < $1.start }
  }
}

/// The auxiliary vector that the kernel hands a program: pairs of words up to `AT_NULL`.
enum AuxiliaryVector {
  static func parse(_ bytes: [UInt8]) -> [UInt64: UInt64] {
    var result: [UInt64: UInt64] = [:]
    var offset = 0
    while let key: UInt64 = bytes.little(at: offset), key != 0, let value: UInt64 = bytes.little(at: offset + 8) {
      result[key] = value
      offset += 16
    }
    return result
  }
}
