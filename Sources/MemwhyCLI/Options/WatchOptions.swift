import ArgumentParser
import Measurement
import Timeline

/// Which process, processes or group to watch.
struct WatchedOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Process id of a running process.", valueName: "pid"),
    completion: .shellCommand("ps -eo pid= 2>/dev/null"), transform: ProcessOption.parse)
  var pid: Int32?

  @Option(
    help: ArgumentHelp(
      "Watch the process whose program is called so, for instance 'shop*'; of several the largest.",
      valueName: "pattern"))
  var name: String?

  @Option(
    help: ArgumentHelp("Watch a control group, given by its folder, and the largest process in it.", valueName: "dir"),
    completion: .directory)
  var cgroup: String?

  func validate() throws {
    switch [pid != nil, name != nil, cgroup != nil].count(where: { $0 }) {
    case 1: break
    case 0: throw ValidationError("give a process id, --name PATTERN or --cgroup DIR")
    default: throw ValidationError("give one of: a process id, --name PATTERN, --cgroup DIR")
    }
    if let pid, pid <= 0 { throw ValidationError("'\(pid)' is not a process id: they are positive") }
  }

  var watched: Watched {
    if let pid { return .pid(pid) }
    if let name { return .name(name) }
    return .group(cgroup ?? "")
  }
}

/// Lengths of time on the command line.
enum SpanOption {
  static func parse(_ text: String) throws -> TimeSpan {
    do { return try TimeSpan(parsing: text) } catch { throw ValidationError("\(error)") }
  }
}

/// When to look into the heap, on the command line.
enum SnapshotOption {
  static func parse(_ text: String) throws -> SnapshotSchedule {
    do { return try SnapshotSchedule(parsing: text) } catch { throw ValidationError("\(error)") }
  }
}

/// A metric of the service on the command line.
enum LoadOption {
  static func parse(_ text: String) throws -> LoadSource.Address {
    do { return try LoadSource.Address(parsing: text) } catch { throw ValidationError("\(error)") }
  }
}
