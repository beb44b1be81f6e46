/// Finds expired entries without looking at the others: lists of entries by the time at which they end.
///
/// Hierarchical timing wheels (Varghese and Lauck, SOSP 1987): 32 lists of two seconds, 32 of about a minute, 32 of some forty, and one for
/// what is later. When the time of a list comes, its entries go to the list of those that are ready, from which they are removed or go to a finer
/// list, some at a time; each entry moves at most three times.
/// An access that prolongs an entry does not move it: its list finds the later deadline when its time comes.
@usableFromInline
struct TimerWheel {
  private static let slots: UInt64 = 32
  /// Widths of a slot, as powers of two of a tick: 2 s, 69 s, 37 min for ticks of 2^20 ns.
  @inline(__always)
  private static func shift(_ level: UInt64) -> UInt64 { 11 &+ level &* 5 }
  private static let levels: UInt64 = 3
  /// Marks a list's number where the identifier of an entry would stand.
  private static let headBit: UInt32 = PolicyNode.identifierLimit

  /// Empty until something is scheduled.
  private var heads: [UInt32] = []
  /// Ticks up to which everything has been looked at.
  private(set) var time: UInt64
  private(set) var count = 0

  init(now: UInt64) {
    time = now
  }

  /// Entries whose time has come, as far as is known, and those that are later than all other lists.
  private var ready: Int { later + 1 }
  private var later: Int { Int(Self.slots * Self.levels) }

  /// Whether entries are ready.
  var hasReady: Bool { !heads.isEmpty && heads[ready] != 0 }

  /// Whether a list may be due.
  @usableFromInline
  func isDue(_ now: UInt64) -> Bool { count > 0 && (now >> 11 > time >> 11 || hasReady) }

  @inline(__always)
  private func slot(_ deadline: UInt64) -> Int {
    let deadline = max(deadline, time)
    return slot(deadline, 0) ?? slot(deadline, 1) ?? slot(deadline, 2) ?? later
  }

  /// The list of a deadline among those of one width, if they reach that far.
  @inline(__always)
  private func slot(_ deadline: UInt64, _ level: UInt64) -> Int? {
    let shift = Self.shift(level)
    guard deadline &>> shift &- time &>> shift < Self.slots else { return nil }
    return Int(truncatingIfNeeded: level &* Self.slots &+ deadline &>> shift & (Self.slots &- 1))
  }

  @inline(__always)
  mutating func schedule(_ id: UInt32, deadline: UInt64, in table: EntryLifetimes) {
    if heads.isEmpty { heads = Array(repeating: 0, count: ready + 1) }
    insert(id, slot(deadline), in: table)
    count &+= 1
  }

  private mutating func insert(_ id: UInt32, _ slot: Int, in table: EntryLifetimes) {
    let first = heads[slot]
    table.setTimerLinks(id, .init(previous: Self.headBit | UInt32(slot), next: first))
    if first != 0 { setPrevious(of: first, to: id, in: table) }
    heads[slot] = id
  }

  @inline(__always)
  private func setPrevious(
    of id: UInt32, to previous: UInt32, in table: EntryLifetimes
  ) {
    table.setTimerLinks(id, .init(previous: previous, next: table.timerLinks(id).next))
  }

  mutating func cancel(_ id: UInt32, in table: EntryLifetimes) {
    let links = table.timerLinks(id)
    guard links.previous != 0 else { return }
    if links.previous & Self.headBit != 0 {
      heads[Int(links.previous & ~Self.headBit)] = links.next
    } else {
      let before = table.timerLinks(links.previous)
      table.setTimerLinks(links.previous, .init(previous: before.previous, next: links.next))
    }
    if links.next != 0 { setPrevious(of: links.next, to: links.previous, in: table) }
    table.setTimerLinks(id, .init(previous: 0, next: 0))
    count &-= 1
  }

  /// Puts the entries of all lists whose time has come among those that are ready.
  mutating func advance(to now: UInt64, in table: EntryLifetimes) {
    guard now > time else { return }
    guard !heads.isEmpty else {
      time = now
      return
    }
    for level in 0..<Self.levels {
      let shift = Self.shift(level)
      let from = time >> shift
      let to = now >> shift
      guard to > from || level == 0 else { break }
      // The list of the current slot is looked at too: its entries may end before the slot does.
      for step in 0...min(to - from, Self.slots - 1) {
        makeReady(Int(level * Self.slots + (from + step) & (Self.slots - 1)), in: table)
      }
      if level == Self.levels - 1 { makeReady(later, in: table) }
    }
    time = now
  }

  private mutating func makeReady(_ slot: Int, in table: EntryLifetimes) {
    var id = heads[slot]
    heads[slot] = 0
    while id != 0 {
      let next = table.timerLinks(id).next
      insert(id, ready, in: table)
      id = next
    }
  }

  /// Takes some entries that are ready out of the wheel. The caller removes them or schedules them anew.
  mutating func takeReady(_ limit: Int, in table: EntryLifetimes) -> [UInt32] {
    var taken: [UInt32] = []
    guard !heads.isEmpty else { return taken }
    collect(ready, limit, in: table, into: &taken)
    return taken
  }

  /// Everything that is scheduled, for a change of the time's origin.
  mutating func drain(in table: EntryLifetimes) -> [UInt32] {
    var all: [UInt32] = []
    for slot in heads.indices { collect(slot, .max, in: table, into: &all) }
    return all
  }

  private mutating func collect(_ slot: Int, _ limit: Int, in table: EntryLifetimes, into due: inout [UInt32]) {
    var id = heads[slot]
    while id != 0, due.count < limit {
      due.append(id)
      let next = table.timerLinks(id).next
      table.setTimerLinks(id, .init(previous: 0, next: 0))
      id = next
      count -= 1
    }
    heads[slot] = id
    if id != 0 { setPrevious(of: id, to: Self.headBit | UInt32(slot), in: table) }
  }

  mutating func removeAll() {
    for slot in heads.indices { heads[slot] = 0 }
    count = 0
  }
}
