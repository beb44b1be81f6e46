import Foundation
import Profile
import SamplerTable
import TestSupport
import Testing

/// A service that links the sampler: what its endpoints say is what it keeps.
@Suite(.serialized) struct ServiceTests {
  /// A running service, and what it wrote.
  private final class Service {
    let folder = NSTemporaryDirectory() + "memwhy-service-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let program: RunningProgram
    let lines: [Substring]

    init(_ arguments: [String] = []) throws {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      program = try RunningProgram(TestProgram.built("sampled-service"), [folder] + arguments)
      lines = program.output.split(separator: "\n")
    }

    deinit {
      program.stop()
      try? FileManager.default.removeItem(atPath: folder)
    }

    /// `STATUS BYTES TYPE` as the program printed them.
    func answer(_ name: String) throws -> (status: Int, type: String) {
      let line = try #require(lines.first { $0.hasPrefix(name + " ") }, "\(name) in \(lines)")
      let words = line.split(separator: " ")
      return (Int(words[1]) ?? 0, words.dropFirst(3).joined(separator: " "))
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) }

    /// Values of stacks with the function, or of all: alloc_objects, alloc_space, inuse_objects, inuse_space.
    func values(_ name: String, _ function: String?, label: (String, String)? = nil) throws -> [Int64] {
      let profile = try ProfileReader().read("\(folder)/\(name)")
      try #require(profile.sampleTypes == Profile.heapSampleTypes)
      var sums = [Int64](repeating: 0, count: 4)
      for sample in 0..<profile.samples.count {
        let names = profile.samples.stack(sample).flatMap { location in
          profile.lines(of: profile.locations[Int(location)]).compactMap { line in
            line.function.map { profile.text(profile.functions[$0].name) }
          }
        }
        if let function, !names.contains(where: { $0.contains(function) }) { continue }
        if let label {
          let isLabelled = profile.samples.labels(sample).contains {
            profile.text($0.key) == label.0 && profile.text($0.text) == label.1
          }
          guard isLabelled else { continue }
        }
        for (type, value) in profile.samples.values(sample).enumerated() { sums[type] += value }
      }
      return sums
    }
  }

  @Test func endpointsTellWhatIsKept() throws {
    let service = try Service()
    // Before the start there is nothing to tell.
    #expect(try service.answer("early").status == 503)
    #expect(try service.text("early").contains("MemwhyService.start()"))
    #expect(service.lines.contains("refused cannot sample: the interval must be from 1 B to 1 TiB"))
    let limited = service.lines.filter { $0.hasPrefix("limited cannot sample: ") }
    #expect(limited.count == 2 && limited.allSatisfy { $0.contains("File too large") }, "\(limited)")
    #expect(
      service.lines.filter { $0.hasPrefix("state ") } == ["state silent", "state running interval 1", "state stopped"])

    // 500 came before the start, 900 while it was stopped: 2,000 and 300 blocks of 1,000 bytes are left, and the arrays that hold them.
    for name in ["heap.pb.gz", "allocs.pb.gz"] {
      #expect(try service.answer(name) == (200, "application/octet-stream"))
      let kept = try service.values(name, "keepBlocks")
      #expect(kept[2] >= 2300 && kept[2] < 2320, "\(kept)")
      #expect(kept[3] >= 2_300_000 && kept[3] < 2_400_000, "\(kept)")
      let dropped = try service.values(name, "dropBlocks")
      #expect(dropped[0] == 700 && dropped[1] == 2_100_000 && dropped[2] == 0, "\(dropped)")
    }
    let own = try service.values("heap.pb.gz", "keepBlocks", label: ("task", "keeper"))
    #expect(own[2] >= 300 && own[2] < 310, "\(own)")
    #expect(try service.values("heap.pb.gz", "dropBlocks", label: ("lifetime", "temporary"))[0] == 700)
    let bare = try ProfileReader().read("\(service.folder)/bare.pb.gz")
    #expect(bare.functions.isEmpty && !bare.mappings.isEmpty)

    #expect(try service.answer("text") == (200, "text/plain; charset=utf-8"))
    #expect(try service.text("text").contains("keepBlocks"))
    #expect(try service.text("index").hasPrefix("memwhy: running, one sample in 1.0 GiB"))
    #expect(try service.answer("unknown").status == 404)
    #expect(try service.answer("bad").status == 400)

    // What came within a second, less what the task's start had allocated before and freed by then.
    let change = try service.values("change.pb.gz", nil, label: ("task", "later"))
    #expect(change[2] >= 105 && change[2] < 125, "\(change)")
    #expect(service.lines.contains("interval 1073741824"))
  }

  /// The table is found from outside as well.
  @Test func theTableIsReadFromOutside() throws {
    let service = try Service(["4096"])
    let table = try TableReader(TableSource(pid: service.program.pid)).read()
    #expect(table.header.pid == service.program.pid && table.header.samples > 100)
    #expect(table.damage.isEmpty)
  }

  @Test(.enabled(if: Self.go != nil, "go is not installed"))
  func pprofReadsTheEndpoint() throws {
    let service = try Service()
    let go = try #require(Self.go)
    let top = try Command.run(
      go, ["tool", "pprof", "-top", "-inuse_objects", "-nodecount=5", "\(service.folder)/heap.pb.gz"],
      environment: ["PPROF_TMPDIR": service.folder, "TZ": "UTC"])
    #expect(top.status == 0, "\(top.errors)")
    #expect(top.output.contains("Type: inuse_objects"))
    let row = try #require(top.output.split(separator: "\n").first { $0.contains("keepBlocks") }, "\(top.output)")
    let flat = try #require(Int(row.split(separator: " ")[0]), "\(row)")
    #expect(flat >= 2300 && flat < 2320, "\(row)")
    let allocs = try Command.run(
      go, ["tool", "pprof", "-top", "\(service.folder)/allocs.pb.gz"], environment: ["PPROF_TMPDIR": service.folder])
    #expect(allocs.status == 0 && allocs.output.contains("Type: alloc_space"), "\(allocs.output)\(allocs.errors)")
  }

  private static var go: String? { ["/usr/bin/go", "/usr/local/go/bin/go"].first { access($0, X_OK) == 0 } }

  /// `memwhy run` of a program that links the sampler, and does not start it: the preloaded one sees its allocations.
  @Test func aProgramWithALinkedSamplerCanBePreloaded() throws {
    let folder = try makeTemporaryFolder("service")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let program = try RunningProgram(
      TestProgram.built("sampled-service"), [folder],
      environment: [
        "LD_PRELOAD": try SamplerLibrary.path(), "MEMWHY_SAMPLER_TABLE": folder + "/outer.table",
        "MEMWHY_SAMPLER_INTERVAL": "1",
      ])
    defer { program.stop() }
    let table = try TableReader(TableSource(path: folder + "/outer.table")).read()
    // From the first allocation on: those before the inner start, too.
    let blocks = table.blocks.filter { $0.size == 1000 }
    #expect(blocks.count >= 500 + 2000 + 900 + 300 + 111)
  }
}
