import ArgumentParser
import Measurement
import Timeline

/// Process ids on the command line.
enum ProcessOption {
  static func parse(_ text: String) throws -> Int32 {
    if let pid = Int32(text) { return pid }
    throw ValidationError(hint(text, NamedProcesses.all(text)) ?? "process ids are numbers; `pgrep -a NAME` finds them")
  }

  private static let mostNamed = 5

  /// What to give instead of a name; nil where nothing is called so. Of a service of several processes the largest is where to begin.
  static func hint(_ name: String, _ found: [NamedProcesses.Found]) -> String? {
    guard let first = found.first else { return nil }
    let parents = Set(found.map(\.parent))
    let names = found.prefix(mostNamed).map { process in
      "\(process.pid) (\(ByteCount(process.resident))\(parents.contains(process.pid) ? ", has started others" : ""))"
    }
    let rest = found.count > mostNamed ? " and \(found.count - mostNamed) more" : ""
    let which = found.count == 1 ? "a process of that name: " : "processes of that name: "
    return which + names.joined(separator: ", ") + rest + "; give an id: \(first.pid)"
      + (found.count == 1 ? "" : " is the largest")
  }
}
