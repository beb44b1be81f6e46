import Testing

@testable import LocalCache

/// Of large containers some elements stand for all: what they say beside what all of them take.
@Suite struct SampledSizeTests {
  private final class Category: Sendable {
    let name: String
    init(_ number: Int) { name = "the name of a category, number \(number)" }
  }

  private struct Event {
    let category: Category
    let text: String
  }

  private func compare<Value>(
    _ value: Value, within share: Double = 0.03, _ location: SourceLocation = #_sourceLocation
  ) {
    var all = HeapWalkState(elementsMeasured: .max)
    HeapMeasurement.add(value, to: &all)
    var some = HeapWalkState(elementsMeasured: 256)
    HeapMeasurement.add(value, to: &some)
    let (exact, estimate) = (Double(all.bytes), Double(some.bytes))
    #expect(abs(estimate / exact - 1) <= share, "\(estimate) of \(exact)", sourceLocation: location)
  }

  /// What all of them refer to comes once, not once with each.
  @Test func elementsThatShareOneObject() {
    let text = (0..<5000).map { "line \($0) of a text" }.joined(separator: "\n")
    compare(text.split(separator: "\n"))
    let category = Category(0)
    compare((0..<3000).map { _ in category })
    compare((0..<3000).map { Event(category: category, text: "the text of event \($0), which is unique") })
  }

  @Test func elementsThatShareSomeObjects() {
    let categories = (0..<50).map(Category.init)
    compare((0..<10_000).map { Event(category: categories[$0 * 7919 % 50], text: "the text of event number \($0)") })
    compare((0..<10_000).map { categories[$0 * 7919 % 50] })
    let many = (0..<1000).map(Category.init)
    compare(Dictionary(uniqueKeysWithValues: (0..<3181).map { ($0, many[$0 * 7919 % 1000]) }))
    var random: UInt64 = 1
    let drawn = (0..<10_000).map { _ in
      random = random &* 6_364_136_223_846_793_005 &+ 1
      return many[Int(random >> 33) % 1000]
    }
    compare(drawn, within: 0.3)
  }

  @Test func elementsThatAlternate() {
    for period in [2, 3, 4, 16, 50] {
      compare((0..<4096).map { String(repeating: "x", count: $0 % period == 1 ? 2000 : 20) }, within: 0.05)
    }
    compare((0..<3000).map { String(repeating: "x", count: $0) })
  }

  /// Nothing is lost below any depth, and the stack bears it.
  @Test func arraysInArrays() {
    enum Tree {
      case leaf(String)
      case list([Tree])
      case named([String: Tree])
    }
    for depth in [100, 300, 3000] {
      for isNamed in [false, true] {
        let tree = (0..<depth).reduce(Tree.leaf(String(repeating: "leaf", count: 10))) { tree, _ in
          isNamed ? .named(["name": tree]) : .list([tree])
        }
        var walk = HeapWalkState(elementsMeasured: 256)
        HeapMeasurement.add(tree, to: &walk)
        let blocks = walk.seen.count
        #expect(blocks == depth + 1)
      }
    }
  }

  @Test(arguments: [1, 2, 3, 256, 257, 300, 4096, 10_007]) func placesAreSpread(count: Int) {
    var places = SpreadPlaces(count: count)
    var seen = [Bool](repeating: false, count: count)
    for number in 1...count {
      guard let place = places.next(), seen.indices.contains(place), !seen[place] else {
        Issue.record("place \(number) of \(count)")
        return
      }
      seen[place] = true
      // As many in the first half as in the second.
      if number == count / 8, number >= 100 {
        let first = seen.prefix(count / 2).filter { $0 }.count
        #expect(abs(first * 2 - number) <= number / 10)
      }
    }
  }
}
