/// Finds expired entries without looking at the others: lists of groups of entries by the time at which the first of a group may end.
///
/// Hierarchical timing wheels (Varghese and Lauck, SOSP 1987): 32 lists of two seconds, 32 of about a minute, 32 of some forty, and one for
/// what is later. When the time of a list comes, its groups go to the list of those that are ready, from which they are looked at or go to a finer
/// list, some at a time; each moves at most three times.
///
/// A group is sixteen slots in a row, and is due when the earliest of its entries ends that it was scheduled for. Writing an entry compares its end
/// with that, and mostly there is nothing to do: what is written later ends later. Removing an entry, or an access that prolongs its life, does
/// nothing at all; when the group is due it is seen what is there. So a write needs half a byte an entry that many share, where lists of entries
/// need their neighbours in them, which lie anywhere in memory.
///
/// Times are ticks since the shard's `base`.
struct TimerWheel {
  static let groupShift: UInt32 = 4
  static let groupSize: UInt32 = 1 << groupShift
  private static let slots: UInt32 = 32
  private static let levels: UInt32 = 3
  /// Groups are due at multiples of 2^11 ticks, which are the width of the finest list: 2 s of ticks of 2^20 ns.
  private static let unitShift: UInt32 = 11
  /// Marks a list's number where a group would stand.
  private static let headBit: UInt32 = 1 << 19

  /// When a group is due, and its neighbours in its list. Groups are counted from 1; 0 stands for none.
  private struct Group {
    private var bits: UInt64

    static let unscheduled: UInt32 = 1 << 24 - 1

    /// `due`: multiples of 2^`unitShift` ticks.
    init(due: UInt32, previous: UInt32, next: UInt32) {
      bits = UInt64(due) &<< 40 | UInt64(next) &<< 20 | UInt64(previous)
    }

    init() { self.init(due: Self.unscheduled, previous: 0, next: 0) }

    var due: UInt32 { UInt32(truncatingIfNeeded: bits &>> 40) }

    var previous: UInt32 {
      get { UInt32(truncatingIfNeeded: bits & 0xF_FFFF) }
      set { bits = bits & ~0xF_FFFF | UInt64(newValue) }
    }

    var next: UInt32 {
      get { UInt32(truncatingIfNeeded: bits &>> 20 & 0xF_FFFF) }
      set { bits = bits & ~(0xF_FFFF << 20) | UInt64(newValue) &<< 20 }
    }
  }

  /// Empty until something is scheduled.
  private var heads: [UInt32] = []
  /// As far as groups were ever scheduled; the first is that of the first identifier.
  private var groups: [Group] = []
  /// Up to which everything has been looked at.
  private var time: UInt32 = 0
  /// Groups that are scheduled.
  private(set) var count = 0

  /// Groups whose time has come, as far as is known, and those that are later than all other lists.
  private var ready: Int { later + 1 }
  private var later: Int { Int(Self.slots * Self.levels) }

  /// Whether groups are ready.
  var hasReady: Bool { !heads.isEmpty && heads[ready] != 0 }

  /// When lists may be due that are not yet.
  var nextTime: UInt64 { (UInt64(time >> Self.unitShift) + 1) << UInt64(Self.unitShift) }

  @inline(__always)
  private static func index(_ id: UInt32) -> Int {
    Int(truncatingIfNeeded: id &>> groupShift &- NodePool.reserved &>> groupShift)
  }

  /// The identifiers of a group.
  private static func identifiers(_ index: Int) -> Range<UInt32> {
    let first = NodePool.reserved + UInt32(index) << groupShift
    return first..<first + groupSize
  }

  /// Whether the group of an entry is due no later than the entry ends.
  @inline(__always)
  func covers(_ id: UInt32, _ deadline: UInt32) -> Bool {
    let index = Self.index(id)
    return index < groups.count && groups[index].due <= deadline &>> Self.unitShift
  }

