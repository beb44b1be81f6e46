import Synchronization

// Values in the standard library's storage, held by globals.

enum Store {
  nonisolated(unsafe) static var lists: [List] = []
  nonisolated(unsafe) static var tree = Tree.leaf(0)
  nonisolated(unsafe) static var targets: [Target] = []
  nonisolated(unsafe) static var wide: [Wide] = []
  nonisolated(unsafe) static var links: [Link?] = []
  nonisolated(unsafe) static var shapes: [any Shape] = []
  nonisolated(unsafe) static var anything: [Any] = []
  nonisolated(unsafe) static var errors: [any Error] = []
  nonisolated(unsafe) static var byName: [String: [Baggage]] = [:]
  nonisolated(unsafe) static var members: Set<Member> = []
  nonisolated(unsafe) static var texts: [String] = []
  nonisolated(unsafe) static var parts: [Substring] = []
  nonisolated(unsafe) static var slices: [ArraySlice<Baggage>] = []
  nonisolated(unsafe) static var contiguous: ContiguousArray<Baggage> = []
  nonisolated(unsafe) static var handlers: [Handler] = []
  nonisolated(unsafe) static var optionals: [Baggage??] = []
  nonisolated(unsafe) static var tuples: [(Int8, (Baggage, Bool), String)] = []
  nonisolated(unsafe) static var sparse: [Int: Baggage] = [:]
  nonisolated(unsafe) static var keyed: [Member: Target] = [:]
  nonisolated(unsafe) static var classes: [any SessionDelegate] = []
  nonisolated(unsafe) static var nestedArrays: [[[Baggage]]] = []
  nonisolated(unsafe) static var results: [Result<Baggage, any Error>] = []
  nonisolated(unsafe) static var generic: [Cell<Wide>] = []
  nonisolated(unsafe) static var buffers: [Tail] = []
  static let guarded = Mutex<[String: Baggage]>([:])
}

indirect enum Tree {
  case leaf(Int)
  case node(Tree, Tree)
  case object(Baggage, Tree)
}

/// Cases of all kinds: pointers, numbers that fill a whole word, a closure, an existential, none.
enum Wide {
  case object(Baggage)
  case text(String)
  case number(Int)
  case handler(() -> Int)
  case shape(any Shape)
  case several(Int32, Baggage, [Baggage])
  indirect case boxed(Wide, Baggage)
  case nothing
}

@inline(never) func makeTree(_ depth: Int) -> Tree {
  if depth == 0 { return .leaf(depth) }
  let left = makeTree(depth - 1)
  return depth % 4 == 1 ? .object(Baggage(depth), left) : .node(left, makeTree(depth - 1))
}

@inline(never) func addTree(_ tree: Tree) {
  Truth.add(Truth.word(tree), .healthy, "indirect enum tree")
  switch tree {
  case .leaf: break
  case .node(let left, let right):
    addTree(left)
    addTree(right)
  case .object(let baggage, let rest):
    Truth.add(baggage, .healthy, "indirect enum tree")
    addTree(rest)
  }
}

@inline(never) func holdTree(_ number: Int) {
  Store.tree = makeTree(15)
  addTree(Store.tree)
  var list = List.end
  for index in 0..<1_000 {
    list = .cons(Linked(index), list)
    Truth.add(Truth.word(list), .healthy, "indirect enum list")
  }
  Store.lists.append(list)
}

@inline(never) func holdEnums(_ number: Int) {
  let baggage = Baggage(number)
  let linked = Linked(number)
  Store.targets += [.one(linked), .other(baggage), .pair(linked, number), .number(3), .nothing]
  Store.links += [.to(Linked(number)), .end, nil]
  let inBox = Baggage(number)
  Store.wide += [
    .object(Baggage(number)), .text(String(repeating: "wide", count: 10)), .number(number),
    .handler { baggage.bytes.count },
    .shape(Dot(owner: Linked(number))), .several(1, Baggage(number), [Baggage(number)]),
    .boxed(.several(2, Baggage(number), []), inBox), .nothing,
  ]
  for case .object(let item) in Store.wide.suffix(8) { Truth.add(item, .healthy, "enum of many cases") }
  for case .text(let item) in Store.wide.suffix(8) { Truth.add(Truth.storage(item), .healthy, "enum of many cases") }
  for case .several(_, let item, let more) in Store.wide.suffix(8) {
    Truth.add(item, .healthy, "enum of many cases")
    for object in more { Truth.add(object, .healthy, "enum of many cases") }
  }
  Truth.add(inBox, .healthy, "enum of many cases")
  Truth.add(baggage, .healthy, "multi-payload enum")
  Truth.add(linked, .healthy, "multi-payload enum")
  Truth.add(linked.baggage, .healthy, "multi-payload enum")
  let cell = Cell<Wide>(number)
  cell.value = .boxed(.object(Baggage(number)), baggage)
  Store.generic.append(cell)
  Truth.add(cell, .healthy, "generic class with an enum")
}

