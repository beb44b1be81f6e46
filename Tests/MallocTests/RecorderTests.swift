import Foundation
import Malloc
import ProcessImage
import TestSupport
import Testing

/// The walk of real processes against a recorder inside them.
@Suite(.serialized) struct RecorderTests {
  private func heaps() throws -> String { try TestProgram.path("heaps", .c(["-O1", "-pthread", "-fno-builtin"])) }

  private func expectExact(_ walk: HeapWalk, _ truth: RecordedProgram.Truth, _ name: String) {
    let difference = Difference(walk, truth)
    #expect(difference.isEmpty, "\(name): \(difference)")
    for check in walk.checks where !check.passed {
      Issue.record("\(name): \(check.name): expected \(check.expected), found \(check.found); \(walk.remarks)")
    }
    #expect(walk.isExact)
    // A static executable has no banner to take the version from.
    #expect(walk.allocator.hasPrefix(name == "static" ? "glibc" : "glibc 2."))
    #expect(truth.blocks.count > 10)
    print("\(name): \(walk.blocks.count) blocks, \(walk.checks.count) checks, \(walk.remarks)")
  }

  @Test(arguments: ["mixed", "large", "aligned", "break", "wall", "gap", "fast"])
  func everyShapeOfHeapIsFoundExactly(mode: String) throws {
    let recorded = try RecordedProgram(try heaps(), [mode])
    try recorded.snapshot { image, truth in expectExact(try HeapWalk.walk(image), truth, mode) }
  }

  @Test func aStopBySignalGivesTheSameAnswer() throws {
    let recorded = try RecordedProgram(try heaps(), ["mixed"])
    try recorded.whileStopped { image, truth in
      expectExact(try HeapWalk.walk(image), truth, "stopped")
      // Without any thread's registers the caches are found by their contents.
      var blind = image
      blind.threads = []
      let walk = try HeapWalk.walk(blind)
      let difference = Difference(walk, truth)
      #expect(difference.missing.isEmpty && difference.wrongSizes.isEmpty, "\(difference)")
      // Structs without a single free block are not recognised, and so count as blocks.
      #expect(difference.extra.count <= image.threads.count, "\(difference)")
      #expect(walk.remarks.contains { $0.contains("no thread registers") })
    }
  }

  @Test(arguments: [
    "glibc.malloc.tcache_count=0", "glibc.malloc.tcache_count=127:glibc.malloc.tcache_max=65536",
    "glibc.malloc.arena_max=1", "glibc.malloc.mmap_threshold=4096", "glibc.malloc.mxfast=160",
    "glibc.malloc.top_pad=1048576:glibc.malloc.trim_threshold=16777216", "glibc.malloc.hugetlb=1",
    "glibc.malloc.mmap_max=3",
  ])
  func tunablesDoNotMatter(tunables: String) throws {
    let recorded = try RecordedProgram(try heaps(), ["mixed"], environment: ["GLIBC_TUNABLES": tunables])
    try recorded.snapshot { image, truth in expectExact(try HeapWalk.walk(image), truth, tunables) }
  }

  @Test func aStaticExecutableIsFoundWithoutLibc() throws {
    let recorder = TestProgram.folder.appendingPathComponent("recorder/recorder.c").path
    let path: String
    do {
      // The recorder's malloc comes first, libc's own is reached by its internal names.
      path = try TestProgram.path(
        "heaps", .c([recorder, "-static", "-O1", "-pthread", "-fno-builtin", "-Wl,--allow-multiple-definition"]))
    } catch {
      print("skipped: no static libc here: \(error)")
      return
    }
    let recorded = try RecordedProgram(path, ["mixed"], isLinked: true)
    try recorded.snapshot { image, truth in
      #expect(image.modules.allSatisfy { !$0.name.hasPrefix("libc.so") })
      expectExact(try HeapWalk.walk(image), truth, "static")
    }
  }

  /// Threads that are caught at any instruction of malloc: nothing that was handed out is missing, nothing that was freed is there.
  @Test func fourThreadsThatAllocateFlatOut() throws {
    let recorded = try RecordedProgram(try heaps(), ["churn"], bits: 16)
    var extras = 0
    var locked = 0
    var remarks = 0
    for round in 0..<40 {
      try recorded.snapshot { image, truth in
        let walk = try HeapWalk.walk(image)
        let difference = Difference(walk, truth)
        #expect(difference.missing.isEmpty, "round \(round): \(difference) \(walk.remarks)")
        #expect(difference.wrongSizes.isEmpty, "round \(round): \(difference) \(walk.remarks)")
        // In flight: one block a thread, two in realloc, which has the new one before it frees the old one.
        #expect(difference.extra.count <= 8, "round \(round): \(difference) \(walk.remarks)")
        extras += difference.extra.count
        locked += walk.arenas.count { $0.isLocked }
        remarks += walk.remarks.count
        for check in walk.checks where !check.passed {
          Issue.record(
            "round \(round): \(check.name): expected \(check.expected), found \(check.found); \(walk.remarks)")
        }
      }
      usleep(UInt32(round % 7) * 3_000)
    }
    print("churn: \(extras) blocks in flight, \(locked) locked arenas, \(remarks) remarks in 40 snapshots")
  }

  @Test func aSwiftProgram() throws {
    let path = try TestProgram.path("swiftheap.swift", .swift(["-O"]))
    let recorded = try RecordedProgram(path)
    try recorded.snapshot { image, truth in
      let walk = try HeapWalk.walk(image)
      expectExact(walk, truth, "swift")
      #expect(walk.blocks.count > 20_000)
    }
  }
}
