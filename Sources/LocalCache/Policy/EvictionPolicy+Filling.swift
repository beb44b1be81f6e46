/// Before the cache is full for the first time.
///
/// As long as nothing has to go, nobody needs to know who would be next: an entry is a node and nothing more, and an insertion costs what it costs
/// in a dictionary. The lists are made when the first victim is asked for.
extension EvictionPolicy {
  /// Entries became more by a quarter.
  mutating func lookAhead() {
    countToLook = count + count / 4 + 5
    pool.expected = UInt32(min(Double(count) * Double(maximum) / Double(max(weight, 1)), 1e9))
    fitShadows()
  }

  /// Puts every entry where it would be if lists had been kept: the newest into the window, the others on probation, in the order of their
  /// last access, or of insertion where the regime goes by that. Linear in the number of entries; once in the life of a cache, unless it gets empty.
  @inline(never)
  mutating func settle() {
    pool.makeHeads()
    emptyQueues()
    // Models that are made now are given what is there.
    fit(entries: count)
    isFilling = false
    advance()
    var rest = weight - pinnedWeight
    let target = regime == .queues ? UInt64.max : windowMaximum
    let isByInsertion = regime.isByInsertion
    // Identifiers ascend in the order of insertion, but for those that were used before.
    pool.visitInUse { id, node in
      guard node.pointee.segment == .fresh else { return }
      let place = isByInsertion ? stamp : pool.use(id).pointee.accessEpoch
      if rest > target {
        sketch.add(node.pointee.hash)
        counted &+= 1
        node.pointee.segment = .probation
        probation.append(id, stamp: place, pool: pool.nodes)
      } else {
        node.pointee.segment = .window
        window.append(id, stamp: place, pool: pool.nodes)
      }
      rest -= node.pointee.weight
    }
  }

  mutating func emptyQueues() {
    window.removeAll(pool: pool.nodes)
    probation.removeAll(pool: pool.nodes)
    protected.removeAll(pool: pool.nodes)
  }

  /// Hashes of all entries, those first that were used longest ago, as far as that is known.
  func visitInOrder(_ body: (UInt32) -> Void) {
    guard !isFilling else { return pool.visitInUse { _, node in body(node.pointee.hash) } }
    for queue in [probation, protected, window] { queue.visit(pool: pool.nodes) { id in body(pool[id].pointee.hash) } }
  }
}
