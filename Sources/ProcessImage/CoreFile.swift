import CLinux

/// The memory in an ELF core file, of the kernel or of gcore. Nothing is loaded: every read goes to the file.
///
/// Parts of mapped files that were not dumped come from those files where they are at hand and are the same; anonymous memory that was
/// not dumped was never written and reads as zeros.
final class CoreFile: MemoryReader {
  /// One `PT_LOAD`.
  struct Region: Sendable, Hashable {
    var start, end: UInt64
    var flags: UInt32
    /// Where its bytes begin in the core file, and how many the header promises.
    var coreOffset, dumpedBytes: UInt64
    /// The mapped file; nil for anonymous memory.
    var source: CoreNotes.FileRange?
    /// Only `NT_FILE` names it, and that does not say whether it is code.
    var isUnlisted = false
  }

  let path: String
  /// Sorted by address, without overlaps.
  let regions: [Region]
  let notes: CoreNotes
  /// Bytes of memory that the header promises and the file lacks: it is cut off.
  let missingBytes: UInt64
  let files: CoreModuleFiles
  private let file: DiskFile
  /// First page of each mapped file: path -> region.
  private let firstPages: [String: Int]
  /// 100,000 threads write about 400 MB.
  private static let mostNoteBytes = 512 << 20

  /// - Parameter fileRoots: folders that hold the target's file system, the first one that has a matching file wins; `/` is this machine.
  /// - Throws: `cannotRead`, `notACore`, `truncatedCore`.
  init(path: String, fileRoots: [String] = ["/"]) throws(ProcessImageError) {
    file = try DiskFile(path: path)
    self.path = path
    let elf = try Self.openCore(file, path: path)
    let size = UInt64(file.count)
    var notes = CoreNotes()
    // Segments that overlap could make much work of a small file.
    var room = min(file.count, Self.mostNoteBytes)
    for segment in elf.segments where segment.type == UInt32(PT_NOTE) && room > 0 {
      let bytes = elf.content(of: segment, limit: room)
      notes.add(bytes, alignment: segment.alignment)
      room -= max(bytes.count, ELFSegment.entrySize)
    }
    self.notes = notes
    let regions = Self.regions(of: elf, files: notes.files)
    self.regions = regions
    var firstPages: [String: Int] = [:]
    for (index, region) in regions.enumerated() {
      guard let source = region.source, source.fileOffset == 0, source.start == region.start, region.dumpedBytes > 0,
        firstPages[source.path] == nil
      else { continue }
      firstPages[source.path] = index
    }
    self.firstPages = firstPages
    let expected = elf.segments.reduce(UInt64(elf.header.programHeaderOffset)) { end, segment in
      let (last, overflow) = segment.fileOffset.addingReportingOverflow(segment.fileSize)
      return overflow ? end : max(end, last)
    }
    var missing: UInt64 = 0
    for region in regions {
      let there = min(region.dumpedBytes, size - min(size, region.coreOffset))
      missing = missing.addingReportingOverflow(region.dumpedBytes - there).partialValue
    }
    missingBytes = missing
    let isHeaderCut = elf.segments.count < Int(elf.header.programHeaderCount) && elf.header.programHeaderCount != 0xffff
    if isHeaderCut || notes.threads.isEmpty || !regions.contains(where: { $0.dumpedBytes > 0 && $0.coreOffset < size })
    {
      if expected > size || isHeaderCut {
        throw .truncatedCore(path: path, size: size, expected: max(expected, size + 1))
      }
      let lacking = notes.threads.isEmpty ? "threads" : "memory"
      throw .notACore(path: path, reason: "it holds no \(lacking)")
    }
    files = CoreModuleFiles(roots: fileRoots)
  }

  private static func openCore(_ file: DiskFile, path: String) throws(ProcessImageError) -> ELFFile {
    let magic = file.bytes(at: 0, count: 6)
    for (start, name) in [
      ([0x28, 0xb5, 0x2f, 0xfd], "zstd"), ([0x04, 0x22, 0x4d, 0x18], "lz4"), ([0x1f, 0x8b], "gzip"),
      ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz"),
    ] as [([UInt8], String)] where magic.starts(with: start) {
      throw .notACore(
        path: path, reason: "it is compressed with \(name), so decompress it first (or `coredumpctl dump`)")
    }
    let elf: ELFFile
    do throws(ELFHeader.Rejection) {
      elf = try ELFFile(file)
    } catch {
      throw .notACore(path: path, reason: error.reason)
    }
    guard elf.header.type == UInt16(ET_CORE) else {
      throw .notACore(path: path, reason: "it is another kind of ELF file (type \(elf.header.type))")
    }
    guard elf.header.machine == UInt16(EM_X86_64) else {
      throw .notACore(path: path, reason: "it is of another processor (ELF machine \(elf.header.machine))")
    }
    return elf
  }

