import CLinux

/// What `/proc` says about a process. Every answer may be old by the time that it is used.
public enum Procfs {
  /// `/proc/PID/status`. Of a process that lives on without its main thread, the status of another one under the main one's name.
  public static func status(of pid: Int32) throws(ProcessImageError) -> ProcessStatus {
    let status = ProcessStatus(parsing: try read("status", of: pid, attempted: "read the status"))
    guard status.state == "Z", let other = livingThread(of: pid),
      let bytes = try? read("status", of: other, attempted: "read the status")
    else { return status }
    return ProcessStatus(parsing: bytes, name: status.name)
  }

  /// `/proc/PID/stat`.
  public static func stat(of pid: Int32) throws(ProcessImageError) -> ProcessStat {
    guard var stat = ProcessStat(parsing: try read("stat", of: pid, attempted: "read the state")) else {
      throw .malformed(what: "/proc/\(pid)/stat", reason: "fields are missing")
    }
    if stat.hasEnded {
      let others = ((try? threads(of: pid)) ?? []).lazy.compactMap { self.stat(of: pid, thread: $0) }
      if let living = others.first(where: { !$0.hasEnded }) {
        stat.memoryThread = living.id
        stat.place = living.place
      }
    }
    return stat
  }

  /// State of one thread; nil if it has gone.
  public static func stat(of pid: Int32, thread: Int32) -> ProcessStat? {
    guard let bytes = try? contents(of: "/proc/\(pid)/task/\(thread)/stat", limit: 1 << 20) else { return nil }
    return ProcessStat(parsing: bytes)
  }

  /// Ids of all threads, sorted.
  public static func threads(of pid: Int32) throws(ProcessImageError) -> [Int32] {
    do throws(SystemError) {
      return try folderEntries("/proc/\(pid)/task").compactMap { Int32($0) }.sorted()
    } catch {
      throw failure(error.code, pid: pid, file: "task", attempted: "list the threads")
    }
  }

  /// Name of a thread as in `comm`, without the newline; empty if it has gone.
  public static func name(of pid: Int32, thread: Int32? = nil) -> String {
    let path = thread.map { "/proc/\(pid)/task/\($0)/comm" } ?? "/proc/\(pid)/comm"
    guard let bytes = try? contents(of: path, limit: 4096) else { return "" }
    return String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...], as: UTF8.self)
  }

  /// The mappings, sorted by address. Empty for a process that has just ended.
  public static func mappings(of pid: Int32) throws(ProcessImageError) -> [Mapping] {
    MapsParser.parse(try read("maps", of: pid, attempted: "list the mappings"))
  }

  /// Path of the executable as the target sees it, without " (deleted)"; nil where it cannot be had.
  public static func executable(of pid: Int32) -> String? {
    guard let thread = livingThread(of: pid), var path = linkTarget("/proc/\(thread)/exe") else { return nil }
    _ = path.removeDeletedMark()
    return path
  }

  /// Folder with the files of the process's memory, descriptors and root directory, also of one that lives on without its main thread.
  public static func folder(of pid: Int32) -> String { "/proc/\(livingThread(of: pid) ?? pid)" }

  /// `ProcessStat.memoryThread` of a process that may have ended meanwhile.
  static func livingThread(of pid: Int32) -> Int32? { (try? stat(of: pid))?.memoryThread }

  /// `/proc` shows the processes by the numbers that they have for this one. After entering a process namespace alone (`nsenter --pid`, `unshare --pid`
  /// without a `/proc` of its own) it does not: what would be read there is another process than the one that would be stopped.
  public static let isOfOwnNamespace = linkTarget("/proc/self") == "\(getpid())"

  /// - Throws: `foreignProc`.
  public static func requireOwnNamespace() throws(ProcessImageError) {
    if !isOfOwnNamespace { throw .foreignProc }
  }

  /// A process that can be read, or the reason why not.
  ///
  /// - Throws: `foreignProc`, `noSuchProcess`, `isThread`, `kernelThread`, `zombie`, `unsupportedTarget`, `notPermitted`.
  public static func target(_ pid: Int32) throws(ProcessImageError) -> Target {
    guard pid > 0 else { throw .noSuchProcess(pid: pid) }
    try requireOwnNamespace()
    let status = try status(of: pid)
    let stat = try stat(of: pid)
    if status.processID != pid && status.processID > 0 { throw .isThread(tid: pid, process: status.processID) }
    if stat.isKernelThread { throw .kernelThread(pid: pid, name: stat.name) }
    guard let memoryThread = stat.memoryThread else { throw .zombie(pid: pid, name: stat.name, parent: stat.parent) }
    try requireSupported(pid: memoryThread)
    return Target(pid: pid, status: status, stat: stat)
  }

  /// A living process of a supported kind.
  public struct Target: Sendable, Hashable {
    public var pid: Int32
    public var status: ProcessStatus
    public var stat: ProcessStat
    /// See `ProcessStat.memoryThread`.
    public var memoryThread: Int32 { stat.memoryThread ?? pid }
  }

  /// Throws for programs of another word size or processor. Says nothing where the executable cannot be read.
  private static func requireSupported(pid: Int32) throws(ProcessImageError) {
    guard let file = try? DiskFile(path: "/proc/\(pid)/exe") else { return }
    let header: ELFHeader
    do throws(ELFHeader.Rejection) {
      header = try ELFHeader(file.bytes(at: 0, count: ELFHeader.size))
    } catch .not64Bit {
      throw .unsupportedTarget(pid: pid, reason: "it is a 32-bit program")
    } catch {
      return
    }
    if header.machine != UInt16(EM_X86_64) {
      throw .unsupportedTarget(
        pid: pid, reason: "it is a program for another processor (ELF machine \(header.machine))")
    }
  }

  private static func read(_ file: String, of pid: Int32, attempted: String) throws(ProcessImageError) -> [UInt8] {
    do throws(SystemError) {
      return try contents(of: "/proc/\(pid)/\(file)")
    } catch {
      throw failure(error.code, pid: pid, file: file, attempted: attempted)
    }
  }

  /// The error for a failed system call on `/proc/PID/<file>`.
  static func failure(_ code: Int32, pid: Int32, file: String, attempted: String) -> ProcessImageError {
    switch code {
    case ENOENT, ENOTDIR: .noSuchProcess(pid: pid)
    case ESRCH: .processGone(pid: pid, attempted: attempted)
    case EACCES, EPERM: .notPermitted(pid: pid, attempted: attempted, reason: Permission.denial(pid: pid))
    default: .cannotRead(path: "/proc/\(pid)/\(file)", code: code)
    }
  }
}
