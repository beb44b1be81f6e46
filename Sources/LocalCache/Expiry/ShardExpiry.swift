/// When the entries of a shard end, and how accesses prolong them.
///
/// Deadlines are ticks since `base`. A clock that jumps far ahead makes everything that can expire expire, and nothing young again:
/// numbers saturate, they do not wrap.
@usableFromInline
struct ShardExpiry {
  @usableFromInline let isActive: Bool
  /// Lifetimes in ticks; 0 for none.
  @usableFromInline let afterWrite: UInt32
  @usableFromInline let afterAccess: UInt32
  /// An entry that lives so many ticks more does so whether it is used or not, and needs no longer life for a use.
  @usableFromInline let ampleRest: Int64
  /// Share of the lifetime by which an entry may end earlier.
  private let jitter: Double
  @usableFromInline var base: UInt64 = 0
  private var random: UInt64
  /// The last time of writing that an end was worked out for, and that end: what is written in one tick ends in one.
  private var lastWritten: UInt32 = .max
  private var lastEnd: UInt32 = 0

  init(isActive: Bool, afterWrite: UInt32, afterAccess: UInt32, jitter: Double, seed: UInt64) {
    self.isActive = isActive
    self.afterWrite = afterWrite
    self.afterAccess = afterAccess
    ampleRest = max(Int64(afterAccess), 1)
    self.jitter = min(max(jitter, 0), 1)
    random = seed | 1
  }

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

  /// Whether an access now has to move an entry's end. An end lies up to a 128th further off than it has to, so that most accesses write nothing.
  @inlinable @inline(__always)
  func isToBeProlonged(_ deadline: UInt32, now: UInt32) -> Bool {
    deadline &- now < afterAccess && deadline & Self.fixedBit == 0
  }

  /// When an entry ends that was used now.
  @usableFromInline
  func combined(now: UInt32, written: UInt32) -> UInt32 {
    var end = UInt64(UInt32.max)
    if afterAccess != 0 { end = min(end, UInt64(now) + UInt64(afterAccess) + UInt64(afterAccess >> 7)) }
    if afterWrite != 0 { end = min(end, UInt64(written) + UInt64(afterWrite)) }
    // The time of writing was rounded down: one tick more, so that nothing ends early.
    return end >= UInt64(UInt32.max) - 4 ? CacheTime.never : UInt32(end + 2) & ~Self.fixedBit
  }

  /// Notes the time of a write and when the entry ends; a new entry is in no list yet. A lifetime of its own replaces the cache's.
  @usableFromInline
  mutating func write(
    _ id: UInt32, _ times: (now: UInt64, lifetime: UInt32?), isNew: Bool, table: EntryLifetimes,
    wheel: inout TimerWheel
  ) {
    if times.now > base, times.now - base > UInt64(UInt32.max) / 2 { rebase(times.now, table: table, wheel: &wheel) }
    let written = relative(times.now)
    table.written(id).pointee = written
    let end = table[id]
    let deadline: UInt32
    if let lifetime = times.lifetime {
      deadline =
        lifetime == CacheTime.never ? lifetime : (written &+ shortened(lifetime) &+ 1) | Self.fixedBit
    } else {
      if written != lastWritten { (lastWritten, lastEnd) = (written, combined(now: written, written: written)) }
      let latest = lastEnd
      if jitter > 0, latest != CacheTime.never {
        deadline =
          (written &+ shortened(latest &- written)) | (afterAccess == 0 ? Self.fixedBit : 0)
      } else {
        deadline = latest
      }
    }
    end.pointee.deadline = deadline
    if !isNew { cancel(id, table: table, wheel: &wheel) }
    if deadline != CacheTime.never {
      wheel.schedule(id, deadline: base + UInt64(deadline), in: table)
    }
  }

  /// Moves the end of an entry to so many ticks after its writing, but not nearer.
  mutating func prolong(_ id: UInt32, age: UInt64, table: EntryLifetimes, wheel: inout TimerWheel) {
    let end = table[id]
    guard end.pointee.deadline != CacheTime.never else { return }
    let latest = min(UInt64(table.written(id).pointee) + min(age, 1 << 40), UInt64(UInt32.max - 2))
    let deadline = UInt32(latest) | Self.fixedBit
    guard deadline > end.pointee.deadline, deadline != CacheTime.never else { return }
    end.pointee.deadline = deadline
    cancel(id, table: table, wheel: &wheel)
    wheel.schedule(id, deadline: base + UInt64(deadline), in: table)
  }

  private mutating func shortened(_ lifetime: UInt32) -> UInt32 {
    guard jitter > 0 else { return lifetime }
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    let share = Double(random >> 11) / Double(1 << 53) * jitter
    return max(1, lifetime - UInt32(Double(lifetime) * share))
  }

  @usableFromInline
  func cancel(_ id: UInt32, table: EntryLifetimes, wheel: inout TimerWheel) {
    guard isActive else { return }
    wheel.cancel(id, in: table)
  }

  /// Entries that are over, out of up to `limit` that may be; what only came up early goes back into the wheel.
  mutating func due(now: UInt64, limit: Int, table: EntryLifetimes, wheel: inout TimerWheel) -> [UInt32] {
    if now > base, now - base > UInt64(UInt32.max) / 2 { rebase(now, table: table, wheel: &wheel) }
    wheel.advance(to: now, in: table)
    var over: [UInt32] = []
    for id in wheel.takeReady(limit, in: table) {
      let deadline = table[id].pointee.deadline
      if isOver(deadline, now: now) {
        over.append(id)
      } else if deadline != CacheTime.never {
        wheel.schedule(id, deadline: base + UInt64(deadline), in: table)
      }
    }
    return over
  }

  /// Moves the origin of the numbers before they run out. Linear in the number of scheduled entries; once in some weeks.
  private mutating func rebase(
    _ now: UInt64, table: EntryLifetimes, wheel: inout TimerWheel
  ) {
    let shift = UInt32(min(now - base, UInt64(UInt32.max)))
    let scheduled = wheel.drain(in: table)
    for id in scheduled {
      let lifetime = table[id]
      let deadline = lifetime.pointee.deadline
      if deadline != CacheTime.never {
        // What is over becomes 0, with no bit set: it is over at the new origin too.
        lifetime.pointee.deadline =
          deadline > shift ? (deadline - shift) & ~Self.fixedBit | deadline & Self.fixedBit : 0
      }
      table.written(id).pointee -= min(table.written(id).pointee, shift)
    }
    base = now
    for id in scheduled {
      let deadline = table[id].pointee.deadline
      guard deadline != CacheTime.never else { continue }
      wheel.schedule(id, deadline: base + UInt64(deadline), in: table)
    }
  }
}
