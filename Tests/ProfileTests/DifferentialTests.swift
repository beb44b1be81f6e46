import Foundation
import TestSupport
import Testing

@testable import Profile

/// Our reports are byte for byte those of `go tool pprof` on real profiles of a Go program (`Tests/Programs/goallocs`): heap with inlined functions and sizes
/// as labels, CPU with text labels; `made.pb.gz` was made by a program at random: negative values, a time before 1970, paths with `..`.
@Suite struct DifferentialTests {
  /// Kept as goldens, which pprof wrote: they are compared also where there is no Go.
  static let goldens = [
    "top heap2.pb.gz", "top heap2.pb.gz cum nodecount=7 lines", "top heap2.pb.gz diff_base=heap1.pb.gz",
    "top heap2.pb.gz base=heap1.pb.gz normalize", "top heap2.pb.gz sample_index=alloc_space mean",
    "top heap2.pb.gz focus=json hide=reflect sample_index=alloc_space relative_percentages",
    "top heap1.pb.gz heap2.pb.gz addresses nodefraction=0.03", "top cpu.pb.gz tagfocus=colour=red|green tagroot=step",
    "top heap2.pb.gz tagfocus=1kb:64kb sample_index=1", "tree heap2.pb.gz nodecount=8",
    "tree cpu.pb.gz nodecount=6 cum",
    "peek:main.build heap2.pb.gz sample_index=alloc_space", "traces heap1.pb.gz focus=Marshal nodecount=3 lines",
    "raw heap1.pb.gz focus=strings", "raw made.pb.gz", "traces made.pb.gz filefunctions", "tree made.pb.gz lines",
    "list:main\\.(build|work) heap2.pb.gz sample_index=alloc_space trim_path=/tmp/goallocs source_path=Tests/Programs/goallocs",
  ]

  static let more: [String] = {
    var lines = [
      "top heap2.pb.gz trim=false", "top heap2.pb.gz nodecount=5", "top heap2.pb.gz unit=mb divide_by=3",
      "top heap2.pb.gz sample_index=alloc_objects unit=auto", "top heap2.pb.gz sample_index=inuse_objects noinlines",
      "top heap2.pb.gz ignore=json", "top heap2.pb.gz show=main", "top heap2.pb.gz show_from=Marshal sample_index=1",
      "top heap2.pb.gz prune_from=json sample_index=1", "top heap1.pb.gz base=heap2.pb.gz drop_negative",
      "top heap1.pb.gz base=heap2.pb.gz cum lines", "top cpu.pb.gz tagignore=colour=red",
      "top cpu.pb.gz tagfocus=colour:red,step:0", "top cpu.pb.gz tagleaf=colour lines", "top cpu.pb.gz compact_labels",
      "top heap2.pb.gz tagfocus=:64 sample_index=1", "top heap2.pb.gz tagfocus=bytes=100: sample_index=1",
      "tree heap2.pb.gz base=heap1.pb.gz", "tree heap2.pb.gz edgefraction=0.1 sample_index=1 lines",
      "tree cpu.pb.gz hide=runtime focus=json", "peek:(?i)JSON.*encode cpu.pb.gz", "traces cpu.pb.gz",
      "traces cpu.pb.gz tagshow=col", "traces cpu.pb.gz taghide=col", "traces heap2.pb.gz sample_index=1 mean",
      "traces heap2.pb.gz base=heap1.pb.gz", "raw cpu.pb.gz", "raw heap2.pb.gz base=heap1.pb.gz focus=json",
      "raw gperftools.heap", "top gperftools.heap sample_index=alloc_space", "traces gperftools.heap addresses",
    ]
    // Every granularity with every order, kind of value and a filter.
    for granularity in Granularity.allCases {
      for (index, rest) in ["", "cum", "focus=json", "sample_index=1 ignore=^runtime", "cum noinlines"].enumerated() {
        let file = index % 2 == 0 ? "heap2.pb.gz" : "cpu.pb.gz"
        lines.append("top \(file) \(granularity.rawValue) \(rest)")
        if index < 2 { lines.append("tree \(file) nodecount=12 \(granularity.rawValue) \(rest)") }
      }
    }
    return lines
  }()

  @Test(arguments: goldens) func equalsTheGolden(line: String) throws {
    let command = PprofCommand(line)
    let name = command.description.replacing("/", with: "_").replacing("|", with: "_").replacing("\\", with: "")
    let file = Golden.folder.appendingPathComponent("pprof/\(name.replacing(":", with: "_")).txt")
    if ProcessInfo.processInfo.environment["MEMWHY_UPDATE_GOLDENS"] == "1" {
      // Never our own output: the golden is what pprof says.
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try command.pprofs().write(to: file, atomically: true, encoding: .utf8)
    }
    let golden = try String(contentsOf: file, encoding: .utf8)
    #expect(golden.utf8.count > 200, "the golden says nothing")
    let difference = PprofCommand.difference(try command.ours(), golden)
    #expect(difference == nil, "\(line)\n\(difference ?? "")")
  }

  /// Needs Go: there is no other pprof to ask. The goldens above hold without it.
  @Test(.enabled(if: PprofCommand.goIsInstalled, "go is not installed")) func reportsEqualThoseOfPprof() throws {
    var shown = 0
    for line in Self.goldens + Self.more {
      let command = PprofCommand(line)
      let theirs = try command.pprofs()
      shown += theirs.utf8.count > 300 ? 1 : 0
      let difference = PprofCommand.difference(try command.ours(), theirs)
      #expect(difference == nil, "\(line)\n\(difference ?? "")")
    }
    // Reports without rows would agree too easily.
    #expect(shown > (Self.goldens + Self.more).count * 8 / 10)
  }

  /// What we write, Go reads, with the same numbers.
  @Test(.enabled(if: PprofCommand.goIsInstalled, "go is not installed")) func goReadsWhatWeWrite() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for file in ["heap2.pb.gz", "cpu.pb.gz"] {
      let session = try ProfileSession([try ProfileReader().read("\(PprofCommand.folder)/\(file)")])
      let bytes = try #require(ProfileExport(path: file)).render(session, ProfileOptions())
      let path = folder.appendingPathComponent(file).path
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      for verb in ["-top", "-tree", "-traces"] {
        let ours = try Command.run("go", ["tool", "pprof", "-symbolize=none", verb, path], timeout: 120)
        let original = try Command.run(
          "go", ["tool", "pprof", "-symbolize=none", verb, "\(PprofCommand.folder)/\(file)"], timeout: 120)
        #expect(ours.status == 0 && ours.output == original.output, "\(file) \(verb): \(ours.errors)")
      }
    }
  }
}
