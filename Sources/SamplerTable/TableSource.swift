import Glibc
import Measurement
import ProcessImage

/// The bytes of a table, read again and again while somebody writes them.
public struct TableSource: Sendable {
  public let path: String
  let file: any FileBytes
  /// The process that was asked for; nil for a file.
  public let pid: Int32?
  /// Where it may be written, other than `path`.
  private var writablePath: String?

  /// A table's file.
  public init(path: String) throws(SamplerTableError) {
    do throws(ProcessImageError) {
      file = try DiskFile(path: path)
    } catch {
      if case .cannotRead(_, let code) = error { throw .unreadable(path: path, code: code) }
      throw .unreadable(path: path, code: 0)
    }
    self.path = path
    pid = nil
  }

  /// Bytes at hand.
  public init(bytes: [UInt8], path: String = "the table") {
    file = MemoryFile(bytes)
    self.path = path
    pid = nil
  }

  /// The table of this process, where it is mapped. It must stay mapped as long as this value is used.
  public init(mapped table: UnsafeRawBufferPointer, path: String = "this process's table") {
    file = OwnTable(table: table)
    self.path = path
    pid = nil
  }

  /// The table that a running process has mapped. It is not stopped; its memory is read with the rights of a debugger.
  public init(pid: Int32) throws(SamplerTableError) {
    do throws(ProcessImageError) {
      let memory = try LiveMemory(pid: pid)
      for mapping in try Procfs.mappings(of: pid) where Self.mayBeTable(mapping) {
        guard let magic = try? memory.load(UInt64.self, at: mapping.start), magic == TableLayout.magic else { continue }
        file = MappedTable(memory: memory, start: mapping.start, count: Int(clamping: mapping.size))
        path = "the table of process \(pid)"
        self.pid = pid
        let range = "\(String(mapping.start, radix: 16))-\(String(mapping.end, radix: 16))"
        writablePath = "/proc/\(pid)/map_files/\(range)"
        return
      }
    } catch {
      throw .process(pid: pid, reason: "\(error)")
    }
    throw .notSampled(pid: pid)
  }

  /// Whether the file begins as a table does, of whatever version.
  public static func isTable(path: String) -> Bool {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return false }
    defer { close(file) }
    var magic: UInt64 = 0
    // A pipe cannot be looked at without taking from it, and pread does not.
    return pread(file, &magic, 8, 0) == 8 && UInt64(littleEndian: magic) == TableLayout.magic
  }

  private static func mayBeTable(_ mapping: Mapping) -> Bool {
    mapping.permissions.isSuperset(of: [.read, .write, .shared]) && mapping.fileOffset == 0
      && SamplerSettings.tableSizes.contains(ByteCount(mapping.size))
  }
}

/// A table in the memory of another process.
private struct MappedTable: FileBytes {
  let memory: LiveMemory
  let start: UInt64
  let count: Int

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    guard offset >= 0, count > 0, offset < self.count else { return [] }
    return (try? memory.bytes(at: start + UInt64(offset), count: min(count, self.count - offset))) ?? []
  }
}

/// A table in the memory of this process.
private struct OwnTable: FileBytes, @unchecked Sendable {
  // Read only, and never past its end; what others write meanwhile is what readers of tables are made for.
  let table: UnsafeRawBufferPointer
  var count: Int { table.count }

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    guard offset >= 0, count > 0, offset < table.count else { return [] }
    return Array(table[offset..<offset + min(count, table.count - offset)])
  }
}

extension TableSource {
  /// Changes the interval of the process that has this table. Writes 8 bytes, into the file or through `/proc/PID/map_files`.
  ///
  /// - Throws: `unreadable` where it may not be written.
  public func setInterval(_ interval: UInt64) throws(SamplerTableError) {
    let place = writablePath ?? path
    let descriptor = open(place, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(path: place, code: errno) }
    TableWriter(descriptor: descriptor).setInterval(interval)
    close(descriptor)
  }
}
