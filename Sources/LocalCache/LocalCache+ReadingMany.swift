import CLocalCache
import Synchronization

extension LocalCache {
  /// The values of those keys that have one. In a large cache this takes less time than as many single look-ups, because it asks for the memory of many
  /// entries at once in place of waiting for one after the other.
  ///
  /// Counts as that many hits and misses. Linear in the number of keys.
  @inlinable
  public func get(_ keys: some Sequence<Key>) -> [Key: Value] {
    // Collected first, so that the dictionary is made once, and no larger than it has to be.
    var found = ContiguousArray<(Key, Value)>()
    visitValues(of: keys) { key, value in
      if let value { found.append((key, value)) }
    }
    var values = [Key: Value](minimumCapacity: found.count)
    // Taken out, not copied: to retain key and value and to release them again costs as much as to find them in a small cache.
    while let (key, value) = found.popLast() { values[key] = value }
    return values
  }

  /// Looks up many keys and calls the closure with each, in their order, and with its value or nil. No lock is held meanwhile.
  ///
  /// Some at a time: the buckets of all of them are asked for, then the entries, then what the values refer to, so that a group waits for memory three times and
  /// not three times for each key (Chen, Ailamaki, Gibbons, Mowry, "Improving hash join performance through prefetching", ICDE 2004).
  @inlinable
  func visitValues(of keys: some Sequence<Key>, _ body: (Key, Value?) -> Void) {
    let isLarge = isBeyondProcessorCache
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.groupSize) { hashes in
      var keys = keys.makeIterator()
      var group = ContiguousArray<Key>()
      repeat {
        group.removeAll(keepingCapacity: true)
        while group.count < Self.groupSize, let key = keys.next() {
          let hash = hash(key)
          shard(for: hash).pointee.prefetch(Self.high(hash))
          hashes[group.count] = hash
          group.append(key)
        }
        // One or two have nothing to wait for together.
        if isLarge, group.count > 2 { prefetchEntries(hashes[..<group.count]) }
        for (key, hash) in zip(group, hashes) { body(key, get(key, hash: hash)) }
      } while group.count == Self.groupSize
    }
  }

  /// As many as a processor can wait for at the same time (10 to 24 lines, by its make), and some for which it does not have to.
  @inlinable
  static var groupSize: Int { 32 }

  /// Whether there are more entries than a processor keeps near it, so that look-ups wait for them: some four thousand.
  @inlinable
  var isBeyondProcessorCache: Bool {
    Int(shard(at: 0).pointee.knownBuckets.load(ordering: .relaxed)) * SlotIndex.bucketSize * (shardMask + 1) > 6_000
  }

  /// Asks for the entries that look-ups of these hashes will lead to, and for the objects of their values.
  @inlinable
  func prefetchEntries(_ hashes: Slice<UnsafeMutableBufferPointer<UInt64>>) {
    for hash in hashes { visitCandidate(hash) { localcache_prefetch($0.value) } }
    if ValueReference<Value>.isKnown {
      for hash in hashes { visitCandidate(hash) { localcache_prefetch(ValueReference.target(of: $0.value)) } }
    }
  }

  /// Calls the closure with the slot in which an entry of this hash probably lies, if its shard is open wide to readers.
  @inlinable @inline(__always)
  func visitCandidate(_ hash: UInt64, _ body: (EntrySlot<Key, Value>) -> Void) {
    let shard = shard(for: hash)
    guard let cell = shard.pointee.lock.enterWide(cells, tag: Self.tag(shard)) else { return }
    if let id = shard.pointee.index.candidate(Self.high(hash)) {
      body(EntrySlot<Key, Value>(id, chunks: shard.pointee.policy.pool.chunks, times: entryTimes))
    }
    cell.pointee.leave()
  }

  /// `get` of a key whose hash is known.
  @inlinable @inline(never)
  func get(_ key: Key, hash: UInt64) -> Value? {
    guard expires else { return getWide(key, hash) }
    guard let latest = time.latest else { return getTogether(key, hash) }
    return getWide(key, hash, latest: latest, times: entryTimes)
  }
}

/// Where values refer to, as far as that can be told from their type without looking at them: only to ask for that memory early.
@usableFromInline
enum ValueReference<Value> {
  /// Whether values are of one or two words and not trivial: objects, arrays, dictionaries, strings, and structs of one of these.
  @inlinable @inline(__always)
  static var isKnown: Bool {
    !_isPOD(Value.self) && (MemoryLayout<Value>.size == 8 || MemoryLayout<Value>.size == 16)
  }

  /// Their last word without the bits that Swift keeps beside an address: that of a string's storage, too.
  @inlinable @inline(__always)
  static func target(of value: UnsafePointer<Value>) -> UnsafeRawPointer? {
    let word = UnsafeRawPointer(value).load(fromByteOffset: MemoryLayout<Value>.size &- 8, as: UInt.self)
    return UnsafeRawPointer(bitPattern: word & 0x00ff_ffff_ffff_fff8)
  }
}
