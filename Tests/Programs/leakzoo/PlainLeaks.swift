import Foundation
import Synchronization

// Leaks without a cycle, and leaks to which only dead words or weak references still point.

@inline(never) func leakUnmanaged(_ number: Int) {
  let baggage = Baggage(number)
  _ = Unmanaged.passRetained(baggage)
  Truth.add(baggage, .leaked, "Unmanaged.passRetained")
}

/// A block that the C way lost: `UnsafeMutablePointer` without `deallocate`.
@inline(never) func leakRaw(_ number: Int) {
  let pointer = UnsafeMutableRawPointer.allocate(byteCount: 40 + number, alignment: 16)
  memset(pointer, 0x41, 40 + number)
  Truth.add(UInt(bitPattern: pointer), .leaked, "C block")
}

@inline(never) func leakChain(_ number: Int) {
  var last: UnsafeMutablePointer<UInt>?
  for _ in 0..<4 {
    guard let block = malloc(32 + number)?.assumingMemoryBound(to: UInt.self) else { continue }
    block[0] = 0
    block[1] = UInt(bitPattern: last)
    block[2] = 0
    Truth.add(UInt(bitPattern: block), .leaked, "C chain")
    last = block
  }
}

@inline(never) func leakLost<T>(_ value: T, _ kind: StaticString) {
  let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
  pointer.initialize(to: value)
  Truth.add(UInt(bitPattern: pointer), .leaked, kind)
}

@inline(never) func leakObjects(_ number: Int) {
  let objects = (0..<5).map { Baggage($0 + number) }
  leakLost(objects, "array of objects")
  Truth.add(Truth.storage(objects), .leaked, "array of objects")
  for object in objects { Truth.add(object, .leaked, "array of objects") }
}

@inline(never) func leakString(_ number: Int) {
  let text = String(repeating: "lost ", count: 20 + number)
  leakLost(text, "string")
  Truth.add(Truth.storage(text), .leaked, "string")
}

@inline(never) func leakTable(_ number: Int) {
  let table = [number: Baggage(number), number + 1: Baggage(number)]
  leakLost(table, "dictionary of objects")
  Truth.add(Truth.word(table), .leaked, "dictionary of objects")
  for object in table.values { Truth.add(object, .leaked, "dictionary of objects") }
}

final class Observer {
  weak var node: Node?
  init(_ node: Node) { self.node = node }
}

final class Borrower {
  unowned let node: Node
  init(_ node: Node) { self.node = node }
}

@inline(never) func leakPairQuietly(_ number: Int, _ kind: StaticString) -> Node {
  let first = Node(number)
  let second = Node(number)
  first.next = second
  second.next = first
  for node in [first, second] {
    Truth.add(node, .leaked, kind)
    Truth.add(node.baggage, .leaked, kind)
  }
  return first
}

/// A weak reference never keeps anything, and its side table neither.
@inline(never) func leakObserved(_ number: Int) {
  let observer = Observer(leakPairQuietly(number, "cycle with a weak observer"))
  Keep.forever(observer)
  Truth.add(observer, .healthy, "weak observer of a cycle")
}

@inline(never) func leakBorrowed(_ number: Int) {
  let borrower = Borrower(leakPairQuietly(number, "cycle with an unowned borrower"))
  Keep.forever(borrower)
  Truth.add(borrower, .healthy, "unowned borrower of a cycle")
}

enum Stale {
  nonisolated(unsafe) static var nodes: [Node] = []
  nonisolated(unsafe) static var table: [Int: Node] = [:]
  nonisolated(unsafe) static var set: Set<ObjectNode> = []
  nonisolated(unsafe) static var bytes: [[UInt8]] = []
}

struct ObjectNode: Hashable {
  var node: Node
  static func == (left: ObjectNode, right: ObjectNode) -> Bool { left.node === right.node }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(node)) }
}

