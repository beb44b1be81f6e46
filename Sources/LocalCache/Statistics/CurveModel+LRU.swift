/// What a cache would hit that evicts the least recently used.
extension CurveModel {
  /// Misses of all look-ups in caches of these shares of the limit that evict the least recently used. An access is a hit where all that was used since the last
  /// access of the key fits in (Mattson et al. 1970). O(n log n) in the number of steps, for all sizes together.
  func lruMissRatios(at sharesOfLimit: [Double]) -> [Double] {
    let sizes = sharesOfLimit.map { Double(contents.limit) * contents.rate * $0 }
    /// By step: the weight of the key whose last access it is.
    var used = FenwickTree(count: keys.count)
    var last = [Int](repeating: -1, count: hashes.count)
    /// For each size, where the life of a key's entry began.
    var begun = [[Int]](repeating: [], count: sizes.count)
    if lifetime != nil { for index in sizes.indices { begun[index] = last } }
    func isHit(_ key: Int, _ position: Int, _ index: Int, isKept: Bool) -> Bool {
      guard let lifetime else { return isKept }
      let isHit = isKept && position - begun[index][key] < lifetime
      if !isHit || ends.areProlonged { begun[index][key] = position }
      return isHit
    }
    var total: UInt64 = 0
    var scores = sizes.map { _ in Score(looks: repeats) }
    func drop(_ key: Int) {
      guard last[key] >= 0 else { return }
      used.add(0 &- weights[key], at: last[key])
      total &-= weights[key]
      last[key] = -1
    }
    for (position, key) in keys.enumerated() {
      if let ended = ending(at: position) { drop(ended) }
      if case .remove = steps[position] {
        drop(key)
        continue
      }
      var distance = Double.infinity
      if last[key] >= 0 {
        distance = Double(total &- used.sum(below: last[key]))
        used.add(0 &- weights[key], at: last[key])
      } else {
        total &+= weights[key]
      }
      used.add(weights[key], at: position)
      last[key] = position
      guard case .look = steps[position] else {
        for index in begun.indices where lifetime != nil { begun[index][key] = position }
        continue
      }
      for index in sizes.indices {
        let isHit = isHit(key, position, index, isKept: distance <= sizes[index])
        if position >= firstCounted { scores[index].count(reuses[position], isHit: isHit) }
      }
    }
    return scores.map { $0.missRatio(shares, newness: 1) }
  }
}

/// Sums of the first so many of some numbers, which may change (Fenwick, "A New Data Structure for Cumulative Frequency Tables", 1994). O(log n) for each
/// operation.
private struct FenwickTree {
  private var nodes: [UInt64]

  init(count: Int) { nodes = [UInt64](repeating: 0, count: count + 1) }

  /// Adds modulo 2^64, so that an amount can be taken away again.
  mutating func add(_ amount: UInt64, at position: Int) {
    var index = position + 1
    while index < nodes.count {
      nodes[index] &+= amount
      index += index & -index
    }
  }

  func sum(below position: Int) -> UInt64 {
    var index = position
    var result: UInt64 = 0
    while index > 0 {
      result &+= nodes[index]
      index -= index & -index
    }
    return result
  }
}
