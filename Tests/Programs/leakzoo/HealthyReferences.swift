import Synchronization

// References that are easily misread: weak, unowned, tagged, hidden behind raw layouts and lazy storage.

final class Family {
  weak var parent: Node?
  unowned var guardian: Node
  unowned(unsafe) var friend: Node
  let own: Node
  init(parent: Node, guardian: Node, friend: Node, own: Node) {
    self.parent = parent
    self.guardian = guardian
    self.friend = friend
    self.own = own
  }
}

final class LastWill {
  unowned let late: Baggage
  init(_ late: Baggage) { self.late = late }
}

@inline(never) func holdFamily(_ number: Int) {
  let nodes = (0..<4).map { Node($0) }
  let family = Family(parent: nodes[0], guardian: nodes[1], friend: nodes[2], own: nodes[3])
  for object in nodes + [] { Keep.forever(object) }
  Keep.forever(family)
  for node in nodes { Truth.add(node, .healthy, "weak and unowned") }
  // The first object's reference counts live in a side table, as it has a weak reference.
  let counts = unsafeBitCast(nodes[0], to: UnsafePointer<UInt>.self)[1]
  if counts >> 62 == 3 { Truth.add(counts << 3, .healthy, "side table") }
}

/// The object is gone, but its memory stays as long as the unowned reference does.
@inline(never) func holdLate(_ number: Int) {
  let will: LastWill
  do {
    let late = makeBaggage(number)
    will = LastWill(late)
    Truth.add(late as AnyObject, .healthy, "unowned reference to a dead object")
  }
  Keep.forever(will)
}

final class Lazy {
  lazy var items: [Baggage] = (0..<3).map { Baggage($0) }
  lazy var text = "lazy text that is long enough to live on the heap"
}

struct Unique: ~Copyable {
  let baggage: Baggage
  deinit { print("destroyed") }
}

final class UniqueHolder {
  var unique: Unique
  init(_ number: Int) { unique = Unique(baggage: Baggage(number)) }
}

@propertyWrapper struct Wrapped<Value> {
  var wrappedValue: Value
  var projectedValue: [Value] = []
}

final class Wrapper {
  @Wrapped var baggage: Baggage
  init(_ number: Int) { _baggage = Wrapped(wrappedValue: Baggage(number), projectedValue: [Baggage(number)]) }
}

/// Lock-free structures keep their only reference in raw storage.
final class Slot: Sendable {
  let head: Atomic<Unmanaged<Baggage>?>
  let chain = AtomicLazyReference<Baggage>()
  init(_ number: Int) {
    let baggage = Baggage(number)
    Truth.add(baggage, .healthy, "Atomic")
    head = Atomic(Unmanaged.passRetained(baggage))
    let other = Baggage(number)
    Truth.add(other, .healthy, "AtomicLazyReference")
    _ = chain.storeIfNil(other)
  }
}

class Base<Element> {
  var elements: [Element] = []
  var last: Element?
}

final class Derived: Base<(key: String, value: Baggage)> { var extra: Baggage? }

final class Packed {
  var flag = false
  var small: Int8? = 4
  var first: Baggage?
  var byte: UInt8 = 0
  var second: (Bool, Baggage?) = (true, nil)
  var third: Baggage??
  var path: AnyKeyPath = \Packed.byte
  var type: Any.Type = Packed.self
  var opaque: UnsafeMutableRawPointer?
}

