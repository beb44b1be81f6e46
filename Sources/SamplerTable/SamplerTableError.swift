import Glibc
import ProcessImage

/// Why a table cannot be read or made.
public enum SamplerTableError: Error, Hashable, Sendable, CustomStringConvertible {
  case unreadable(path: String, code: Int32)
  /// No table, or not yet one.
  case notATable(path: String)
  case otherVersion(path: String, version: UInt32)
  /// It contradicts itself.
  case damaged(path: String, what: String)
  case notSampled(pid: Int32)
  case process(pid: Int32, reason: String)
  /// At the place of a new table is that of a process that runs.
  case inUse(path: String)
  /// No room for a new table.
  case cannotCreate(path: String, code: Int32)

  public var description: String {
    switch self {
    case .unreadable(let path, let code):
      "cannot read \(path): \(systemMessage(code)); give the file that `memwhy run` named, or the id of a process"
    case .notATable(let path):
      "\(path) is no sampler's table; `memwhy run -- COMMAND` says where it keeps one"
    case .otherVersion(let path, let version):
      "\(path) is a table of version \(version); this memwhy reads version \(TableLayout.version): read it with the memwhy that wrote it"
    case .damaged(let path, let what):
      "\(path) is damaged: \(what); if it was copied, copy it again"
    case .notSampled(let pid):
      "process \(pid) has no sampler's table; start it with `memwhy run -- COMMAND`, `run --follow` where another process starts it, or link MemwhyService"
    case .process(let pid, let reason):
      "cannot look for the table of process \(pid): \(reason); give the file of the table instead"
    case .inUse(let path):
      "\(path) is the table of a process that runs; name another place with --table FILE"
    case .cannotCreate(let path, let code):
      "cannot make a table at \(path): \(systemMessage(code)); name another place with --table FILE"
    }
  }
}