@inline(never) func leakBehindArray(_ number: Int) {
  if Stale.nodes.isEmpty {
    Stale.nodes.reserveCapacity(1_000)
    Stale.nodes.append(Node(number))
    Truth.add(Stale.nodes[0], .healthy, "array after removeLast")
    Truth.add(Truth.storage(Stale.nodes), .healthy, "array after removeLast")
  }
  // Each pair leaves its address in a slot of its own.
  let fillers = Stale.nodes[0]
  for _ in 0..<number % 900 { Stale.nodes.append(fillers) }
  Stale.nodes.append(leakPairQuietly(number, "stale slot of an array"))
  Stale.nodes.removeLast(Stale.nodes.count - 1)
}

@inline(never) func leakBehindTable(_ number: Int) {
  if Stale.table.isEmpty {
    // Never grows, so that its storage stays where it is.
    Stale.table.reserveCapacity(10_000)
    Stale.set.reserveCapacity(10_000)
    Stale.table[-1] = Node(0)
    Truth.add(Truth.word(Stale.table), .healthy, "dictionary after removal")
    Truth.add(Truth.word(Stale.set), .healthy, "set after removal")
  }
  let node = leakPairQuietly(number, "stale bucket")
  Stale.table[number] = node
  Stale.set.insert(ObjectNode(node: node))
  Stale.table[number] = nil
  Stale.set.remove(ObjectNode(node: node))
}

/// The address is left in freed memory that a byte array with spare capacity then gets.
@inline(never) func leakBehindSlack(_ number: Int) {
  let node = leakPairQuietly(number, "stale word in spare capacity")
  let size = 512
  guard let block = malloc(size)?.assumingMemoryBound(to: UInt.self) else { return }
  for index in 0..<size / 8 { block[index] = UInt(bitPattern: Unmanaged.passUnretained(node).toOpaque()) }
  free(block)
  var bytes: [UInt8] = []
  bytes.reserveCapacity(size - 32)
  bytes.append(contentsOf: [1, 2, 3])
  Stale.bytes.append(bytes)
  Truth.add(Truth.storage(bytes), .healthy, "byte array with spare capacity")
}

struct Waiting {
  var name: String
  var node: Node
}

final class Maybe<Value> {
  var value: Value?
  init(_ value: Value?) { self.value = value }
}

/// Generic code that stores nil writes one word of it; what it leaves in the others is what happened to be there, here always the address.
@inline(never) func leakBehindOptional(_ number: Int) {
  let empty = Maybe<Waiting>(nil)
  let full = Maybe(Waiting(name: "", node: Node(number)))
  for slot in [empty, full] {
    Keep.forever(slot)
    Truth.add(slot, .healthy, "object with an optional")
  }
  if let node = full.value?.node { Truth.add(node, .healthy, "object with an optional") }
  let node = leakPairQuietly(number, "stale word of a nil optional")
  guard let place = MemoryLayout<Waiting>.offset(of: \.node) else { return }
  withUnsafeMutableBytes(of: &empty.value) {
    $0.storeBytes(of: UInt(bitPattern: Unmanaged.passUnretained(node).toOpaque()), toByteOffset: place, as: UInt.self)
  }
}

let plainLeaks: [Scenario] = [
  Scenario(name: "unmanaged", isLeak: true, run: leakUnmanaged),
  Scenario(name: "c-block", isLeak: true, run: leakRaw),
  Scenario(name: "c-chain", isLeak: true, run: leakChain),
  Scenario(name: "objects", isLeak: true, run: leakObjects),
  Scenario(name: "string", isLeak: true, run: leakString),
  Scenario(name: "table", isLeak: true, run: leakTable),
]

let staleLeaks: [Scenario] = [
  Scenario(name: "weakly-observed", isLeak: true, run: leakObserved),
  Scenario(name: "unowned-borrowed", isLeak: true, run: leakBorrowed),
  Scenario(name: "stale-array", isLeak: true, run: leakBehindArray),
  Scenario(name: "stale-bucket", isLeak: true, run: leakBehindTable),
  Scenario(name: "stale-slack", isLeak: true, run: leakBehindSlack),
  Scenario(name: "stale-optional", isLeak: true, run: leakBehindOptional),
]
