import Foundation
import ProcessImage
import TestSupport
import Testing

@testable import Malloc

/// The heap of a process that goes on allocating while it is read.
struct RunningHeapTests {
  /// Mappings that were listed before the heap grew past them: the allocator is known all the same.
  @Test func aHeapThatHasGrownSinceIsRecognised() throws {
    let program = try RunningProgram(try TestProgram.path("manyblocks.c", .c(["-O1"])), ["200000"])
    defer { program.stop() }
    var image = try ProcessImage.running(pid: program.pid)
    let heap = try #require(image.mappings.firstIndex { $0.path == "[heap]" })
    image.mappings[heap].end -= (image.mappings[heap].end - image.mappings[heap].start) / 2 & ~0xfff
    #expect(!GlibcWalker.recognizes(image))
    let walk = try HeapWalk.walk(image, objectSize: { _, _, _ in nil })
    #expect(walk.isExact && walk.blocks.count >= 200_000, "\(walk.allocator) \(walk.blocks.count)")
  }
}