@inline(never) func holdExistentials(_ number: Int) {
  let inline = Linked(number)
  let boxed = Linked(number)
  let shape: any Shape = Rectangle(left: 1, top: 2, width: 3, height: 4, owner: boxed)
  Store.shapes += [Dot(owner: inline), shape]
  Truth.add(Truth.word(shape as any Shape), .healthy, "boxed existential")
  Truth.add(inline, .healthy, "inline existential")
  Truth.add(boxed, .healthy, "boxed existential")
  let inTuple = Baggage(number)
  Store.anything += [
    Baggage(number), (1, 2, 3, 4, inTuple), "text \(number) that is long enough for the heap", [inTuple],
  ]
  Truth.add(inTuple, .healthy, "Any")
  let error: any Error = Failure(code: number, source: inline)
  Store.errors.append(error)
  Truth.add(Truth.word(error as any Error), .healthy, "error")
  Store.results += [.success(Baggage(number)), .failure(Failure(code: 2, source: Linked(number)))]
  Store.classes.append(Screen(Session(number)))
}

@inline(never) func holdCollections(_ number: Int) {
  let name = "key number \(number), long enough for the heap"
  let list = (0..<3).map { Baggage($0) }
  Store.byName[name] = list
  for item in list { Truth.add(item, .healthy, "dictionary of arrays") }
  Truth.add(Truth.storage(list), .healthy, "dictionary of arrays")
  Truth.add(Truth.storage(name), .healthy, "dictionary of arrays")
  let member = Member(number)
  Store.members.insert(member)
  Truth.add(member, .healthy, "set")
  Store.keyed[Member(number)] = .other(Baggage(number))
  Store.texts.append(String(repeating: "é", count: 700 + number))
  // Indexing by UTF-16 makes the runtime hang a breadcrumbs object on the string.
  _ = Store.texts[Store.texts.count - 1].utf16.count
  Truth.add(Truth.storage(Store.texts[Store.texts.count - 1]), .healthy, "long string")
  Store.optionals += [.some(.some(Baggage(number))), .some(nil), nil]
  Store.tuples.append((1, (Baggage(number), true), "tuple \(number) with a string on the heap"))
  Truth.add(Store.tuples[Store.tuples.count - 1].1.0, .healthy, "array of tuples")
  Store.nestedArrays.append([[Baggage(number)], [], [Baggage(number), Baggage(number)]])
  Store.contiguous.append(Baggage(number))
  for item in Store.nestedArrays[Store.nestedArrays.count - 1].joined() { Truth.add(item, .healthy, "nested arrays") }
  Store.guarded.withLock { $0[name] = Baggage(number) }
  let captured = Baggage(number)
  var counter = 0
  Store.handlers.append(
    Handler {
      counter += 1
      return captured.bytes.count + counter
    })
  Truth.add(captured, .healthy, "closure")
}

/// Only a part of a larger buffer is kept, by a pointer into it.
@inline(never) func holdSlices(_ number: Int) {
  let text = String(repeating: "slice ", count: 40)
  Store.parts.append(text.dropFirst(60).prefix(20))
  Truth.add(Truth.storage(text), .healthy, "Substring")
  let items = (0..<6).map { Baggage($0) }
  Store.slices.append(items[3...4])
  Truth.add(Truth.storage(items), .healthy, "ArraySlice")
  for item in items { Truth.add(item, .healthy, "ArraySlice") }
}

/// Many removed entries between the live ones.
@inline(never) func holdSparse(_ number: Int) {
  for index in 0..<40 { Store.sparse[number * 100 + index] = Baggage(index) }
  for index in 0..<38 { Store.sparse[number * 100 + index] = nil }
  for index in 38..<40 {
    if let item = Store.sparse[number * 100 + index] { Truth.add(item, .healthy, "sparse dictionary") }
  }
}

@inline(never) func holdBuffer(_ number: Int) {
  let tail = Tail.create(minimumCapacity: 4) { _ in 2 }
  let node = Node(number)
  tail.withUnsafeMutablePointerToElements {
    $0.initialize(to: node)
    ($0 + 3).initialize(to: SubNode(number))
  }
  Store.buffers.append(unsafeDowncast(tail, to: Tail.self))
  Truth.add(tail, .healthy, "ManagedBuffer")
  Truth.add(node, .healthy, "ManagedBuffer")
  Truth.add(node.baggage, .healthy, "ManagedBuffer")
}

let healthyStorage: [Scenario] = [
  Scenario(name: "tree", isLeak: false, weight: 0, run: holdTree),
  Scenario(name: "enums", isLeak: false, run: holdEnums),
  Scenario(name: "existentials", isLeak: false, run: holdExistentials),
  Scenario(name: "collections", isLeak: false, run: holdCollections),
  Scenario(name: "slices", isLeak: false, run: holdSlices),
  Scenario(name: "sparse", isLeak: false, run: holdSparse),
  Scenario(name: "buffers", isLeak: false, run: holdBuffer),
]
