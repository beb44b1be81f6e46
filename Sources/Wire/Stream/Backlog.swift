/// What waits for its answer, oldest first: a client may send thousands of requests before the first answer comes.
///
/// New ones go into one half and the oldest come out of the other; when that is empty, the halves change places. So each element is moved at most once,
/// whatever waits: O(1) an element.
struct Backlog<Element> {
  private var incoming: [Element] = []
  /// Oldest last.
  private var outgoing: [Element] = []
  /// Elements that were moved from one half to the other, in all.
  private(set) var moves = 0

  var count: Int { incoming.count + outgoing.count }
  var isEmpty: Bool { incoming.isEmpty && outgoing.isEmpty }
  var oldest: Element? { outgoing.last ?? incoming.first }

  mutating func append(_ element: Element) { incoming.append(element) }

  /// Takes out the oldest one.
  mutating func next() -> Element? {
    turn()
    return outgoing.popLast()
  }

  /// Changes the oldest one, if there is one.
  mutating func updateOldest(_ body: (inout Element) -> Void) {
    turn()
    guard !outgoing.isEmpty else { return }
    body(&outgoing[outgoing.count - 1])
  }

  private mutating func turn() {
    guard outgoing.isEmpty, !incoming.isEmpty else { return }
    moves += incoming.count
    incoming.reverse()
    swap(&incoming, &outgoing)
  }
}
