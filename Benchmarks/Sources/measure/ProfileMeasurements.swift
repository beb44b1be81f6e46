import Foundation

/// `memwhy top` beside `go tool pprof -top` on the same file, in turn.
struct ProfileMeasurements {
  let memwhy: String
  private static let rounds = 3

  func run() throws {
    guard Child.exists("go") else {
      print("profiles: left out, go is not installed")
      return
    }
    let folder = NSTemporaryDirectory() + "memwhy-profiles-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var file = ProfileFile()
    let bytes = file.bytes()
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/heap.pb"))
    let packed = try Child.run(["gzip", "-k", folder + "/heap.pb"])
    guard packed.status == 0 else { throw Failure("gzip: \(packed.errors)") }
    let path = folder + "/heap.pb.gz"
    let size = (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    let jobs: [(name: String, ours: [String], theirs: [String])] = [
      ("top", ["top", "--symbolize", "none", path], ["-top", path]),
      ("top --base itself", ["top", "--symbolize", "none", "--base", path, path], ["-top", "-base", path, path]),
      ("tree", ["tree", "--symbolize", "none", path], ["-tree", path]),
    ]
    var rows: [[String]] = []
    for job in jobs {
      var ours: [Finished] = []
      var theirs: [Finished] = []
      for _ in 0..<Self.rounds {
        ours.append(try Child.run([memwhy] + job.ours))
        theirs.append(try Child.run(["go", "tool", "pprof", "-symbolize=none"] + job.theirs))
      }
      for finished in ours + theirs where finished.status != 0 { throw Failure("\(job.name): \(finished.errors)") }
      let (mine, other) = (median(ours.map(\.seconds)), median(theirs.map(\.seconds)))
      func peak(_ runs: [Finished]) -> String {
        format(Double(runs.map(\.peakBytes).max() ?? 0) / 1_048_576, 0) + " MiB"
      }
      rows.append([
        job.name, format(mine) + " s", peak(ours), format(other) + " s", peak(theirs), format(other / mine, 1) + " x",
      ])
    }
    printTable(
      "A profile of \(format(Double(size) / 1e6, 1)) MB gzipped, \(format(Double(bytes.count) / 1e6, 1)) MB unpacked",
      ["report", "memwhy", "peak", "go tool pprof", "peak", "faster"], rows)
  }
}
