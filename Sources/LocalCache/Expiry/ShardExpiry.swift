/// When the entries of a shard end, and how accesses prolong them.
///
/// Deadlines are ticks since `base`. A clock that jumps far ahead makes everything that can expire expire, and nothing young again:
/// numbers saturate, they do not wrap.
@usableFromInline
struct ShardExpiry {
  @usableFromInline let times: EntryTimes
  /// Lifetimes in ticks; 0 for none.
  @usableFromInline let afterWrite: UInt32
  @usableFromInline let afterAccess: UInt32
  /// An entry that lives so many ticks more does so whether it is used or not, and needs no longer life for a use: see `isToBeProlonged`.
  @usableFromInline let ampleRest: Int64
  /// Of the times of writing, where 16 bits stand for them.
  @usableFromInline let stampShift: UInt32
  /// Share of the lifetime by which an entry may end earlier.
  private let jitter: Double
  @usableFromInline var base: UInt64 = 0
  private var random: UInt64
  /// The last time of writing that an end was worked out for, and that end: what is written in one tick ends in one.
  private var lastWritten: UInt32 = .max
  private var lastEnd: UInt32 = 0
  private var wheel = TimerWheel()
  /// Time at which a write has to look: `isLookDue`.
  @usableFromInline private(set) var nextLook: UInt64 = .max
  /// Whether somebody is to look after the entries from now on.
  @usableFromInline var isSweeperWanted = false

  init(times: EntryTimes, afterWrite: UInt32, afterAccess: UInt32, jitter: Double, seed: UInt64) {
    self.times = times
    self.afterWrite = afterWrite
    self.afterAccess = afterAccess
    ampleRest = Int64(afterAccess) + 1
    stampShift = WriteStamp.shift(for: afterWrite)
    self.jitter = min(max(jitter, 0), 1)
    random = seed | 1
    setNextLook()
  }

  /// Whether entries can expire.
  @inlinable @inline(__always)
  var isActive: Bool { times != .written }

  /// Ticks to the end of an entry that has no lifetime of its own, where no access prolongs it: one more, because the time of writing was rounded down,
  /// so that nothing ends early.
  private var usualLifetime: UInt32 { afterWrite &+ 1 }

  /// The same for another shard.
  func seeded() -> ShardExpiry {
    var copy = self
    copy.random = UInt64.random(in: 1 ... .max)
    return copy
  }

  /// Deadlines of this kind are not moved by an access.
  @usableFromInline static let fixedBit: UInt32 = 1

  @inlinable @inline(__always)
  func relative(_ now: UInt64) -> UInt32 {
    now <= base ? 0 : UInt32(truncatingIfNeeded: min(now &- base, UInt64(UInt32.max - 2)))
  }

  @inlinable @inline(__always)
  func isOver(_ deadline: UInt32, now: UInt64) -> Bool {
    deadline != CacheTime.never && relative(now) >= deadline
  }

  /// Whether an access now has to move an entry's end, which has to lie one tick more than `afterAccess` ahead: the time of the access was rounded down. An end lies
  /// up to a 128th further off than it has to, so that most accesses write nothing.
  @inlinable @inline(__always)
  func isToBeProlonged(_ deadline: UInt32, now: UInt32) -> Bool {
    deadline &- now <= afterAccess && deadline & Self.fixedBit == 0
  }

  /// When an entry ends that is used now, where accesses prolong lives.
  @usableFromInline
  func prolonged(_ id: UInt32, now: UInt32, table: EntryLifetimes) -> UInt32 {
    combined(now: now, written: UInt32(clamping: written(id, table)))
  }

  /// When an entry was written, in ticks since `base`: see `EntryLifetimes.written`.
  @usableFromInline
  func written(_ id: UInt32, _ table: EntryLifetimes) -> Int64 {
    table.written(id, usualLifetime: usualLifetime)
  }

  private func combined(now: UInt32, written: UInt32) -> UInt32 {
    var end = UInt64(UInt32.max)
    if afterAccess != 0 { end = min(end, UInt64(now) + UInt64(afterAccess) + UInt64(afterAccess >> 7)) }
    if afterWrite != 0 { end = min(end, UInt64(written) + UInt64(afterWrite)) }
    // A tick more, as for `usualLifetime`.
    return end >= UInt64(UInt32.max) - 4 ? CacheTime.never : UInt32(end + 2) & ~Self.fixedBit
  }

