import Synchronization

/// Counts distinct keys in 2 KiB to within 1.6 %, in 1 KiB to within 2.3 %, or in half a KiB to within 3.3 % (one standard error).
///
/// Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", 2007; small counts by linear counting, as there. A register has four bits: what it is above a base that
/// all have in common, as in HLL_4 of Apache DataSketches. One in some thousand would be greater than 15, and adds next to nothing to the harmonic mean, so it
/// is left at 15. Who only looks takes no lock; registers change under one, or a rise of the base that loses its processor half-way would spoil what comes meanwhile.
final class HyperLogLog: @unchecked Sendable {
  private static let greatest: UInt8 = 15

  private let bits: UInt64
  private let size: Int
  /// Two registers each.
  private let pairs: UnsafeMutablePointer<Atomic<UInt8>>
  private let base = Atomic<UInt8>(0)
  /// Registers that are at the base; the lock of all changes.
  private let lowest: Guarded<Int>

  /// Each class less has half of the memory, and 1.4 times the error.
  init(_ cache: SizeClass = .large) {
    bits =
      switch cache {
      case .tiny: 10
      case .small: 11
      case .large: 12
      }
    size = 1 << Int(bits)
    lowest = Guarded(size)
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
    lowest.withLock { lowest in
      let base = base.load(ordering: .relaxed)
      guard rank > base else { return }
      let level = min(rank &- base, Self.greatest)
      let place = pairs + index &>> 1
      let pair = place.pointee.load(ordering: .relaxed)
      let old = Self.level(pair, index)
      guard old < level else { return }
      place.pointee.store(
        pair & ~(Self.greatest &<< Self.shift(index)) | level &<< Self.shift(index), ordering: .relaxed)
      if old == 0 { lowest -= 1 }
      // Whoever takes the last one away raises the base.
      while lowest == 0 { lowest = raiseBase() }
    }
  }

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

  /// The estimate. Linear in the number of registers.
  var count: Int { lowest.withLock { _ in estimate } }

  private var estimate: Int {
    let base = base.load(ordering: .relaxed)
    var sum = 0.0
    var zeros = 0
    for index in 0..<size {
      let rank = base &+ Self.level((pairs + index &>> 1).pointee.load(ordering: .relaxed), index)
      sum += 1 / Double(UInt64(1) << UInt64(min(rank, 63)))
      if rank == 0 { zeros += 1 }
    }
    let size = Double(size)
    let estimate = 0.7213 / (1 + 1.079 / size) * size * size / sum
    if estimate <= 2.5 * size, zeros > 0 {
      return Int((size * (size / Double(zeros)).logarithm).rounded())
    }
    return Int(estimate.rounded())
  }
}
