import Testing

@testable import ProcessImage

/// What is in swap and does not fit into memory is not read back while the process stands still.
struct SwappedMemoryTests {
  private static let mebibyte: UInt64 = 1 << 20

  @Test func whatFitsIsReadBackAndWhatDoesNotIsNot() {
    #expect(!SwappedMemory.isTooMuch(0, room: 0))
    #expect(!SwappedMemory.isTooMuch(SwappedMemory.little, room: 0))
    #expect(SwappedMemory.isTooMuch(SwappedMemory.little + 1, room: 0))
    #expect(!SwappedMemory.isTooMuch(800 * Self.mebibyte, room: 800 * Self.mebibyte))
    #expect(SwappedMemory.isTooMuch(800 * Self.mebibyte, room: 700 * Self.mebibyte))
    #expect(!SwappedMemory.isTooMuch(.max, room: .max))
  }

  /// The way out is one that works: a stop is not named where it would be refused.
  @Test func theAdviceNamesAWayThatIsThere() {
    func text(_ stopPause: UInt64?) -> String {
      "\(FreezeError.noHeadroom(pid: 7, group: "memory control group /a", needed: 9, available: 1, stopPause: stopPause))"
    }
    #expect(text(2_000_000).contains("use --freeze stop (a pause of up to 2.0 ms"))
    #expect(!text(nil).contains("--freeze stop") && text(nil).contains("use --freeze none"))
    let refused = FreezeError.swappedOut(
      pid: 7, group: "memory control group /a", swapped: 80 * Self.mebibyte, available: Self.mebibyte)
    #expect(
      "\(refused)".hasPrefix("80.0 MiB of process 7 are in swap, and memory control group /a has 1.0 MiB of room"))
  }
}
