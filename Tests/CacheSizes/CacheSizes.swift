@testable import LocalCache

#if canImport(Glibc)
  import Glibc
#endif

/// Builds many values of a shape and prints what the cache's walk counts beside what malloc gave for them. A process of its own, because malloc
/// tells only what the whole process has.
@main enum CacheSizes {
  struct Person: Sendable {
    var name: String
    var tags: [String]
    var scores: [Int]
    var mother: Node?
  }

  final class Node: Sendable {
    let label: String
    let next: Node?
    init(_ label: String, _ next: Node?) {
      self.label = label
      self.next = next
    }
  }

  enum Shape: Sendable {
    case named(String)
    case polygon([Double], String)
    case none
  }

  /// One line: name, counted, from malloc.
  private static func compare<Value>(_ name: String, _ count: Int = 400, _ make: (Int) -> Value) {
    var values: [Value?] = Array(repeating: nil, count: count)
    // What is made once for the type is no part of a value.
    withExtendedLifetime(make(0)) {}
    guard let before = MallocCounters.now?.inUse else { return print("\(name)\tmallinfo2 is missing") }
    for index in 0..<count { values[index] = make(index) }
    guard let after = MallocCounters.now?.inUse else { return }
    let counted = values.reduce(0) { sum, value in
      var walk = HeapWalkState(elementsMeasured: .max)
      HeapMeasurement.add(value, to: &walk)
      return sum + walk.bytes
    }
    withExtendedLifetime(values) {}
    print("\(name)\t\(counted)\t\(after - before)")
  }

  /// What a cache of integers takes of malloc, a line for each number of entries: entries, whether they expire, bytes an entry beside the 16 of
  /// key and value.
  private static func overhead(expires: Bool) {
    var configuration = LocalCache<Int, Int>.Configuration()
    if expires { configuration.expiry = CacheExpiry(afterWrite: .seconds(3600), afterAccess: .seconds(600)) }
    guard let before = MallocCounters.now?.inUse else { return print("mallinfo2 is missing") }
    let cache = LocalCache<Int, Int>(name: "overhead", limit: .entries(200_000), configuration: configuration)
    var key = 0
    for entries in [10_000, 20_000, 40_000, 75_000, 100_000, 131_072, 160_000, 190_000, 200_000] {
      // At last it is full, and half of its entries have made room for others.
      while entries == 200_000 ? key < 300_000 : cache.count < entries {
        for _ in 0..<1000 {
          cache.set(key, for: key)
          key += 1
        }
      }
      guard let after = MallocCounters.now?.inUse else { return }
      let bytes = Double(after - before) / Double(max(cache.count, 1)) - 16
      print("\(cache.count)\t\(expires ? "expiring" : "lasting")\t\(bytes)")
    }
  }

  static func main() {
    switch CommandLine.arguments.dropFirst().first {
    case "overhead":
      overhead(expires: false)
      overhead(expires: true)
    case "churn": ProcessMemory.churn(countsHoles: true)
    case "churn-plain": ProcessMemory.churn(countsHoles: false)
    case "emptied": ProcessMemory.emptied()
    default: shapes()
    }
  }

  private static func shapes() {
    compare("strings") { String(repeating: "x", count: 20 + $0 % 200) }
    compare("arrays of integers") { Array(0..<10 + $0 % 100) }
    compare("arrays of strings") { index in (0..<20).map { "string number \($0) of \(index) values" } }
    compare("dictionary of strings to structs") { index in
      Dictionary(
        uniqueKeysWithValues: (0..<50).map { number in
          (
            "key number \(number) of \(index)",
            Person(name: "a name that is long enough \(index)", tags: ["one"], scores: [1, 2, number], mother: nil)
          )
        })
    }
    compare("sets") { index in Set((0..<30).map { "element \($0) of set number \(index)" }) }
    compare("class graphs") { index in
      (0..<10).reduce(nil as Node?) { next, number in Node("label number \(number) of graph \(index)", next) }
    }
    compare("structs that share one graph within the value") { index in
      let node = Node("shared within the value, number \(index)", nil)
      return (0..<10).map { Person(name: "", tags: [], scores: [$0], mother: node) }
    }
    compare("enums") { index -> [Shape] in
      [
        .named("a name that is on the heap \(index)"), .none,
        .polygon([1, 2, 3], "a string that is on the heap \(index)"),
      ]
    }
    compare("existentials") { index -> [any Sendable] in
      [index, "a string that is on the heap \(index)", Person(name: "", tags: [], scores: [index], mother: nil)]
    }
  }
}
