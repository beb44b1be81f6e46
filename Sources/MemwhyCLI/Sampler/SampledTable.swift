import Glibc
import ProcessImage
import Profile
import SamplerTable
import Timeline

/// A table as it was asked for: of a running process by its id, or a file.
struct SampledTable {
  let table: SamplerTable
  /// The process still runs.
  let isAlive: Bool
  let source: TableSource

  /// - Parameter name: a process id or a path.
  init(_ name: String) throws(CLIError) {
    do throws(SamplerTableError) {
      if let pid = Int32(name), pid > 0, access(name, F_OK) != 0 {
        guard kill(pid, 0) == 0 || errno == EPERM else { throw .process(pid: pid, reason: "there is no such process") }
        source = try TableSource(pid: pid)
      } else {
        source = try TableSource(path: name)
      }
      let reader = try TableReader(source)
      let first = try reader.readHeader()
      isAlive =
        first.exitStatus == nil && first.state != .exited && !first.flags.contains(.replaced)
        && Self.isAlive(first)
      var table = try reader.read(now: isAlive ? Clocks.monotonic : nil)
      if isAlive { Self.nameThreads(&table) }
      self.table = table
    } catch { throw CLIError(error) }
  }

  /// Threads that nobody has named in the table have their names in the process.
  private static func nameThreads(_ table: inout SamplerTable) {
    for index in table.threads.indices where table.threads[index].name.isEmpty && table.threads[index].id > 0 {
      table.threads[index].name = Procfs.name(of: table.header.pid, thread: table.threads[index].id)
    }
  }

  /// The process of this id is the one that wrote the table. Ids are used again, in a container by the same program each time; but
  /// nobody writes a table before it begins.
  private static func isAlive(_ header: SamplerTable.Header) -> Bool {
    guard header.pid > 0, let executable = Procfs.executable(of: header.pid),
      let stat = try? Procfs.stat(of: header.pid), !stat.hasEnded, executable == header.program
    else { return false }
    let tableAge = Double(Clocks.monotonic) / 1e9 - Double(header.startNanoseconds) / 1e9
    // A tick is the resolution of a start.
    return tableAge >= 0 && stat.age + 2 / Clocks.ticksPerSecond >= tableAge
  }

  /// File name of the program.
  var programName: String { table.header.program.fileName ?? "program" }

  /// With names, and what the reader should know of them.
  func profile(lines: Bool, root: String?, debugDirectories: [String]) -> (profile: Profile, remarks: [String]) {
    var profile = ProfileExport.profile(of: table)
    let remarks = symbolizer(lines: lines, root: root, debugDirectories: debugDirectories).symbolize(&profile)
    return (profile, remarks)
  }

  /// Names from the files that the process sees: it may live in another root, with other files of the same names.
  func symbolizer(lines: Bool, root: String?, debugDirectories: [String]) -> FileSymbolizer {
    let place = root ?? (isAlive && source.pid != nil ? Procfs.folder(of: table.header.pid) + "/root" : "")
    return FileSymbolizer(debugDirectories: debugDirectories, root: place, wantsLines: lines)
  }
}
