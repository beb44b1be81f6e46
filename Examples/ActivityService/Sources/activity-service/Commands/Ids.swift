import ArgumentParser
import CActivity
import Glibc

/// The test that found it: many ids, one after the other, and what memory says then.
struct Ids: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask for random ids without HTTP, and say what that costs in memory and processor time.",
    discussion: """
      Prints one line of name=value. With --hold the process stays, so that it can be looked at, until its standard input ends.

      Example: activity-service ids --database shop.sqlite --variant struct --count 100000
      """)

  @Option(help: "The SQLite file.")
  var database: String

  @Option(help: "Shape of the per-user cache: \(VariantName.list).")
  var variant: VariantName = .struct

  @Option(help: "Requests.")
  var count = 100_000

  @Option(help: "Ids are drawn from so many.")
  var users = 1_000_000

  @Flag(help: "Stay until standard input ends.")
  var hold = false

  func validate() throws {
    if !(1...100_000_000).contains(count) { throw ValidationError("--count must be from 1 to 100000000") }
    if users < 1 { throw ValidationError("--users must be at least 1") }
  }

  func run() throws {
    let catalogue = try ActivityDatabase(opening: database).catalogue()
    let source = variant.make(catalogue)
    var random = SplitMix64(seed: 42)
    var check: UInt64 = 0
    let before = activity_bytes_in_use()
    let start = Self.processorTime()
    for _ in 0..<count {
      check &+= source.summary(of: Int64(random.below(UInt64(users)))).checksum
    }
    let processor = Self.processorTime() - start
    let bytes = Int(activity_bytes_in_use()) - Int(before)
    let state = source.statistics
    print(
      "variant=\(variant.rawValue) requests=\(count) hits=\(state.hits) entries=\(state.entries) live_bytes=\(bytes)"
        + " bytes_per_id=\(state.entries > 0 ? bytes / state.entries : 0) cpu_ns_per_request=\(processor / count)"
        + " checksum=\(check)")
    fflush(nil)
    if hold { while readLine() != nil {} }
    withExtendedLifetime(source) {}
  }

  /// Nanoseconds that this process has had.
  private static func processorTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}

/// SplitMix64 (S. Vigna, public domain): the same ids in every run and every variant.
struct SplitMix64 {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }

  mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
}
