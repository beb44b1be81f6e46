/// How the bound is divided among shards.
enum Shares {
  /// What each shard gets of a total: as much as it needs where that is more than an equal part of what is left, and an equal part otherwise.
  ///
  /// - Parameter needs: what a shard cannot do with less than. The largest are served first.
  static func divide(_ total: UInt64, needs: [UInt64]) -> [UInt64] {
    var shares = needs
    var left = total
    var count = needs.count
    var equal: [Int] = []
    for index in needs.indices.sorted(by: { needs[$0] > needs[$1] }) {
      if equal.isEmpty, needs[index] > left / UInt64(count) {
        shares[index] = min(needs[index], left)
        left -= shares[index]
        count -= 1
      } else {
        equal.append(index)
      }
    }
    for (place, index) in equal.sorted().enumerated() {
      shares[index] = SharedBound.share(left, of: place, equal.count)
    }
    return shares
  }
}

extension LocalCache {
  private struct ShareState {
    var maximum: UInt64
    var weight: UInt64
    var pinned: UInt64
  }

  private func shareStates() -> [ShareState] {
    (0...shardMask).map { index in
      locked(shard(at: index)) {
        ShareState(
          maximum: $0.pointee.policy.maximum, weight: $0.pointee.policy.weight, pinned: $0.pointee.policy.pinnedWeight)
      }
    }
  }

  /// Lets a shard have the share that an entry of this weight needs, in place of an earlier one of its key. Others evict for it.
  ///
  /// - Returns: whether it has. Where pinned entries leave too little, nothing is evicted.
  func borrow(_ weight: UInt64, for key: Key, _ hash: UInt64) -> Bool {
    let index = Int(truncatingIfNeeded: hash) & shardMask
    var all = Removals<Key, Value>()
    let isEnough = bound.transfers.withLock { _ in
      // Pinned entries stay beside the new one, but for the one that it replaces.
      let replaced = locked(shard(at: index)) { shard in
        let id = shard.pointee.find(key, hash: Self.high(hash))
        return id != 0 && shard.pointee.policy.isPinned(id) ? shard.pointee.policy.weight(of: id) : 0
      }
      let pinned = shareStates().map(\.pinned)
      let need = weight + pinned[index] - min(replaced, pinned[index])
      let others = pinned.reduce(0, +) - pinned[index]
      guard need <= bound.available, others <= bound.available - need else { return false }
      divide(bound.available, before: bound.available, replacing: (index, replaced), &all)
      var have = locked(shard(at: index)) { $0.pointee.policy.maximum }
      var other = (index + 1) & shardMask
      while have < need, other != index {
        let (maximum, pinned) = locked(shard(at: other)) { ($0.pointee.policy.maximum, $0.pointee.policy.pinnedWeight) }
        let given = min(maximum - min(maximum, pinned), need - have)
        setShare(of: other, to: maximum - given, &all)
        have += given
        setShare(of: index, to: have, &all)
        other = (other + 1) & shardMask
      }
      return have >= need
    }
    report(all)
    return isEnough
  }

  /// Gives every shard its equal share again, as far as entries that are larger than a share, and pinned ones, allow. Called from time to time.
  func balanceShares() {
    guard shardMask > 0 else { return }
    var all = Removals<Key, Value>()
    bound.transfers.withLock { _ in divide(bound.available, before: bound.available, &all) }
    report(all)
  }

  /// Divides what the entries may take anew. Shares that shrink come first, so that at no moment all together are more than before or after.
  ///
  /// - Parameter replacing: what is pinned in a shard and about to go: together with it there may be too much.
  private func divide(
    _ total: UInt64, before: UInt64, replacing: (shard: Int, pinned: UInt64) = (0, 0),
    _ removals: inout Removals<Key, Value>
  ) {
    var states = shareStates()
    states[replacing.shard].pinned -= min(replacing.pinned, states[replacing.shard].pinned)
    var needs = states.enumerated().map { index, state in
      // A shard that has borrowed for an entry larger than its share keeps what that takes.
      let hasBorrowed = state.maximum > SharedBound.share(before, of: index, shardMask + 1)
      return max(hasBorrowed ? min(state.maximum, state.weight) : 0, state.pinned)
    }
    if needs.reduce(0, +) > total { needs = states.map(\.pinned) }
    // Where pinned entries take more than the limit nothing else goes in, in whatever shard there would be room by its share alone; whoever stores has the
    // shares divided anew, so that they come back when pins go.
    let isOverfull = shardMask > 0 && needs.reduce(0, +) > total
    let shares = isOverfull ? needs.map { _ in 0 } : Shares.divide(total, needs: needs)
    for isGrowth in [false, true] {
      for (index, share) in shares.enumerated() where (share > states[index].maximum) == isGrowth {
        guard share != states[index].maximum else { continue }
        setShare(of: index, to: share, &removals)
      }
    }
  }

  /// Gives a shard another share, under the lock of transfers. Evicts some at a time: who looks something up, or stores it, waits for those only.
  func setShare(of index: Int, to share: UInt64, _ removals: inout Removals<Key, Value>) {
    let limit = 128
    let shard = shard(at: index)
    while true {
      if shard.pointee.reportsRemovals { removals.reserveFurther(limit) }
      guard locked(shard, { $0.pointee.setMaximum(share, limit: limit, &removals) }) else { return }
      shard.pointee.lock.giveWay()
    }
  }

  /// Runs a closure that only reads, together with other readers where they may.
  func reading<Result>(
    _ shard: UnsafeMutablePointer<Shard<Key, Value>>,
    _ body: (UnsafeMutablePointer<Shard<Key, Value>>) -> Result
  ) -> Result {
    guard let cell = shard.pointee.lock.enter() else {
      shard.pointee.lock.lockToRead()
      defer { shard.pointee.lock.unlockAfterReading() }
      return body(shard)
    }
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

  /// Changes the limit; the unit has to be that of the old one, otherwise nothing happens. A smaller limit evicts at once. A limit in
  /// weight is at most 2^28 times the step in which the cache counts, which follows from its first limit.
  ///
  /// - Returns: whether the limit was changed.
  @discardableResult
  public func resize(to limit: CacheLimit) -> Bool {
    guard limit.unit == sizer.limitUnit else { return false }
    var all = Removals<Key, Value>()
    bound.transfers.withLock { _ in
      let before = bound.available
      let amount = UInt64(limit.amount) / bound.unit
      let maximum = limit.unit == .weight ? min(amount, PolicyNode.maximumWeight) : amount
      // What is kept free goes on in proportion.
      bound.setHeldBack(
        bound.maximum == 0 ? 0 : UInt64(Double(bound.heldBack) / Double(bound.maximum) * Double(maximum)))
      bound.set(maximum)
      // Nobody would ever change it in a cache that is too small to be tended.
      if !keepsMemory { bound.setHeldBack(0) }
      divide(bound.available, before: before, &all)
    }
    report(all)
    // A cache that was too small for it may be large enough now.
    startTendingMemory()
    return true
  }

  /// Keeps a part of the limit free. More than before evicts.
  func holdBack(_ amount: UInt64) {
    var all = Removals<Key, Value>()
    bound.transfers.withLock { _ in
      let before = bound.available
      bound.setHeldBack(amount)
      divide(bound.available, before: before, &all)
    }
    report(all)
  }
}