  // MARK: Writing

  /// Notes when an entry ends that is written now. A lifetime of its own replaces the cache's.
  ///
  /// What is written in one tick ends in one, and most groups are due by then anyway: then this is a store and a comparison.
  @usableFromInline
  mutating func begin(_ id: UInt32, written: UInt32, lifetime: UInt32?, table: EntryLifetimes) {
    let deadline = lifetime == nil && written == lastWritten ? lastEnd : end(written, lifetime)
    table.setDeadline(deadline, of: id, lifetime: deadline &- written, usualLifetime: usualLifetime)
    if !wheel.covers(id, deadline), deadline != CacheTime.never { schedule(id, deadline, now: written) }
  }

  /// Lets the life of an entry begin anew while others may be reading: nothing but one word of it changes. Returns false, having changed nothing, where more
  /// would have to: the entry is over, or its lifetime is not the usual one, or its group would be looked at too late, or accesses move ends, too.
  @usableFromInline
  func restart(_ id: UInt32, written: UInt32, table: EntryLifetimes) -> Bool {
    switch times {
    case .written:
      table.sharedWritten(id).pointee.store(written, ordering: .relaxed)
      return true
    case .deadline:
      let deadline = usualEnd(written)
      guard jitter == 0, table.hasUsualLifetime(id), table[id].pointee > written, wheel.covers(id, deadline) else {
        return false
      }
      table.sharedDeadline(id).pointee.store(deadline, ordering: .relaxed)
      return true
    case .sliding, .both: return false
    }
  }

  private func usualEnd(_ written: UInt32) -> UInt32 {
    min(written, CacheTime.never - 1 - usualLifetime) + usualLifetime
  }

  @inline(never)
  private mutating func end(_ written: UInt32, _ lifetime: UInt32?) -> UInt32 {
    if let lifetime {
      return lifetime == CacheTime.never ? lifetime : (written &+ shortened(lifetime) &+ 1) | Self.fixedBit
    }
    let latest = times == .deadline ? usualEnd(written) : combined(now: written, written: written)
    guard jitter > 0, latest != CacheTime.never else {
      (lastWritten, lastEnd) = (written, latest)
      return latest
    }
    let lifetime = shortened(latest &- written)
    // What 16 bits can say, so that the time of writing is exact.
    if times == .deadline { return written &+ ShortLifetime(ticks: lifetime).ticks }
    let early = written &+ lifetime
    return afterAccess == 0 ? early | Self.fixedBit : (early &+ 1) & ~Self.fixedBit
  }

  @inline(never)
  private mutating func schedule(_ id: UInt32, _ deadline: UInt32, now: UInt32) {
    if wheel.count == 0 { isSweeperWanted = true }
    wheel.schedule(id, deadline, now: now)
    setNextLook()
  }

  /// Moves the end of an entry to so many ticks after its writing, but not nearer. Its group is due earlier, and finds that out.
  func prolong(_ id: UInt32, age: UInt64, table: EntryLifetimes) {
    let end = table[id].pointee
    guard end != CacheTime.never else { return }
    let written = written(id, table)
    // What 16 bits can say, so that the next time ends at the same: a sum of roundings would go on for ever.
    let lifetime = ShortLifetime(ticks: UInt32(clamping: age)).ticks
    let deadline = UInt32(clamping: min(written + Int64(lifetime), Int64(UInt32.max - 2)))
    guard deadline > end else { return }
    table.setDeadline(
      times == .deadline ? deadline : deadline | Self.fixedBit, of: id, lifetime: lifetime, usualLifetime: usualLifetime
    )
  }

  private mutating func shortened(_ lifetime: UInt32) -> UInt32 {
    guard jitter > 0 else { return lifetime }
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    let share = Double(random >> 11) / Double(1 << 53) * jitter
    return max(1, lifetime - UInt32(Double(lifetime) * share))
  }

  // MARK: Looking for what is over

  /// Whether something may be over, or numbers may run out: see `due`.
  @inlinable @inline(__always)
  func isLookDue(_ now: UInt64) -> Bool { now >= nextLook }

  /// Ready groups at once, others when the time of the wheel's next list comes, and the origin of the numbers before they run out.
  private mutating func setNextLook() {
    nextLook = wheel.hasReady ? 0 : base + (wheel.count > 0 ? min(wheel.nextTime, Self.furthest) : Self.furthest)
  }

