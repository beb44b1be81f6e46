import Synchronization

/// How much a cache may spend on what it has once, by the entries that it is to hold.
enum SizeClass {
  /// Up to 2,048 entries: a kilobyte is half a byte of each, or more.
  case tiny
  /// Up to 4,096.
  case small
  case large

  init(entries: Int) { self = entries <= 2048 ? .tiny : entries <= 4096 ? .small : .large }
}

/// The bound of the whole cache, in the policy's units, and how shards share it.
///
/// Each shard has a share of its own, and all shares together are never more than the bound: so no counter is common to all writers, and
/// the bound holds at every moment. For an entry that is larger than its shard's share the others give of theirs.
final class SharedBound: Sendable {
  /// Bytes, entries or weight in one unit of the policy.
  let unit: UInt64
  /// Guards changes of shares.
  let transfers = Guarded(())
  private let current: Atomic<UInt64>
  private let reserve = Atomic<UInt64>(0)

  /// The limit, in units.
  var maximum: UInt64 { current.load(ordering: .relaxed) }
  /// What of the limit is kept free because of holes in malloc's memory.
  var heldBack: UInt64 { heldBack(of: maximum) }
  /// What the entries may take: the sum of all shares.
  var available: UInt64 {
    // Read once: another thread may change the limit between two looks.
    let maximum = maximum
    return maximum - heldBack(of: maximum)
  }

  private func heldBack(of maximum: UInt64) -> UInt64 { min(reserve.load(ordering: .relaxed), maximum) }

  init(limit: CacheLimit) {
    unit = Self.unit(of: limit)
    current = Atomic(UInt64(limit.amount) / unit)
  }

  /// Memory is counted in 16 bytes, the step of malloc, so an entry has 4 GiB at most; entries one by one. Weights of a caller's own are counted one by one
  /// unless the limit does not fit into 28 bits, and rounded up then.
  static func unit(of limit: CacheLimit) -> UInt64 {
    switch limit.unit {
    case .bytes: return 16
    case .entries: return 1
    case .weight:
      var unit: UInt64 = 1
      while UInt64(limit.amount) / unit > PolicyNode.maximumWeight { unit *= 2 }
      return unit
    }
  }

  func set(_ maximum: UInt64) { current.store(maximum, ordering: .relaxed) }
  func setHeldBack(_ amount: UInt64) { reserve.store(amount, ordering: .relaxed) }

  /// A first guess at how many entries a full cache has.
  static func expectedEntries(_ limit: CacheLimit) -> Int {
    switch limit.unit {
    case .bytes: limit.amount / 512
    case .entries, .weight: limit.amount
    }
  }

  /// As many shards as it takes to number all entries of the limit. With a limit in bytes these are as small as any can be, or, where the number of shards was
  /// chosen, usual ones.
  private static func fewestShards(_ limit: CacheLimit, isChosen: Bool) -> Int {
    let most = Int(PolicyNode.identifierLimit - NodePool.reserved)
    let entries =
      switch limit.unit {
      case .bytes: isChosen ? expectedEntries(limit) : limit.amount / 48
      case .entries: limit.amount
      // Weights of a caller's own may be anything.
      case .weight: 0
      }
    return entries / most + (entries % most > 0 ? 1 : 0)
  }

  /// Enough shards that threads seldom meet, and few enough that each holds two thousand entries, or one where there are fewer shards than
  /// processors: a policy that sees little decides badly, and its models take some kilobytes in each.
  static func shardCount(_ limit: CacheLimit, wanted: Int?) -> Int {
    func powerOfTwo(_ count: Int) -> Int {
      var result = 1
      while result < count { result *= 2 }
      return result
    }
    let fewest = min(fewestShards(limit, isChosen: wanted != nil), 256)
    if let wanted { return powerOfTwo(min(max(wanted, fewest, 1), 256)) }
    let entries = limit.unit == .weight ? limit.amount / 512 : expectedEntries(limit)
    let byProcessors = powerOfTwo(min(max(8 * processorCount, 16), 256))
    var bySize = 1
    while bySize < byProcessors, entries / (bySize * 2) >= (bySize < processorCount ? 1024 : 2048) { bySize *= 2 }
    return max(bySize, powerOfTwo(fewest))
  }

  /// The parts of equal shares add up to the whole.
  func initialShare(of index: Int, _ count: Int) -> UInt64 { Self.share(maximum, of: index, count) }

  static func share(_ maximum: UInt64, of index: Int, _ count: Int) -> UInt64 {
    let (whole, rest) = maximum.quotientAndRemainder(dividingBy: UInt64(count))
    return whole + (UInt64(index) < rest ? 1 : 0)
  }
}