  private static func regions(of elf: ELFFile, files: [CoreNotes.FileRange]) -> [Region] {
    var result: [Region] = []
    for segment in elf.segments where segment.isLoad && segment.memorySize > 0 {
      let (end, overflow) = segment.virtualAddress.addingReportingOverflow(segment.memorySize)
      guard !overflow else { continue }
      result.append(
        Region(
          start: segment.virtualAddress, end: end, flags: segment.flags, coreOffset: segment.fileOffset,
          dumpedBytes: min(segment.fileSize, segment.memorySize),
          source: files.containing(segment.virtualAddress)))
    }
    // gcore leaves out what it does not dump; NT_FILE still names it.
    result.sort { $0.start < $1.start }
    let listed = result
    for file in files {
      let before = listed.partitionIndex { $0.start <= file.start }
      let isFree =
        (before == 0 || listed[before - 1].end <= file.start)
        && (before == listed.count || listed[before].start >= file.end)
      guard isFree else { continue }
      result.append(
        Region(
          start: file.start, end: file.end, flags: 4, coreOffset: 0, dumpedBytes: 0, source: file, isUnlisted: true))
    }
    result.sort { $0.start < $1.start }
    var separate: [Region] = []
    for region in result where region.start >= (separate.last?.end ?? 0) { separate.append(region) }
    return separate
  }

  /// O(log regions) and one or two reads of files.
  func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    var index = regions.partitionIndex { $0.end <= address }
    var filled = 0
    while filled < buffer.count {
      let (position, overflow) = address.addingReportingOverflow(UInt64(filled))
      guard !overflow, index < regions.count, regions[index].start <= position else {
        throw .unreadable(address: address, count: buffer.count)
      }
      let region = regions[index]
      let offset = position - region.start
      // Up to the end of what was dumped, or of the region.
      let limit = offset < region.dumpedBytes ? region.dumpedBytes : region.end - region.start
      let count = Int(min(UInt64(buffer.count - filled), limit - offset))
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
      guard fill(part, region, offset) else { throw .unreadable(address: address, count: buffer.count) }
      filled += count
      if position + UInt64(count) >= region.end { index += 1 }
    }
  }

  /// What the kernel or gcore did not dump was never written by the process, or is shared: it reads as zeros, or as the mapped file. Of what was
  /// dumped, pages that were never touched are holes of the core file. O(log regions) and a system call.
  func skippingUntouched(_ address: UInt64, to end: UInt64) -> UInt64 {
    let index = regions.partitionIndex { $0.end <= address }
    guard address < end, index < regions.count, regions[index].start <= address else { return min(address, end) }
    let region = regions[index]
    let offset = address - region.start
    // Guard pages are nothing that could be skipped as known.
    guard region.flags & 4 != 0 || region.source != nil else { return address }
    guard offset < region.dumpedBytes else { return min(region.end, end) }
    let (position, overflow) = region.coreOffset.addingReportingOverflow(offset)
    guard !overflow, let data = file.dataOffset(from: position) else { return address }
    return min(address &+ min(data - position, region.dumpedBytes - offset), end)
  }

  private func fill(_ part: UnsafeMutableRawBufferPointer, _ region: Region, _ offset: UInt64) -> Bool {
    if offset < region.dumpedBytes {
      let (position, overflow) = region.coreOffset.addingReportingOverflow(offset)
      return !overflow && file.read(at: position, into: part) == part.count
    }
    if let source = region.source {
      let (position, overflow) = source.fileOffset.addingReportingOverflow(region.start - source.start)
      guard !overflow, position <= UInt64.max - offset, let file = openSource(source.path) else { return false }
      let bytes = file.bytes(at: Int(clamping: position + offset), count: part.count)
      part.copyBytes(from: bytes)
      // The rest of a file's last page reads as zeros.
      if bytes.count < part.count {
        guard position + offset < UInt64(file.count) else { return false }
        part[bytes.count...].initializeMemory(as: UInt8.self, repeating: 0)
      }
      return true
    }
    // Not readable at all: guard pages.
    guard region.flags & 4 != 0 else { return false }
    part.initializeMemory(as: UInt8.self, repeating: 0)
    return true
  }

  /// The mapped file if it is the one that was mapped: its first page must be equal where the core holds that page.
  private func openSource(_ path: String) -> (any FileBytes)? {
    files.file(path: path) { candidate in
      guard let index = self.firstPages[path] else { return true }
      let first = self.regions[index]
      let count = Int(min(first.dumpedBytes, 4096))
      var dumped = [UInt8](repeating: 0, count: count)
      let there = dumped.withUnsafeMutableBytes { self.file.read(at: first.coreOffset, into: $0) }
      return dumped[..<there].elementsEqual(candidate.bytes(at: 0, count: there))
    }
  }
}

extension [CoreNotes.FileRange] {
  /// The mapped file at `address`, in an array sorted by address. O(log n).
  func containing(_ address: UInt64) -> CoreNotes.FileRange? {
    let index = partitionIndex { $0.end <= address }
    return index < count && self[index].start <= address ? self[index] : nil
  }
}
