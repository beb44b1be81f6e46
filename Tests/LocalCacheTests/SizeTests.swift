import Testing

@testable import LocalCache

#if canImport(Glibc)
  import Glibc
#endif

/// The cache's figure beside malloc's: build many values, and compare what malloc gave for them with what the walk counts.
@Suite(.serialized) struct SizeTests {
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

  /// Bytes in use according to malloc. `mallinfo2` is not in the C library's module, so it is looked up by name; the struct has ten words,
  /// `uordblks` the eighth and `hblkhd` the fifth.
  static func mallocInUse() -> Int? {
    typealias Info = (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int)
    guard let symbol = dlsym(nil, "mallinfo2") else { return nil }
    // A struct of this size is returned through a pointer in the first argument, which is what a C function with an out-parameter does.
    let function = unsafeBitCast(
      symbol, to: (@convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?).self)
    var info: Info = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    return withUnsafeMutableBytes(of: &info) { bytes in
      guard let start = bytes.baseAddress else { return nil }
      _ = function(start)
      return start.load(fromByteOffset: 56, as: Int.self) + start.load(fromByteOffset: 32, as: Int.self)
    }
  }

  private func compare<Value>(_ name: String, _ count: Int = 400, _ make: (Int) -> Value) throws {
    // Other tests of this process use malloc at the same time, so the comparison may take some tries.
    var last = ""
    for _ in 0..<12 {
      var values: [Value?] = Array(repeating: nil, count: count)
      _ = make(0)
      let before = try #require(Self.mallocInUse())
      for index in 0..<count { values[index] = make(index) }
      let after = try #require(Self.mallocInUse())
      let counted = values.reduce(0) { sum, value in
        var walk = HeapWalkState(elementsMeasured: .max)
        HeapMeasurement.add(value, to: &walk)
        return sum + walk.bytes
      }
      withExtendedLifetime(values) {}
      let truth = Double(after - before)
      if abs(Double(counted) - truth) <= truth * 0.03 { return }
      last = "\(name): \(counted) counted, \(Int(truth)) from malloc"
    }
    Issue.record("\(last)")
  }

  @Test func valuesOfManyShapes() throws {
    try compare("strings") { String(repeating: "x", count: 20 + $0 % 200) }
    try compare("arrays of integers") { Array(0..<10 + $0 % 100) }
    try compare("arrays of strings") { index in (0..<20).map { "string number \($0) of \(index) values" } }
    try compare("dictionary of strings to structs") { index in
      Dictionary(
        uniqueKeysWithValues: (0..<50).map { number in
          (
            "key number \(number) of \(index)",
            Person(name: "a name that is long enough \(index)", tags: ["one"], scores: [1, 2, number], mother: nil)
          )
        })
    }
    try compare("sets") { index in Set((0..<30).map { "element \($0) of set number \(index)" }) }
    try compare("class graphs") { index in
      (0..<10).reduce(nil as Node?) { next, number in Node("label number \(number) of graph \(index)", next) }
    }
    try compare("structs that share one graph within the value") { index in
      let node = Node("shared within the value, number \(index)", nil)
      return (0..<10).map { Person(name: "", tags: [], scores: [$0], mother: node) }
    }
    try compare("enums") { index -> [Shape] in
      [
        .named("a name that is on the heap \(index)"), .none,
        .polygon([1, 2, 3], "a string that is on the heap \(index)"),
      ]
    }
    try compare("existentials") { index -> [any Sendable] in
      [index, "a string that is on the heap \(index)", Person(name: "", tags: [], scores: [index], mother: nil)]
    }
  }

  @Test func baselineIsNotPaidFor() {
    let shared = (0..<50).map { "a shared string that is long enough, number \($0)" }
    let baseline = SizeBaseline()
    baseline.include(shared)
    var all = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(Dictionary(uniqueKeysWithValues: shared.map { ($0, 1) }), to: &all)
    var own = HeapWalkState(elementsMeasured: .max, baseline: baseline)
    HeapMeasurement.add(Dictionary(uniqueKeysWithValues: shared.map { ($0, 1) }), to: &own)
    #expect(all.bytes - own.bytes > 50 * 60)
    // 128 slots of 16 + 8 bytes, 16 of bitmap, 64 of header, malloc's word.
    #expect(own.bytes == 128 * 24 + 16 + 64 + 16)
  }

  @Test func weakAndUnownedFieldsAreLeftAlone() {
    final class Owner: @unchecked Sendable {
      weak var weakly: Node?
      unowned let unownedly: Node
      let strongly: [Int]
      init(_ node: Node) {
        weakly = node
        unownedly = node
        strongly = Array(0..<100)
      }
    }
    let node = Node("a label that is long enough to be on the heap", nil)
    var walk = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(Owner(node), to: &walk)
    #expect(walk.bytes > 800 && walk.bytes < 1000)
    withExtendedLifetime(node) {}
  }

  @Test func aTypeMayKnowItsOwnSize() {
    struct Known: MemorySized, Sendable {
      let text = "whatever is in here is not looked at, for the type knows"
      var heapBytes: Int { 12_345 }
    }
    var walk = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add([Known(), Known()], to: &walk)
    #expect(walk.bytes > 24_690 && walk.bytes < 24_800)
  }

  @Test func bytesBoundTheCache() {
    let cache = LocalCache<Int, String>(name: "bytes", limit: .bytes(.kibibytes(256)))
    for key in 0..<20_000 {
      cache.set(String(repeating: "y", count: key % 1000), for: key)
      #expect(cache.weight <= 256 * 1024)
    }
    #expect(cache.weight > 240 * 1024)
    #expect(!cache.set(String(repeating: "z", count: 300_000), for: 1))
    #expect(cache.set(String(repeating: "z", count: 200_000), for: 1))
  }
}