@inline(never) func holdLayouts(_ number: Int) {
  let lazy = Lazy()
  if number % 2 == 0 {
    for item in lazy.items { Truth.add(item, .healthy, "lazy property") }
    Truth.add(Truth.storage(lazy.items), .healthy, "lazy property")
    _ = lazy.text
  }
  let unique = UniqueHolder(number)
  Truth.add(unique.unique.baggage, .healthy, "noncopyable struct")
  let wrapper = Wrapper(number)
  Truth.add(wrapper.baggage, .healthy, "property wrapper")
  let derived = Derived()
  derived.elements.append((key: "a key that is long enough for the heap", value: Baggage(number)))
  derived.last = derived.elements.first
  derived.extra = Baggage(number)
  Truth.add(derived.elements[0].value, .healthy, "generic superclass")
  if let extra = derived.extra { Truth.add(extra, .healthy, "generic superclass") }
  let packed = Packed()
  packed.first = Baggage(number)
  packed.second.1 = Baggage(number)
  packed.third = Baggage(number)
  packed.path = \Packed.[number]
  packed.opaque = Unmanaged.passRetained(Baggage(number)).toOpaque()
  for object in [packed.first, packed.second.1, packed.third ?? nil] {
    if let object { Truth.add(object, .healthy, "packed fields") }
  }
  Truth.add(UInt(bitPattern: packed.opaque), .healthy, "opaque pointer field")
  Truth.add(packed.path, .healthy, "key path")
  let slot = Slot(number)
  let guarded = Guarded(number)
  Truth.add(guarded.state.withLock { $0.baggage }, .healthy, "Mutex")
  for object in [lazy, unique, wrapper, derived, packed, slot, guarded] as [AnyObject] { Keep.forever(object) }
}

extension Packed { subscript(index: Int) -> Int { index } }

enum Cached {
  static let shared = Mutex<Registry>(Registry())
  static let text = "a static text, " + String(repeating: "long ", count: 20)
}

final class Registry: @unchecked Sendable {
  var byType: [ObjectIdentifier: Baggage] = [:]
  var hooks: [@Sendable (Baggage) -> Bool] = []
}

@inline(never) func holdStatics(_ number: Int) {
  let baggage = Baggage(number)
  let captured = Baggage(number)
  Cached.shared.withLock {
    $0.byType[ObjectIdentifier(baggage)] = baggage
    $0.hooks.append { other in other === captured }
  }
  Truth.add(baggage, .healthy, "static property")
  Truth.add(captured, .healthy, "closure in an array")
  Truth.add(Truth.storage(Cached.text), .healthy, "static string")
}

/// Nodes of a document: the longest case ends in a weak reference, behind where the other one ends.
enum DocumentNode {
  case text(Text)
  case list(List)

  struct Text {
    var text: String
    var tag: Baggage
    var line, column: Int
    weak var anchor: Baggage?
  }
  struct List {
    var items: [DocumentNode]
    var tag: Baggage
  }
}

final class NodeDocument {
  let nodes: [DocumentNode]
  init(_ nodes: [DocumentNode]) { self.nodes = nodes }
}

/// Reached later than the document.
final class Appendix {
  let next: Appendix?
  let pages: [Baggage]
  init(_ next: Appendix?, _ pages: [Baggage]) {
    self.next = next
    self.pages = pages
  }
}

/// What a list leaves unwritten in its element is stale: here the address of an array that is in use.
@inline(never) func holdDocument(_ number: Int) {
  let pages = (0..<3).map { Baggage(number + $0) }
  let stale = Truth.storage(pages)
  let tag = Baggage(number)
  let nodes = [DocumentNode](unsafeUninitializedCapacity: 4) { buffer, count in
    let words = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: UInt.self)
    for index in words.indices { words[index] = stale }
    _ = words.baseAddress?.withMemoryRebound(to: DocumentNode.self, capacity: 4) { elements in
      for index in 0..<4 { (elements + index).initialize(to: .list(.init(items: [], tag: tag))) }
    }
    count = 4
  }
  Keep.forever(NodeDocument(nodes))
  var appendix = Appendix(nil, pages)
  for _ in 0..<4 { appendix = Appendix(appendix, []) }
  Keep.forever(appendix)
  Truth.add(stale, .healthy, "stale weak word")
  Truth.add(tag, .healthy, "stale weak word")
  for page in pages { Truth.add(page, .healthy, "stale weak word") }
}

let healthyReferences: [Scenario] = [
  Scenario(name: "stale-weak", isLeak: false, run: holdDocument),
  Scenario(name: "weak-unowned", isLeak: false, run: holdFamily),
  Scenario(name: "dead-unowned", isLeak: false, run: holdLate),
  Scenario(name: "layouts", isLeak: false, run: holdLayouts),
  Scenario(name: "statics", isLeak: false, run: holdStatics),
]
