/// The flights that have a time limit, in the order in which they began: as the limit is the same for all, the first is the one whose time is over first.
///
/// One task sleeps for all of them. A sleeping task for each load would cost memory as long as the limit lasts, however short the load: a sleep that is
/// cancelled returns at once, but what was to wake it stays with the runtime until its time (Swift 6.3 on Linux: some 700 bytes, which are 200 MB where
/// 5,000 loads a second have a limit of a minute). A flight that ends leaves in constant time.
struct FlightQueue<Key: Hashable & Sendable, Value: Sendable> {
  private(set) var first: Flight<Key, Value>?
  private var last: Flight<Key, Value>?
  /// Whether a task looks at the queue when the first flight's time is over.
  var isWatched = false

  mutating func append(_ flight: Flight<Key, Value>, begin: ContinuousClock.Instant) {
    flight.begin = begin
    flight.place = .queued(before: last)
    last?.next = flight
    if first == nil { first = flight }
    last = flight
  }

  /// Takes a flight out, if it is there.
  mutating func remove(_ flight: Flight<Key, Value>) {
    guard case .queued(let before) = flight.place else { return }
    let next = flight.next
    if let before { before.next = next } else { first = next }
    if let next { next.place = .queued(before: before) } else { last = before }
    flight.place = .outside
    flight.next = nil
  }
}

extension Flight {
  /// Where a flight stands in the queue. Neighbours hold each other until they leave, and all leave when they end.
  enum Place {
    case outside
    case queued(before: Flight?)
  }
}
