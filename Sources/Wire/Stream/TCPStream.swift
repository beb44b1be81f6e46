/// One direction of a connection: bytes in order, out of segments that may come twice, late, or never.
///
/// Holds at most `mostPending` bytes in `mostSegments` segments; what is missing longer than that is given up, and said as a gap.
struct TCPStream {
  enum Event {
    case bytes(ArraySlice<UInt8>)
    /// Bytes are missing here.
    case gap
  }

  private var next: UInt32?
  private var pending: [(sequence: UInt32, bytes: ArraySlice<UInt8>)] = []
  private var pendingBytes = 0
  static let mostPending = 64 << 10
  /// Segments of a byte each would cost far more than their bytes.
  static let mostSegments = 1_024

  mutating func add(_ segment: Segment) -> [Event] {
    var events: [Event] = []
    if segment.isSYN {
      // A new connection on old ports starts anew.
      next = segment.sequence &+ 1
      pending = []
      pendingBytes = 0
      return events
    }
    if !segment.payload.isEmpty {
      // The beginning of the connection was not seen: it begins here.
      if next == nil { next = segment.sequence }
      insert(segment.sequence, segment.payload)
      drain(&events)
      if pendingBytes > Self.mostPending || pending.count > Self.mostSegments { jump(&events) }
    }
    if segment.cutBytes > 0, let expected = next {
      // The capture cut the packet short: its rest will never come.
      next = expected &+ UInt32(truncatingIfNeeded: segment.cutBytes)
      events.append(.gap)
      drain(&events)
    }
    return events
  }

  /// Sequence numbers wrap around (RFC 9293, 3.4).
  private static func distance(_ from: UInt32, _ to: UInt32) -> Int { Int(Int32(bitPattern: to &- from)) }

  private mutating func insert(_ sequence: UInt32, _ bytes: ArraySlice<UInt8>) {
    guard let next else { return }
    var sequence = sequence
    var bytes = bytes
    let old = Self.distance(sequence, next)
    if old > 0 {
      guard old < bytes.count else { return }
      bytes = bytes.dropFirst(old)
      sequence = next
    }
    var index = pending.count
    while index > 0, Self.distance(pending[index - 1].sequence, sequence) < 0 { index -= 1 }
    // What has to wait is copied: a slice would keep the whole buffer that the packet was read into.
    pending.insert((sequence, sequence == next ? bytes : ArraySlice(Array(bytes))), at: index)
    pendingBytes += bytes.count
  }

  private mutating func drain(_ events: inout [Event]) {
    while let expected = next, let first = pending.first, Self.distance(first.sequence, expected) >= 0 {
      pending.removeFirst()
      pendingBytes -= first.bytes.count
      let known = Self.distance(first.sequence, expected)
      guard known < first.bytes.count else { continue }
      let fresh = first.bytes.dropFirst(known)
      events.append(.bytes(fresh))
      next = expected &+ UInt32(truncatingIfNeeded: fresh.count)
    }
  }

  /// Gives up what is missing.
  private mutating func jump(_ events: inout [Event]) {
    guard let first = pending.first else { return }
    next = first.sequence
    events.append(.gap)
    drain(&events)
  }
}
