import Testing

@testable import HeapGraph

/// The join of sampled blocks with those of the heap.
@Suite struct AllocationStackTests {
  private let stacks = AllocationStacks(
    texts: ["load <- main", "store <- main"],
    blocks: [(0x1000, 40, 0), (0x2000, 100_000, 1), (0x3000, 16, 7)])

  @Test func onlyTheBlockThatWasSampled() {
    #expect(stacks.stack(address: 0x1000, usableBytes: 40) == 0)
    #expect(stacks.stack(address: 0x1000, usableBytes: 56) == 0)
    // Another block has the address by now.
    #expect(stacks.stack(address: 0x1000, usableBytes: 24) == nil)
    #expect(stacks.stack(address: 0x1000, usableBytes: 4096) == nil)
    #expect(stacks.stack(address: 0x2000, usableBytes: 102_384) == 1)
    #expect(stacks.stack(address: 0x2000, usableBytes: 200_000) == nil)
    #expect(stacks.stack(address: 0x1008, usableBytes: 40) == nil)
    // Its stack is none of those that were given.
    #expect(stacks.stack(address: 0x3000, usableBytes: 24) == nil)
  }

  @Test func mostFrequentFirst() {
    var tally = AllocationStacks.Tally()
    #expect(tally.summary(stacks).isEmpty)
    tally.add(1)
    #expect(tally.summary(stacks).map(\.text) == ["allocated in store <- main"])
    tally.add(0)
    tally.add(0)
    #expect(
      tally.summary(stacks).map(\.text) == [
        "allocated in load <- main (2 of 3 sampled blocks)", "allocated in store <- main (1 of 3 sampled blocks)",
      ])
  }
}
