import Synchronization

final class Leaf {
  var value: Int
  init(_ value: Int) { self.value = value }
}

class Animal {
  final var name = "an animal with a name that needs the heap"
  final weak var owner: Leaf?
  final unowned let home: Leaf
  init(_ home: Leaf) { self.home = home }
}

final class Dog: Animal {
  var toys: [Leaf] = []
  var byName: [String: Leaf] = [:]
  var onBark: () -> Int = { 1 }
}

struct Point {
  var x: Double
  var owner: Leaf
  var flag: Bool
  var label: String
}

enum Shape {
  case circle(Leaf)
  case square(Leaf)
  case nothing
}

enum Mixed {
  case text(String)
  case number(Int)
}

indirect enum List {
  case end
  case node(Int, List)
}

protocol Sound: AnyObject {}
protocol Color {}
extension Leaf: Sound {}
struct Red: Color {
  var first = Leaf(1)
  var second = Leaf(2)
  var third = Leaf(3)
  var fourth = Leaf(4)
}

struct Failure: Error {
  var code: Int
  var leaf: Leaf
}

final class Values {
  var point: Point
  var maybe: Point?
  var shape: Shape
  var mixed: Mixed
  var tuple: (Int8, Leaf)
  var sound: any Sound
  var color: any Color
  var failure: any Error
  var raw: UnsafeMutablePointer<Int>
  var list: List
  init(_ leaf: Leaf, _ raw: UnsafeMutablePointer<Int>) {
    point = Point(x: 1, owner: leaf, flag: true, label: "p")
    maybe = point
    shape = .circle(leaf)
    mixed = .text("a text that is too long for the inline form")
    tuple = (1, leaf)
    sound = leaf
    color = Red()
    failure = Failure(code: 1, leaf: leaf)
    self.raw = raw
    list = .node(1, .node(2, .end))
  }
}

final class Pair<First, Second> {
  var first: First
  var second: Second
  init(_ first: First, _ second: Second) {
    self.first = first
    self.second = second
  }
}

enum Outer<T> {
  final class Inner<U> {
    var t: T
    var u: U
    init(_ t: T, _ u: U) {
      self.t = t
      self.u = u
    }
  }
}

extension Pair {
  final class Extended {
    var first: First
    init(_ first: First) { self.first = first }
  }
}

extension Array {
  final class Cursor {
    var elements: [Element]
    init(_ elements: [Element]) { self.elements = elements }
  }
}

private final class Hidden { var leaf = Leaf(7) }
func makeHidden() -> AnyObject { Hidden() }

final class Packed<each T> {
  var values: (repeat each T)
  init(_ values: repeat each T) { self.values = (repeat each values) }
}

struct Matrix<let rows: Int> { var leaf: Leaf }

/// Its superclass lies behind a resilience boundary.
final class Buffer: ManagedBuffer<Leaf, String> {}

actor Account {
  var balance: [String: Int] = ["a": 1]
  var leaf = Leaf(9)
  func references() {
    slot(self, "leaf")
    slot(self, "balance")
  }
}

struct Grip: ~Copyable {
  let number: Int
  let leaf: Leaf
}

enum Door: ~Copyable {
  case open(Grip)
  case shut
}

/// Of fields whose types cannot be copied nothing says the type but a symbol.
final class Locked: @unchecked Sendable {
  private struct State {
    var count = 0
    var byName: [String: Leaf] = [:]
    var last: Leaf?
  }
  private let state: Mutex<State>
  let table = Mutex<[Leaf]>([])
  let grip: Grip
  let door: Door
  init(_ leaf: Leaf) {
    state = Mutex(State(byName: ["a": leaf], last: leaf))
    grip = Grip(number: leaf.value, leaf: leaf)
    door = leaf.value < 0 ? .shut : .open(Grip(number: 1, leaf: leaf))
  }
}