  /// Sees to it that an entry is found when it is over, unless the wheel `covers` it.
  @inline(never)
  mutating func schedule(_ id: UInt32, _ deadline: UInt32, now: UInt32) {
    let index = Self.index(id)
    if index >= groups.count { makeRoom(for: index) }
    if count == 0 { time = now }
    if groups[index].due != Group.unscheduled { unlink(index) }
    schedule(index, due: deadline >> Self.unitShift)
  }

  private mutating func schedule(_ index: Int, due: UInt32) {
    insert(index, due: due, into: slot(due))
    count += 1
  }

  /// By a quarter at a time, because all of it counts as memory of entries.
  private mutating func makeRoom(for index: Int) {
    if heads.isEmpty { heads = Array(repeating: 0, count: ready + 1) }
    if index >= groups.capacity { groups.reserveCapacity(index + index / 4 + 4) }
    while groups.count <= index { groups.append(Group()) }
  }

  private func slot(_ due: UInt32) -> Int {
    let due = max(due, time >> Self.unitShift)
    return slot(due, 0) ?? slot(due, 1) ?? slot(due, 2) ?? later
  }

  /// The list of a time among those of one width, if they reach that far.
  private func slot(_ due: UInt32, _ level: UInt32) -> Int? {
    let shift = level * 5
    guard due >> shift - time >> (Self.unitShift + shift) < Self.slots else { return nil }
    return Int(level * Self.slots + (due >> shift) % Self.slots)
  }

  private mutating func insert(_ index: Int, due: UInt32, into slot: Int) {
    let first = heads[slot]
    groups[index] = Group(due: due, previous: Self.headBit | UInt32(slot), next: first)
    let number = UInt32(index) + 1
    if first != 0 { groups[Int(first) - 1].previous = number }
    heads[slot] = number
  }

  private mutating func unlink(_ index: Int) {
    let group = groups[index]
    if group.previous & Self.headBit != 0 {
      heads[Int(group.previous & ~Self.headBit)] = group.next
    } else {
      groups[Int(group.previous) - 1].next = group.next
    }
    if group.next != 0 { groups[Int(group.next) - 1].previous = group.previous }
    groups[index] = Group()
    count -= 1
  }

  /// Whether it has gone on to more than a list's width after this time.
  func isAhead(of now: UInt32) -> Bool { count > 0 && time >> Self.unitShift > now >> Self.unitShift + 1 }

  /// Puts the groups of all lists whose time has come among those that are ready.
  ///
  /// The finest list of the present is among them only if asked for: most of its entries end later, and its groups would be looked at twice.
  mutating func advance(to now: UInt32, withPresent: Bool) {
    guard now > time || withPresent && now == time else { return }
    defer { time = now }
    guard !heads.isEmpty else { return }
    for level in 0..<Self.levels {
      let shift = Self.unitShift + level * 5
      let from = time >> shift
      let to = now >> shift
      guard to > from || level == 0 else { break }
      // Of the wider ones the present list is spread over finer ones.
      let count = min(to - from + (level > 0 || withPresent ? 1 : 0), Self.slots)
      for step in 0..<count { makeReady(Int(level * Self.slots + (from + step) % Self.slots)) }
      if level == Self.levels - 1 { makeReady(later) }
    }
  }

  private mutating func makeReady(_ slot: Int) {
    var number = heads[slot]
    heads[slot] = 0
    while number != 0 {
      let group = groups[Int(number) - 1]
      insert(Int(number) - 1, due: group.due, into: ready)
      number = group.next
    }
  }

  /// The identifiers of a group that is due, and no longer scheduled. Others that are ready go to finer lists on the way, each for one of `budget`; nil when
  /// that is used up, or when none is ready.
  mutating func takeDue(_ budget: inout Int) -> Range<UInt32>? {
    guard !heads.isEmpty else { return nil }
    while budget > 0, heads[ready] != 0 {
      budget -= 1
      let index = Int(heads[ready]) - 1
      let due = groups[index].due
      unlink(index)
      if due <= time >> Self.unitShift { return Self.identifiers(index) }
      schedule(index, due: due)
    }
    return nil
  }

  /// Forgets everything. Times are from now on since another base.
  mutating func removeAll(now: UInt32) {
    heads = []
    groups = []
    time = now
    count = 0
  }
}
