import Foundation
import LocalCache

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

  /// Every payload in a box of its own, some of them of a generic type, and one case without.
  indirect enum Tree<Element: Sendable>: Sendable {
    case empty
    case leaf(Element)
    case node(Tree, Tree)

    static func complete(depth: Int, _ element: (Int) -> Element) -> Tree {
      if depth == 0 { return .leaf(element(depth)) }
      return .node(complete(depth: depth - 1, element), depth % 3 == 0 ? .empty : complete(depth: depth - 1, element))
    }
  }

  /// Cases with and without payload, boxed or not, one of them an existential.
  enum Json: Sendable {
    case null
    case number(Double)
    case text(String)
    case list([Json])
    case members([String: Json])
    indirect case annotated(Json, note: String)
    case foreign(any Sendable)
  }

  /// One object of a list, which ends without recursion.
  final class Link {
    let number: Int
    var next: Link?
    init(_ number: Int, _ next: Link?) {
      self.number = number
      self.next = next
    }
    deinit {
      var rest = next.take()
      while let link = rest, isKnownUniquelyReferenced(&rest) { rest = link.next.take() }
    }
  }

  struct NotFound: Error { let key: String }
  final class Refusal: Error {
    let reasons: [Int]
    init(reasons: [Int]) { self.reasons = reasons }
  }
  struct Listener { weak var owner: Node? }

  /// One line: name, counted, from malloc.
  private static func compare<Value>(_ name: String, _ count: Int = 400, _ make: (Int) -> Value) {
    var values: [Value?] = Array(repeating: nil, count: count)
    // What is made once for the type is no part of a value.
    withExtendedLifetime(make(0)) {}
    guard let before = MallocCounters.now?.inUse else { return print("\(name)\tmallinfo2 is missing") }
    for index in 0..<count { values[index] = make(index) }
    guard let after = MallocCounters.now?.inUse else { return }
    let counted = values.reduce(0) { $0 + HeapMeasurement.bytes(of: $1) }
    withExtendedLifetime(values) {}
    print("\(name)\t\(counted)\t\(after - before)")
  }

  static func main() {
    switch CommandLine.arguments.dropFirst().first {
    case "overhead": Overhead.run(entries: CommandLine.arguments.dropFirst(2).compactMap { Int($0) })
    case "overhead-others": Overhead.runOthers()
    case "churn": ProcessMemory.churn(countsHoles: true)
    case "churn-plain": ProcessMemory.churn(countsHoles: false)
    case "loads": LoadMemory.run()
    case "arenas": ProcessMemory.arenas()
    case "expired": ProcessMemory.expired()
    case "emptied": ProcessMemory.emptied(returnsPages: true)
    case "emptied-plain": ProcessMemory.emptied(returnsPages: false)
    default: shapes()
    }
  }

  private static func shapes() {
    compare("strings") { String(repeating: "x", count: 20 + $0 % 200) }
    compare("arrays of integers") { Array(0..<10 + $0 % 100) }
    compare("arrays of strings") { index in (0..<20).map { "string number \($0) of \(index) values" } }
    compare("slices of arrays of strings") { index in
      (0..<20).map { "string number \($0) of \(index) values" }[3..<9]
    }
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
    compare("data") { Data(repeating: 1, count: 1 + $0 * 40) }
    compare("slices of data, and structs of them") { index -> [Data?] in
      let data = Data(repeating: 1, count: 1000 + index)
      return [data[3..<50], data[50..<90], nil]
    }
    compare("data over memory of others") { index -> Data in
      let count = 5000 + index * 16
      let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
      return Data(bytesNoCopy: memory, count: count, deallocator: .custom { memory, _ in memory.deallocate() })
    }
    compare("indirect enums") { index in Tree.complete(depth: 6) { $0 + index } }
    compare("indirect enums of strings") { index in
      Tree.complete(depth: 4) { "a string that is on the heap \($0) \(index)" }
    }
    compare("long lists", 3) { index in
      (0..<20_000).reduce(nil as Link?) { next, number in Link(number, next) }
    }
    compare("long lists of indirect enums", 3) { index in
      (0..<3000).reduce(Tree<Int>.empty) { next, number in .node(.leaf(number), next) }
    }
    compare("enums of containers") { index -> Json in
      .members([
        "some name that is long enough": .list([.number(1), .text("a text that is long enough \(index)"), .null]),
        "two": .annotated(.text("another text that is long enough"), note: "a note that is long enough \(index)"),
        "three": .foreign("a foreign string that is on the heap \(index)"),
      ])
    }
    compare("errors") { index -> Result<Int, any Error> in
      .failure(index % 2 == 0 ? NotFound(key: "a key that is long enough \(index)") : Refusal(reasons: [index, 1, 2]))
    }
    compare("objects that are referred to weakly") { index -> (Node, Listener) in
      let node = Node("a label that is long enough \(index)", nil)
      return (node, Listener(owner: node))
    }
    compare("inline arrays") { index -> InlineArray<5, String> in
      InlineArray { "a string that is on the heap \($0) \(index)" }
    }
    compare("existentials with their own parameters") { index -> (any Collection<String>, any Sequence<Int>) in
      ((0..<5).map { "a string that is on the heap \($0) \(index)" }, Set(0..<10))
    }
    compare("views of strings and dictionaries") { index in
      let text = "a string that is on the heap, of which views are kept, number \(index)"
      let names = Dictionary(uniqueKeysWithValues: (0..<9).map { ($0, "a name that is long enough \($0)") })
      return (text.utf8.dropFirst(3), "another \(text)".unicodeScalars, "a third \(text)".utf16, names.values)
    }
    compare("strings whose places in UTF-16 are known") { index in
      let text = String(repeating: "Größe, мера, 大きさ ", count: 5 + index) + "\(index)"
      _ = text.utf16.index(text.utf16.startIndex, offsetBy: text.utf16.count / 2)
      return text
    }
    compare("arrays in arrays", 3) { index in
      (0..<2000).reduce(Json.text("a text that is long enough \(index)")) { list, _ in .list([list]) }
    }
    compare("weak references in structs") { index -> [Listener] in [Listener(), Listener(), Listener()] }
  }
}
