import Synchronization

/// Counts distinct keys in 2 KiB to within 1.3 %, in 1 KiB to within 1.8 %, or in half a KiB to within 2.6 % (one standard error).
///
/// The registers are those of Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", 2007. The count is kept beside them: when a register changes, one more key has come for
/// each time that the registers as they were would have let a new key change nothing (Cohen, "All-Distances Sketches, Revisited", 2014; Ting, "Streamed
/// Approximate Counting of Distinct Elements", 2014). That has four fifths of the error of what follows from the registers alone, whatever the count. A register has
/// four bits: what it is above a base that all have in common, as in HLL_4 of Apache DataSketches. One in some thousand would be greater than 15, and adds next to
/// nothing to the sum of all, so it is left at 15. Who only looks takes no lock; registers change under one, or a rise of the base that loses its processor half-way
/// would spoil what comes meanwhile.
final class HyperLogLog: @unchecked Sendable {
  private static let greatest: UInt8 = 15

  private let bits: UInt64
  private let size: Int
  /// Two registers each.
  private let pairs: UnsafeMutablePointer<Atomic<UInt8>>
  private let base = Atomic<UInt8>(0)
  private struct State {
    /// Registers that are at the base.
    var lowest: Int
    /// Sum of 2^-rank of all registers: as many of them as this would be changed by a new key on average.
    var open: Double
    var count = 0.0
  }
  /// The lock of all changes.
  private let state: Guarded<State>

  /// Each class less has half of the memory, and 1.4 times the error.
  init(_ cache: SizeClass = .large) {
    bits =
      switch cache {
      case .tiny: 10
      case .small: 11
      case .large: 12
      }
    size = 1 << Int(bits)
    state = Guarded(State(lowest: size, open: Double(size)))
    pairs = .allocate(capacity: size / 2)
    for index in 0..<size / 2 { (pairs + index).initialize(to: Atomic(0)) }
  }

  deinit {
    pairs.deinitialize(count: size / 2)
    pairs.deallocate()
  }

  @inline(__always)
  func add(_ hash: UInt64) {
    // The seeded hash is used elsewhere by halves; mixing makes this use independent of those.
    let mixed = (hash ^ hash &>> 32) &* 0xD6E8_FEB8_6659_FD93
    let index = Int(truncatingIfNeeded: mixed &>> (64 &- bits))
    let rank = UInt8(truncatingIfNeeded: (mixed &<< bits | 1 &<< (bits &- 1)).leadingZeroBitCount &+ 1)
    // The base first: it rises after the registers have fallen, so none seems to be higher than it is.
    let base = base.load(ordering: .acquiring)
    guard rank > base else { return }
    let pair = (pairs + index &>> 1).pointee.load(ordering: .relaxed)
    if Self.level(pair, index) < min(rank &- base, Self.greatest) { raise(index, to: rank) }
  }

  private static func shift(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: index & 1) &* 4 }

  @inline(__always)
  private static func level(_ pair: UInt8, _ index: Int) -> UInt8 { pair &>> shift(index) & greatest }

  @inline(never)
  private func raise(_ index: Int, to rank: UInt8) {
    state.withLock { state in
      let base = base.load(ordering: .relaxed)
      guard rank > base else { return }
      let level = min(rank &- base, Self.greatest)
      let place = pairs + index &>> 1
      let pair = place.pointee.load(ordering: .relaxed)
      let old = Self.level(pair, index)
      guard old < level else { return }
      place.pointee.store(
        pair & ~(Self.greatest &<< Self.shift(index)) | level &<< Self.shift(index), ordering: .relaxed)
      state.count += Double(size) / state.open
      state.open -= Self.power(base &+ old) - Self.power(base &+ level)
      if old == 0 { state.lowest -= 1 }
      // Whoever takes the last one away raises the base.
      while state.lowest == 0 { state.lowest = raiseBase() }
    }
  }

  private static func power(_ rank: UInt8) -> Double { Double(sign: .plus, exponent: -Int(rank), significand: 1) }

  /// No register is at the base: they all fall by one, and then it rises by as much. Some twenty times in the life of a cache. Returns how many are at it.
  private func raiseBase() -> Int {
    var counted = 0
    for index in 0..<size / 2 {
      // Neither of the two is 0, so that none borrows from the other.
      let pair = (pairs + index).pointee.load(ordering: .relaxed) &- 0x11
      (pairs + index).pointee.store(pair, ordering: .releasing)
      for half in 0...1 where Self.level(pair, half) == 0 { counted += 1 }
    }
    base.store(base.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    return counted
  }

  /// The estimate.
  var count: Int { Int(state.withLock { $0.count }.rounded()) }
}
