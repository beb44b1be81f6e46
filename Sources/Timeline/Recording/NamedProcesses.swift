import Glibc
import ProcessImage

/// Processes by name, for who does not know their ids.
public enum NamedProcesses {
  public struct Found: Sendable, Hashable {
    public var pid: Int32
    public var parent: Int32
    /// Resident memory in bytes.
    public var resident: UInt64

    public init(pid: Int32, parent: Int32, resident: UInt64) {
      self.pid = pid
      self.parent = parent
      self.resident = resident
    }
  }

  /// Largest first; kernel threads, what has ended, copies and memwhy itself left out. O(processes of the machine).
  ///
  /// - Parameter pattern: a glob over the program's file name.
  public static func all(_ pattern: String) -> [Found] {
    TargetFinder.allProcesses().compactMap { pid in
      guard pid != getpid(), let stat = try? Procfs.stat(of: pid), !stat.hasEnded, !stat.isKernelThread, !stat.isCopy,
        TargetFinder.matches(pid, pattern), let status = try? Procfs.status(of: pid)
      else { return nil }
      return Found(pid: pid, parent: stat.parent, resident: status.residentBytes)
    }.sorted { ($0.resident, $1.pid) > ($1.resident, $0.pid) }
  }
}
