/// One segment in the order of last access, kept lazily: a hit writes only the time of the access into its node, and the entry is moved when
/// it comes up as a victim.
///
/// An exact LRU list moves an entry at every hit, which touches three cache lines and needs the list's lock. Here the queue is a ring of 32
/// short lists, one an epoch of insertions. The victim is looked for in the oldest list; what was hit since it was put there goes to the
/// list of its last access instead. Order within an epoch is lost, order between epochs is that of LRU. Promoting only at eviction is the
/// idea of CLOCK and SIEVE (Zhang et al., NSDI 2024); the epochs keep what those give up, the recency of a hit.
package struct RecencyQueue {
  static let epochs: UInt32 = 32
  /// Stamps are 24-bit numbers that wrap.
  static let stampBits: UInt32 = 24

  /// First of `epochs` consecutive nodes that are heads of circular lists.
  private let base: UInt32
  /// An epoch is 2^shift stamps.
  private var shift: UInt32 = 0
  private var oldest: UInt32 = 0
  private var newest: UInt32 = 0
  package private(set) var weight: UInt64 = 0
  package private(set) var count: Int = 0

  init(base: UInt32) { self.base = base }

  /// Forgets all entries, and where lists begin.
  mutating func removeAll(pool: NodePool.Nodes) {
    self = RecencyQueue(base: base)
    for index in 0..<Self.epochs {
      let id = base + index
      pool.links(id).pointee.previous = id
      pool.links(id).pointee.next = id
    }
  }

  /// Of numbers of epochs.
  private var numberMask: UInt32 { 1 &<< (Self.stampBits &- shift) &- 1 }

  /// Bits of a stamp that are 0 where an epoch begins.
  var epochMask: UInt32 { 1 &<< shift &- 1 }

  /// How much later `later` is, modulo the wrap.
  @inline(__always)
  private func difference(_ later: UInt32, _ earlier: UInt32) -> Int32 {
    let unused = 32 &- Self.stampBits &+ shift
    return Int32(bitPattern: (later &- earlier) &<< unused) &>> Int32(bitPattern: unused)
  }

  @inline(__always)
  private func head(_ epoch: UInt32) -> UInt32 { base &+ epoch % Self.epochs }

  @inline(__always)
  private func epoch(_ stamp: UInt32) -> UInt32 { stamp &>> shift }

  /// Time goes on. When the ring is full, the oldest lists become one.
  @inline(__always)
  mutating func advance(to stamp: UInt32, pool: NodePool.Nodes) {
    let epoch = epoch(stamp)
    if epoch != newest { begin(epoch, pool: pool) }
  }

  @inline(never)
  private mutating func begin(_ epoch: UInt32, pool: NodePool.Nodes) {
    newest = epoch
    if count == 0 {
      oldest = epoch
      return
    }
    var merges = 0
    while difference(newest, oldest) >= Int32(Self.epochs), merges < Int(Self.epochs) {
      let from = head(oldest)
      oldest = (oldest &+ 1) & numberMask
      Self.prepend(from, before: head(oldest), pool: pool)
      merges += 1
    }
    // After a long pause of this queue every list has been merged into one, whatever its number.
    if difference(newest, oldest) >= Int32(Self.epochs) {
      let from = head(oldest)
      oldest = (newest &- (Self.epochs - 1)) & numberMask
      Self.prepend(from, before: head(oldest), pool: pool)
    }
  }

  /// Sets the length of an epoch so that the ring spans about four times `entries` insertions. Keeps the order of the entries.
  mutating func fit(entries: Int, stamp: UInt32, pool: NodePool.Nodes) {
    var wanted: UInt32 = 0
    while entries >> Int(wanted) > Int(Self.epochs) / 2, wanted < 16 { wanted += 1 }
    guard wanted != shift else { return }
    // All lists become one, the oldest.
    while oldest != newest {
      let from = head(oldest)
      oldest = (oldest &+ 1) & numberMask
      Self.prepend(from, before: head(oldest), pool: pool)
    }
    let from = head(newest)
    shift = wanted
    newest = epoch(stamp)
    oldest = (newest &- (Self.epochs - 1)) & numberMask
    Self.prepend(from, before: head(oldest), pool: pool)
  }

  /// Puts the whole list of `from` in front of that of `to`.
  private static func prepend(_ from: UInt32, before to: UInt32, pool: NodePool.Nodes) {
    let source = pool.links(from)
    guard from != to, source.pointee.next != from else { return }
    let target = pool.links(to)
    let first = source.pointee.next
    let last = source.pointee.previous
    pool.links(last).pointee.next = target.pointee.next
    pool.links(target.pointee.next).pointee.previous = last
    target.pointee.next = first
    pool.links(first).pointee.previous = to
    source.pointee.next = from
    source.pointee.previous = from
  }

  /// Appends to the list of a stamp, or to the nearest one that the ring has.
  @inline(__always)
  mutating func append(_ id: UInt32, stamp: UInt32, pool: NodePool.Nodes) {
    if count == 0 { oldest = newest }
    var place = epoch(stamp)
    if place != newest { place = nearest(place) }
    let headID = head(place)
    let node = pool[id]
    let list = pool.head(headID)
    let last = list.pointee.previous
    node.pointee.links.set(previous: last, next: headID)
    pool.links(last).pointee.next = id
    list.pointee.previous = id
    weight &+= node.pointee.weight
    count &+= 1
  }

  @inline(never)
  private mutating func nearest(_ place: UInt32) -> UInt32 {
    let place = difference(place, newest) > 0 ? newest : place
    guard difference(place, oldest) < 0 else { return place }
    guard difference(newest, place) < Int32(Self.epochs) else { return oldest }
    oldest = place
    return place
  }

  @inline(__always)
  mutating func unlink(_ id: UInt32, pool: NodePool.Nodes) {
    let node = pool[id]
    let links = node.pointee.links
    pool.links(links.previous).pointee.next = links.next
    pool.links(links.next).pointee.previous = links.previous
    weight &-= node.pointee.weight
    count &-= 1
  }

  mutating func changeWeight(from old: UInt64, to new: UInt64) { weight = weight - old + new }

  /// The first entry of the oldest list that has any, without regard to hits since.
  @inline(__always)
  mutating func front(pool: NodePool.Nodes) -> UInt32? {
    guard count > 0 else { return nil }
    while true {
      let headID = head(oldest)
      let first = pool.head(headID).pointee.next
      if first != headID { return first }
      guard oldest != newest else { return nil }
      oldest = (oldest &+ 1) & numberMask
    }
  }

  /// All entries, oldest first.
  func visit(pool: NodePool.Nodes, _ body: (UInt32) -> Void) {
    guard count > 0 else { return }
    for step in 0..<Self.epochs {
      let headID = head(oldest &+ step)
      var id = pool.links(headID).pointee.next
      while id != headID {
        body(id)
        id = pool.links(id).pointee.next
      }
    }
  }

  /// Whether an access at `stamp` is later than what stands at the front now.
  func isLaterThanFront(_ stamp: UInt32) -> Bool { difference(epoch(stamp), oldest) > 0 }
}
