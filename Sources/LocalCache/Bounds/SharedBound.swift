import Synchronization

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

  /// In units.
  var maximum: UInt64 { current.load(ordering: .relaxed) }

  init(limit: CacheLimit) {
    unit = Self.unit(of: limit)
    current = Atomic(UInt64(limit.amount) / unit)
  }

  /// Memory is counted in 16 bytes, the step of malloc; other things one by one, unless the limit does not fit into 28 bits.
  static func unit(of limit: CacheLimit) -> UInt64 {
    var unit: UInt64 = limit.unit == .bytes ? 16 : 1
    while UInt64(limit.amount) / unit > PolicyNode.maximumWeight { unit *= 2 }
    return unit
  }

  func set(_ maximum: UInt64) { current.store(maximum, ordering: .relaxed) }

  /// Enough shards that threads seldom meet, and few enough that each holds some hundred entries: a policy that sees little decides badly.
  static func shardCount(_ limit: CacheLimit, wanted: Int?) -> Int {
    func powerOfTwo(_ count: Int) -> Int {
      var result = 1
      while result < count { result *= 2 }
      return result
    }
    if let wanted { return powerOfTwo(min(max(wanted, 1), 256)) }
    let entries = limit.unit == .entries ? limit.amount : limit.amount / 1024
    let byProcessors = powerOfTwo(min(max(8 * processorCount, 16), 256))
    var bySize = 1
    while bySize < byProcessors, entries / (bySize * 2) >= 512 { bySize *= 2 }
    return bySize
  }

  /// The parts of equal shares add up to the whole.
  func initialShare(of index: Int, _ count: Int) -> UInt64 { Self.share(maximum, of: index, count) }

  static func share(_ maximum: UInt64, of index: Int, _ count: Int) -> UInt64 {
    let (whole, rest) = maximum.quotientAndRemainder(dividingBy: UInt64(count))
    return whole + (UInt64(index) < rest ? 1 : 0)
  }
}

extension LocalCache {
  /// Lets a shard have the share that an entry of this weight needs. Others evict for it.
  func borrow(_ weight: UInt64, for index: Int) -> Bool {
    var all = Removals<Key, Value>()
    let isEnough = bound.transfers.withLock { _ in
      let target = shard(at: index)
      var have = locked(target) { $0.pointee.policy.maximum }
      // Pinned entries of the shard stay beside the new one.
      let need = weight + locked(target) { $0.pointee.policy.pinnedWeight }
      var other = (index + 1) & shardMask
      while have < need, other != index {
        let source = shard(at: other)
        let given = locked(source) { source in
          let maximum = source.pointee.policy.maximum
          let given = min(maximum - min(maximum, source.pointee.policy.pinnedWeight), need - have)
          source.pointee.setMaximum(maximum - given, &all)
          return given
        }
        locked(target) { $0.pointee.setMaximum($0.pointee.policy.maximum + given, &all) }
        have += given
        other = (other + 1) & shardMask
      }
      return have >= need
    }
    report(all)
    return isEnough
  }

  /// Gives every shard its equal share again, as far as entries that are larger than a share allow. Called from time to time.
  func balanceShares() {
    guard shardMask > 0 else { return }
    var all = Removals<Key, Value>()
    bound.transfers.withLock { _ in
      var missing: [(index: Int, amount: UInt64)] = []
      var spare: UInt64 = 0
      for index in 0...shardMask {
        let fair = SharedBound.share(bound.maximum, of: index, shardMask + 1)
        locked(shard(at: index)) { shard in
          let maximum = shard.pointee.policy.maximum
          if maximum < fair { missing.append((index, fair - maximum)) }
          if maximum > fair, shard.pointee.policy.weight <= fair {
            spare += maximum - fair
            shard.pointee.setMaximum(fair, &all)
          }
        }
      }
      for (index, amount) in missing where spare > 0 {
        let given = min(amount, spare)
        spare -= given
        locked(shard(at: index)) { $0.pointee.setMaximum($0.pointee.policy.maximum + given, &all) }
      }
      // Every unit that was taken above was missing somewhere, so nothing is left; if arithmetic ever says otherwise, the bound is kept.
    }
    report(all)
  }

  /// Runs a closure that only reads, together with other readers where they may.
  func reading<Result>(
    _ shard: UnsafeMutablePointer<Shard<Key, Value>>,
    _ body: (UnsafeMutablePointer<Shard<Key, Value>>) -> Result
  ) -> Result {
    guard let cell = shard.pointee.lock.enter() else { return locked(shard, body) }
    defer { cell.pointee.leave() }
    return body(shard)
  }

  /// Runs a closure under a shard's lock.
  func locked<Result>(
    _ shard: UnsafeMutablePointer<Shard<Key, Value>>,
    _ body: (UnsafeMutablePointer<Shard<Key, Value>>) -> Result
  ) -> Result {
    shard.pointee.lock.lock()
    defer { shard.pointee.lock.unlock() }
    return body(shard)
  }

  /// Changes the limit; the unit has to be that of the old one, otherwise nothing happens. A smaller limit evicts at once.
  ///
  /// - Returns: whether the limit was changed.
  @discardableResult
  public func resize(to limit: CacheLimit) -> Bool {
    guard limit.unit == sizer.limitUnit else { return false }
    var all = Removals<Key, Value>()
    bound.transfers.withLock { _ in
      let maximum = min(UInt64(limit.amount) / bound.unit, PolicyNode.maximumWeight)
      let isSmaller = maximum < bound.maximum
      if !isSmaller { bound.set(maximum) }
      for index in 0...shardMask {
        let share = SharedBound.share(maximum, of: index, shardMask + 1)
        locked(shard(at: index)) { $0.pointee.setMaximum(share, &all) }
      }
      if isSmaller { bound.set(maximum) }
    }
    report(all)
    return true
  }
}