  /// Entries that are over, and work for about `limit`: a group that is looked at counts for four, each entry found for one.
  ///
  /// - Parameters:
  ///   - isThorough: whether those are wanted that ended in the last two seconds.
  ///   - over: takes their identifiers; has room for `limit` and a group more.
  /// - Returns: how many there are.
  mutating func due(
    now: UInt64, limit: Int, isThorough: Bool, pool: NodePool, table: EntryLifetimes,
    into over: UnsafeMutableBufferPointer<UInt32>
  ) -> Int {
    if now > base, now - base > Self.furthest { moveOrigin(now, pool: pool, table: table) }
    let time = relative(now)
    // The clock went back: what is written meanwhile would be looked for only when it has made up for that.
    if wheel.isAhead(of: time) { scheduleAll(now: time, pool: pool, table: table) }
    wheel.advance(to: time, withPresent: isThorough)
    var found = 0
    var budget = limit
    while let group = wheel.takeDue(&budget) {
      budget -= 3
      var next: (id: UInt32, deadline: UInt32)?
      for id in group where id < pool.highWater && pool[id].pointee.isInUse {
        let deadline = table[id].pointee
        if deadline <= time {
          over[found] = id
          found += 1
          budget -= 1
        } else if deadline < next?.deadline ?? CacheTime.never {
          next = (id, deadline)
        }
      }
      if let next { wheel.schedule(next.id, next.deadline, now: time) }
    }
    setNextLook()
    // Nobody may be looking after the entries: a clock may have refused to sleep.
    isSweeperWanted = isAnyScheduled
    return found
  }

  /// Whether groups wait that are due already.
  var hasReady: Bool { wheel.hasReady }

  /// Whether there may be entries that can expire.
  var isAnyScheduled: Bool { wheel.count > 0 }

  /// Whether something can expire for the first time since nothing could; says so once.
  @inlinable @inline(__always)
  mutating func takeSweeperWanted() -> Bool {
    guard isSweeperWanted else { return false }
    isSweeperWanted = false
    return true
  }

  /// Returns what was known, whose memory ends with it.
  mutating func removeAll() -> TimerWheel {
    let old = wheel
    wheel.removeAll(now: 0)
    setNextLook()
    return old
  }

  // MARK: The origin of times

  /// Ticks from the origin at which it has to move. Lifetimes are half as long at most, so the numbers do not run out.
  private static let furthest = UInt64(UInt32.max) / 2

  /// Moves the origin of the numbers before they run out, so that ages of a week and more are still known. Linear in the number of entries; once
  /// in some weeks. Also where entries have no lifetimes, only a time at which they were written.
  private mutating func moveOrigin(_ now: UInt64, pool: NodePool, table: EntryLifetimes) {
    let move = now - Self.furthest / 2 - base
    // Whole steps of the times of writing, which stay as exact as they are. After so long that nothing is left, the new origin comes as near as it has to.
    let shift = UInt32(min(move, UInt64(UInt32.max))) & ~(1 << stampShift - 1)
    base = move > UInt64(UInt32.max) ? now - Self.furthest / 2 : base + UInt64(shift)
    lastWritten = .max
    pool.visitInUse { id, _ in
      table.moveWritten(id, by: shift)
      guard isActive, table[id].pointee != CacheTime.never else { return }
      let deadline = table[id].pointee
      // What is over becomes 0, with no bit set: it is over at the new origin too.
      table[id].pointee = deadline > shift ? (deadline - shift) & ~Self.fixedBit | deadline & Self.fixedBit : 0
    }
    if isActive { scheduleAll(now: relative(now), pool: pool, table: table) } else { setNextLook() }
  }

  /// Begins the wheel anew. Linear in the number of entries.
  private mutating func scheduleAll(now: UInt32, pool: NodePool, table: EntryLifetimes) {
    // A tick is left over, so that the wheel has some way to go to what is over already.
    let time = max(now, 1) - 1
    wheel.removeAll(now: time)
    pool.visitInUse { id, _ in
      let deadline = table[id].pointee
      if deadline != CacheTime.never, !wheel.covers(id, deadline) { wheel.schedule(id, deadline, now: time) }
    }
  }
}
