/// A doubly linked list over dense keys; index `count` is the head.
struct KeyList {
  private var next: [Int32]
  private var previous: [Int32]
  private let head: Int32
  private(set) var count = 0

  init(keys: Int) {
    head = Int32(keys)
    next = Array(repeating: -1, count: keys + 1)
    previous = Array(repeating: -1, count: keys + 1)
    next[keys] = head
    previous[keys] = head
  }

  var oldest: Int32? { count == 0 ? nil : previous[Int(head)] }

  /// The neighbour towards the newest end, or nil at the end.
  func newer(than key: Int32) -> Int32? {
    let other = previous[Int(key)]
    return other == head ? nil : other
  }

  mutating func insert(_ key: Int32) {
    let first = next[Int(head)]
    next[Int(key)] = first
    previous[Int(key)] = head
    previous[Int(first)] = key
    next[Int(head)] = key
    count += 1
  }

  mutating func remove(_ key: Int32) {
    let before = previous[Int(key)]
    let after = next[Int(key)]
    next[Int(before)] = after
    previous[Int(after)] = before
    count -= 1
  }
}
