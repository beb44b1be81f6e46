import CLocalCache

/// How entries leave, and what is asked of memory meanwhile.
extension EvictionPolicy {
  /// The entry behind another in its list, or 0.
  @inline(__always)
  func successor(of id: UInt32) -> UInt32 {
    let next = pool[id].pointee.links.next
    return next < NodePool.reserved ? 0 : next
  }

  /// An entry may be the next to go: by then its slot, its counters, and the node behind it, shall have arrived. Returns its hash.
  @inline(__always)
  @discardableResult
  func prefetch(forVictim id: UInt32) -> UInt32 {
    let node = pool[id]
    localcache_prefetch(pool.slot(id))
    localcache_prefetch(pool.nodes.links(node.pointee.links.next))
    sketch.prefetch(node.pointee.hash)
    return node.pointee.hash
  }

  /// Takes an entry out; its identifier may be used again.
  @usableFromInline
  package mutating func remove(_ id: UInt32) { takeOut(id) }

  @inline(__always)
  private mutating func takeOut(_ id: UInt32) {
    weight &-= pool[id].pointee.weight
    count &-= 1
    unlink(id)
    pool.release(id)
  }

  /// Takes a victim out and asks for the memory that the removal of the next one will need: most of an eviction is waiting for memory, and there is
  /// time until then. Returns the hash of that next one; any other if none is known.
  @usableFromInline
  mutating func evict(_ id: UInt32) -> UInt32 {
    let next = successor(of: id)
    takeOut(id)
    return next == 0 ? 0 : prefetch(forVictim: next)
  }

  /// The same where a new entry takes the victim's place, identifier and all. It has to fit in, and not to be pinned.
  @usableFromInline
  mutating func exchange(_ id: UInt32, forHash hash: UInt32, weight: UInt64, written: UInt32) -> UInt32 {
    let next = successor(of: id)
    self.weight = self.weight &- pool[id].pointee.weight &+ weight
    unlink(id)
    tick()
    sampleAccess(hash)
    pool.set(
      id, PolicyNode(hash: hash, weight: weight, segment: .window), EntryUse(written: written, access: stampWord))
    grow()
    place(id, hash: hash)
    let nextHash = next == 0 ? 0 : prefetch(forVictim: next)
    if ring.isWorthEmptying { feedShadows() }
    return nextHash
  }
}
