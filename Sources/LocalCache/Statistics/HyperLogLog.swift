import Synchronization

/// Counts distinct keys in 2 KiB to within 1.6 %, or in 1 KiB to within 2.3 % (one standard error).
///
/// Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", 2007; small counts by linear counting, as there. A register has four bits: what it is above a base that
/// all have in common, as in HLL_4 of Apache DataSketches. One in some thousand would be greater than 15, and adds next to nothing to the harmonic mean, so it
/// is left at 15. Registers are plain atomics: an update that meets a rise of the base may be one off.
final class HyperLogLog: @unchecked Sendable {
  private static let greatest: UInt8 = 15

  private let bits: UInt64
  private let size: Int
  /// Two registers each.
  private let pairs: UnsafeMutablePointer<Atomic<UInt8>>
  private let base = Atomic<UInt8>(0)
  /// Registers that are at the base.
  private let lowest: Atomic<Int>

  /// - Parameter isSmall: half of the memory, and 1.4 times the error.
  init(isSmall: Bool = false) {
    bits = isSmall ? 11 : 12
    size = 1 << Int(bits)
    lowest = Atomic(size)
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
    let base = base.load(ordering: .relaxed)
    guard rank > base else { return }
    let level = min(rank &- base, Self.greatest)
    let pair = (pairs + index &>> 1).pointee.load(ordering: .relaxed)
    if Self.level(pair, index) < level { raise(index, to: level) }
  }

  private static func shift(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: index & 1) &* 4 }

  @inline(__always)
  private static func level(_ pair: UInt8, _ index: Int) -> UInt8 { pair &>> shift(index) & greatest }

  @inline(never)
  private func raise(_ index: Int, to level: UInt8) {
    let place = pairs + index &>> 1
    var pair = place.pointee.load(ordering: .relaxed)
    while Self.level(pair, index) < level {
      let raised = pair & ~(Self.greatest &<< Self.shift(index)) | level &<< Self.shift(index)
      let (isDone, now) = place.pointee.compareExchange(expected: pair, desired: raised, ordering: .relaxed)
      if isDone {
        // Whoever takes the last one away raises the base.
        if Self.level(pair, index) == 0, lowest.subtract(1, ordering: .relaxed).newValue == 0 { raiseBase() }
        return
      }
      pair = now
    }
  }

  /// No register is at the base: it rises, and they all fall by as much. Some twenty times in the life of a cache.
  private func raiseBase() {
    var counted = 0
    repeat {
      base.add(1, ordering: .relaxed)
      counted = 0
      for index in 0..<size / 2 {
        // Neither of the two is 0, so that none borrows from the other.
        let pair = (pairs + index).pointee.subtract(0x11, ordering: .relaxed).newValue
        for half in 0...1 where Self.level(pair, half) == 0 { counted += 1 }
      }
      // Others may have taken some of them away already.
    } while lowest.add(counted, ordering: .relaxed).newValue == 0
  }

  /// The estimate. Linear in the number of registers.
  var count: Int {
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
