import DequeModule
import HashTreeCollections
import LocalCache
import NIOCore
import OrderedCollections

/// Prints for each kind of container its name, the bytes that a cache of many of them counts more than one of as many empty ones, and what malloc gave for them.
func cacheContainers(_ count: Int) {
  compare("buffers", count, empty: ByteBuffer()) { number in
    var buffer = ByteBufferAllocator().buffer(capacity: 64 << (number % 8))
    buffer.writeRepeatingByte(7, count: 40)
    return number % 3 == 0 ? buffer.getSlice(at: 0, length: 20) ?? buffer : buffer
  }
  compare("rings", count, empty: Deque<String>()) { number in
    var ring = Deque((0..<number % 40 + 1).map { text(number, $0) })
    // Around the end of its memory.
    for step in 0..<number % 20 {
      ring.removeFirst()
      ring.append(text(number, 100 + step))
    }
    return ring
  }
  compare("long rings", count / 20, empty: Deque<String>()) { number in Deque((0..<900).map { text(number, $0) }) }
  compare("tree sets", count, empty: TreeSet<String>()) { number in
    TreeSet((0..<number % 80 + 1).map { text(number, $0) })
  }
  compare("tree sets of integers", count, empty: TreeSet<Int>()) { number in
    TreeSet((1...80).map { $0 &* (number + 1) })
  }
  compare("tree dictionaries", count, empty: TreeDictionary<Int, [String]>()) { number in
    TreeDictionary(uniqueKeysWithValues: (0..<number % 40 + 1).map { ($0, [text(number, $0)]) })
  }
  compare("ordered dictionaries", count, empty: OrderedDictionary<String, Int>()) { number in
    OrderedDictionary(uniqueKeysWithValues: (0..<number % 40 + 1).map { (text(number, $0), $0) })
  }
  compare("rings in trees", count, empty: TreeDictionary<Int, Deque<String>>()) { number in
    TreeDictionary(uniqueKeysWithValues: (0..<10).map { ($0, Deque([text(number, $0)])) })
  }
}

/// Too long to be inline.
private func text(_ number: Int, _ index: Int) -> String { "text number \(index) of container \(number)" }

private func compare<Container: Sendable>(
  _ name: String, _ count: Int, empty: Container, _ make: (Int) -> Container
) {
  // Empty ones share one storage.
  let baseline = SizeBaseline()
  baseline.include(empty)
  func filled(_ make: (Int) -> Container) -> (counted: Int, live: Int) {
    var configuration = LocalCache<Int, Container>.Configuration()
    configuration.sizing.baseline = baseline
    let cache = LocalCache<Int, Container>(name: name, limit: .bytes(.mebibytes(1024)), configuration: configuration)
    let before = settledLiveBytes()
    for number in 0..<count { cache.set(make(number), for: number) }
    return (cache.weight, settledLiveBytes() - before)
  }
  let without = filled { _ in empty }
  let with = filled(make)
  print("\(name)\t\(with.counted - without.counted)\t\(with.live - without.live)")
}
