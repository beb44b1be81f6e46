import Foundation

/// What reading costs the process's memory control group: page tables of the copy, and nothing that grows with what is read.
struct ChargeMeasurements {
  var memwhy: String
  var heaps: String

  /// A control group of memory, version 1 or 2, that is removed again.
  private struct Group {
    var path: String
    var usageFile: String

    init() throws {
      let name = "memwhy-measure-\(getpid())"
      let old = "/sys/fs/cgroup/memory"
      let isOld = FileManager.default.fileExists(atPath: old + "/cgroup.procs")
      path = (isOld ? old : "/sys/fs/cgroup") + "/" + name
      usageFile = path + (isOld ? "/memory.usage_in_bytes" : "/memory.current")
      guard mkdir(path, 0o755) == 0, usage > 0 || FileManager.default.fileExists(atPath: usageFile) else {
        rmdir(path)
        throw Failure("no control group of memory here: root and the memory controller are needed")
      }
    }

    var usage: Int {
      (try? String(contentsOfFile: usageFile, encoding: .utf8)).flatMap {
        Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
      } ?? 0
    }
  }

  func run() throws {
    var rows: [[String]] = []
    for count in [1_000_000, 10_000_000] {
      let group = try Group()
      let target = try Child([
        "/bin/sh", "-c", "echo $$ > \(group.path)/cgroup.procs && exec \"$@\"", "sh", heaps, "tree", "\(count)",
      ])
      defer {
        target.stop()
        usleep(100_000)
        rmdir(group.path)
      }
      try target.wait(for: "READY")
      let before = group.usage
      let reader = try Child([memwhy, "leaks", "--json", "\(target.pid)"])
      var peak = before
      while kill(reader.pid, 0) == 0, !reader.output.contains("\n}") {
        peak = max(peak, group.usage)
        usleep(1_000)
      }
      let finished = try reader.finish()
      guard finished.status == 0 else { throw Failure("memwhy ended with \(finished.status): \(finished.errors)") }
      rows.append([
        "\(count)", "\(before >> 20)", format(Double(peak - before) / 1_048_576),
        format(Double(peak - before) / Double(before) * 100, 2) + " %",
      ])
    }
    printTable(
      "memory charged to the process's control group while memwhy leaks reads it",
      ["objects", "before, MiB", "more at the most, MiB", "share"], rows)
  }
}
