import ProcessImage
import TestSupport
import Testing

@testable import HeapGraph

/// The index answers as a look at every thread would.
@Suite struct ThreadPlacesTests {
  private static let base: UInt64 = 0x7f00_0000_0000

  @Test(arguments: 0..<200)
  func answersAsALookAtEveryThread(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let threads = (0..<Int.random(in: 0...12, using: &random)).map { number in
      ThreadState(
        tid: Int32(number + 1), stackPointer: Self.base + UInt64.random(in: 0..<400, using: &random) * 8,
        threadPointer: Bool.random(using: &random) ? Self.base + UInt64.random(in: 0..<50, using: &random) * 64 : 0)
    }
    let places = ThreadPlaces(threads)
    let blocks = threads.map(\.threadPointer).filter { $0 != 0 }
    #expect(places.isEmpty == threads.isEmpty)
    for _ in 0..<50 {
      let address = Self.base + UInt64.random(in: 0..<450, using: &random) * 8
      let end = address + UInt64.random(in: 0..<1000, using: &random)
      #expect(
        places.stackPointers(in: address..<end)
          == threads.map(\.stackPointer).filter { (address..<end).contains($0) }.sorted())
      #expect(
        places.thread(withStackPointerAtOrBelow: address).map { threads[$0].stackPointer }
          == threads.map(\.stackPointer).filter { $0 <= address }.max())
      #expect(places.isControlBlock(address) == blocks.contains(address))
      #expect(places.threadPointer(atOrAbove: address) == blocks.filter { $0 >= address }.min())
      let near = blocks.filter { $0 >= address ? $0 - address <= 256 : address - $0 < 128 }
      let distance = near.map { max($0, address) - min($0, address) }.min()
      let found = places.thread(nearestTo: address, below: 256, above: 128).map { threads[$0].threadPointer }
      #expect(found.map { max($0, address) - min($0, address) } == distance)
    }
    for thread in threads { #expect(places.thread(id: thread.tid).map { threads[$0].tid } == thread.tid) }
    #expect(places.thread(id: -1) == nil)
  }
}
