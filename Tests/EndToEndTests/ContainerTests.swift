import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

/// Containers of libraries: what they hold, how full they are, what slices of them keep. The program is a package of its own
/// (`Tests/Packages/containers`), which `scripts/test` builds.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ContainerTests {
  private static let program = TestProgram.packageRoot.appendingPathComponent(".build/containers/debug/containers").path
  private static var isBuilt: Bool { FileManager.default.isExecutableFile(atPath: program) }
  private static let count = 400

  private func answer(_ arguments: [String]) throws -> HoldersAnswer {
    let result = try MemwhyBinary.run(arguments + ["--json"])
    guard result.status == 0 else { throw TestFailure("\(arguments): \(result.status) \(result.errors)") }
    return try JSONDecoder().decode(HoldersAnswer.self, from: Data(result.output.utf8))
  }

  private func all(_ holders: [Holder]) -> [Holder] { holders.flatMap { [$0] + all($0.children) } }

  @Test(.enabled(if: isBuilt, "Tests/Packages/containers is not built: scripts/test does"))
  func whatTheyHold() throws {
    let running = try RunningProgram(Self.program, ["\(Self.count)", "view"])
    defer { running.stop() }
    let report = try #require(try answer(["retained", "--min-share", "0", "\(running.pid)"]).retained)
    // To the byte, on a real heap.
    #expect(report.holders.reduce(report.otherBytes) { $0 + $1.retainedBytes } == report.reachableBytes)
    let queue = try #require(
      report.holders.first { $0.name.hasPrefix("containers.queue") || $0.name.hasPrefix("queue") })
    let ring = try #require(all([queue]).first { $0.container?.kind == .deque }, "\(queue)")
    #expect(ring.name == "Deque<Job> storage" || ring.name == "Deque<containers.Job> storage", "\(ring.name)")
    #expect(ring.container?.entries == UInt64(Self.count - Self.count / 4))
    // Jobs that were taken out are no longer held by the room they were in.
    let jobs = try #require(ring.children.first { $0.name.hasSuffix("Job") }, "\(ring.children)")
    #expect(jobs.field == "[…]" && jobs.count <= Self.count - Self.count / 4 && jobs.count >= Self.count * 3 / 4 - 6)
    let ordered = try #require(report.holders.first { $0.name.contains("ordered : ") })
    #expect(all([ordered]).contains { $0.container?.kind == .array && $0.container?.entries == UInt64(Self.count) })
    // A tree of nodes is one container; what was taken out of it is no longer held.
    let tree = try #require(all(report.holders).first { $0.name.hasPrefix("TreeDictionary<Int, ") })
    #expect(tree.count == 1 && tree.container?.containers == 1, "\(tree)")
    #expect(tree.container?.entries == UInt64(Self.count - Self.count / 4), "\(tree)")
    // The last ones may be on a stack as well.
    let leaves = try #require(tree.children.first { $0.name.hasSuffix("Job") }, "\(tree)")
    #expect(leaves.count <= Self.count - Self.count / 4 && leaves.count >= Self.count * 3 / 4 - 6, "\(tree)")
    let names = try #require(all(report.holders).first { $0.name == "TreeSet<String> storage" })
    #expect(names.container?.entries == UInt64(Self.count) && names.container?.kind == .set, "\(names)")
    let bytes = all(report.holders).filter { $0.container?.kind == .bytes }
    let data = try #require(bytes.first { $0.name.hasSuffix("__DataStorage") && $0.count > 10 }?.container)
    #expect(data.entries == UInt64(data.containers * 1000), "\(data)")
    let buffers = bytes.filter { $0.name.hasSuffix("ByteBuffer._Storage") && $0.count > 10 }.compactMap(\.container)
    #expect(Set(buffers.map { $0.slots / UInt64($0.containers) }) == [4096, 8192], "\(buffers)")

    let paths = try #require(try answer(["path", "Job", "\(running.pid)"]).paths)
    #expect(paths.groups.prefix(2).allSatisfy { $0.objects >= Self.count * 3 / 4 }, "\(paths.groups.map(\.text))")
    let streams = try #require(try answer(["tasks", "\(running.pid)"]).tasks).streams
    #expect(streams.map(\.elements) == [UInt64(Self.count * 10), UInt64(Self.count)], "\(streams)")
  }

  /// Buffers of SwiftNIO that are larger than what was written, or sliced: what copies really save.
  @Test(.enabled(if: isBuilt, "Tests/Packages/containers is not built: scripts/test does"))
  func slicesOfByteBuffers() throws {
    func live(_ program: RunningProgram) -> Double {
      program.output.split(separator: "\n").compactMap { $0.hasPrefix("live ") ? Double($0.dropFirst(5)) : nil }.first
        ?? 0
    }
    let views = try RunningProgram(Self.program, ["\(Self.count)", "view"])
    defer { views.stop() }
    let copied = try RunningProgram(Self.program, ["\(Self.count)", "copied"])
    defer { copied.stop() }
    let waste = try #require(try answer(["duplicates", "\(views.pid)"]).waste)
    let saved = live(views) - live(copied)
    #expect(saved > 0 && abs(Double(waste.pinnedBytes) - saved) < 0.02 * saved, "\(waste.pinned) and \(saved)")
    #expect(waste.pinned.filter { $0.kind == .byteBuffer && $0.views >= Self.count - 6 }.count == 2, "\(waste.pinned)")
    #expect(!waste.pinned.contains { $0.kind == .data && $0.savedBytes > 1000 }, "\(waste.pinned)")
  }

  /// A cache bounded by bytes counts what a container keeps: a buffer as it is, not as far as it was written; elements in raw memory.
  @Test(.enabled(if: isBuilt, "Tests/Packages/containers is not built: scripts/test does"))
  func containersInACache() throws {
    let result = try Command.run(
      Self.program, ["2000", "cached"], environment: ["GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"], timeout: 60)
    let rows = result.output.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(rows.count == 8, "\(result)")
    for row in rows {
      let numbers = row.dropFirst().compactMap { Double($0) }
      #expect(
        numbers.count == 2 && numbers[1] > 100_000 && abs(numbers[0] - numbers[1]) < 0.03 * numbers[1], "\(row)")
    }
  }
}
