import Synchronization

// Retain cycles through references: a class points to a class, a closure, an actor, a box.

class Node: @unchecked Sendable {
  var next: Node?
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

final class SubNode: Node, @unchecked Sendable { var more: Baggage? }

/// A closure in a struct: generic code then sees the function itself, not a thunk around it.
struct Handler { var call: (() -> Int)? }

final class Owner {
  var onClose = Handler()
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

protocol SessionDelegate: AnyObject { func closed() }

final class Session {
  // Should have been weak.
  var delegate: (any SessionDelegate)?
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

final class Screen: SessionDelegate {
  let session: Session
  init(_ session: Session) { self.session = session }
  func closed() {}
}

final class Cell<Value> {
  var value: Value?
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

actor Keeper {
  let assistant: Assistant
  let baggage: Baggage
  init(_ number: Int) {
    assistant = Assistant()
    baggage = Baggage(number)
    assistant.keeper = self
  }
}

final class Assistant: @unchecked Sendable { var keeper: Keeper? }

final class Guarded: Sendable {
  struct State {
    var peer: Guarded?
    var baggage: Baggage
    var count = 0
  }
  let state: Mutex<State>
  init(_ number: Int) { state = Mutex(State(baggage: Baggage(number))) }
}

final class SelfGuarded: @unchecked Sendable {
  let state = Mutex<SelfGuarded?>(nil)
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

struct Grip: ~Copyable { var owner: Gripper? }

final class Gripper {
  var grip = Grip(owner: nil)
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

final class Tail: ManagedBuffer<Int, Node> {}

@inline(never) func leakPair(_ number: Int) {
  let first = Node(number)
  let second = Node(number)
  first.next = second
  second.next = first
  for node in [first, second] {
    Truth.add(node, .leaked, "two-object cycle")
    Truth.add(node.baggage, .leaked, "two-object cycle")
  }
}

@inline(never) func leakInherited(_ number: Int) {
  let node = SubNode(number)
  node.more = Baggage(number)
  node.next = node
  Truth.add(node, .leaked, "cycle through an inherited field")
  Truth.add(node.baggage, .leaked, "cycle through an inherited field")
  if let more = node.more { Truth.add(more, .leaked, "cycle through an inherited field") }
}

@inline(never) func leakClosure(_ number: Int) {
  let owner = Owner(number)
  owner.onClose.call = { owner.baggage.bytes.count + number }
  Truth.add(owner, .leaked, "closure that captures self")
  Truth.add(owner.baggage, .leaked, "closure that captures self")
  Truth.add(Truth.word(owner.onClose, 1), .leaked, "closure that captures self")
}

@inline(never) func leakCapturedVariable(_ number: Int) {
  let baggage = Baggage(number)
  var handler = Handler()
  handler.call = { baggage.bytes.count + (handler.call == nil ? 1 : 0) }
  Truth.add(baggage, .leaked, "closure in the variable it captures")
  let context = Truth.word(handler, 1)
  Truth.add(context, .leaked, "closure in the variable it captures")
  // Two captures: the object, and the box of the variable.
  let object = UInt(bitPattern: Unmanaged.passUnretained(baggage).toOpaque())
  for index in 2...3 {
    guard let capture = UnsafePointer<UInt>(bitPattern: context)?[index], capture != object else { continue }
    Truth.add(capture, .leaked, "closure in the variable it captures")
  }
}

@inline(never) func leakDelegate(_ number: Int) {
  let session = Session(number)
  let screen = Screen(session)
  session.delegate = screen
  Truth.add(session, .leaked, "strong delegate")
  Truth.add(screen, .leaked, "strong delegate")
  Truth.add(session.baggage, .leaked, "strong delegate")
}

@inline(never) func leakGeneric(_ number: Int) {
  let first = Cell<(Int, AnyObject)>(number)
  let second = Cell<Cell<(Int, AnyObject)>>(number)
  first.value = (number, second)
  second.value = first
  Truth.add(first, .leaked, "cycle of generic classes")
  Truth.add(second, .leaked, "cycle of generic classes")
  Truth.add(first.baggage, .leaked, "cycle of generic classes")
  Truth.add(second.baggage, .leaked, "cycle of generic classes")
}

@inline(never) func leakActor(_ number: Int) {
  let keeper = Keeper(number)
  Truth.add(keeper, .leaked, "cycle with an actor")
  Truth.add(keeper.assistant, .leaked, "cycle with an actor")
  Truth.add(keeper.baggage, .leaked, "cycle with an actor")
}

@inline(never) func leakMutex(_ number: Int) {
  let first = Guarded(number)
  let second = Guarded(number)
  first.state.withLock { $0.peer = second }
  second.state.withLock { $0.peer = first }
  for item in [first, second] {
    Truth.add(item, .leaked, "cycle behind Mutex")
    Truth.add(item.state.withLock { $0.baggage }, .leaked, "cycle behind Mutex")
  }
}

@inline(never) func leakOwnMutex(_ number: Int) {
  let item = SelfGuarded(number)
  item.state.withLock { $0 = item }
  Truth.add(item, .leaked, "object behind its own Mutex")
  Truth.add(item.baggage, .leaked, "object behind its own Mutex")
}

@inline(never) func leakNoncopyable(_ number: Int) {
  let item = Gripper(number)
  item.grip.owner = item
  Truth.add(item, .leaked, "cycle through a noncopyable struct")
  Truth.add(item.baggage, .leaked, "cycle through a noncopyable struct")
}

@inline(never) func leakTail(_ number: Int) {
  let node = SubNode(number)
  let holder = Cell<AnyObject>(number)
  let tail = Tail.create(minimumCapacity: 3) { _ in 1 }
  tail.withUnsafeMutablePointerToElements { $0.initialize(to: node) }
  holder.value = tail
  node.next = unsafeDowncast(holderNode(holder), to: Node.self)
  Truth.add(node, .leaked, "cycle through ManagedBuffer")
  Truth.add(node.baggage, .leaked, "cycle through ManagedBuffer")
  Truth.add(tail, .leaked, "cycle through ManagedBuffer")
  Truth.add(holder, .leaked, "cycle through ManagedBuffer")
  Truth.add(holder.baggage, .leaked, "cycle through ManagedBuffer")
}

final class HolderNode: Node, @unchecked Sendable {
  let holder: AnyObject
  init(_ holder: AnyObject) {
    self.holder = holder
    super.init(0)
  }
}

@inline(never) func holderNode(_ holder: AnyObject) -> Node {
  let node = HolderNode(holder)
  Truth.add(node, .leaked, "cycle through ManagedBuffer")
  Truth.add(node.baggage, .leaked, "cycle through ManagedBuffer")
  return node
}

let cycleLeaks: [Scenario] = [
  Scenario(name: "pair", isLeak: true, run: leakPair),
  Scenario(name: "inherited", isLeak: true, run: leakInherited),
  Scenario(name: "closure", isLeak: true, run: leakClosure),
  Scenario(name: "captured-variable", isLeak: true, run: leakCapturedVariable),
  Scenario(name: "delegate", isLeak: true, run: leakDelegate),
  Scenario(name: "generic", isLeak: true, run: leakGeneric),
  Scenario(name: "actor", isLeak: true, run: leakActor),
  Scenario(name: "mutex", isLeak: true, run: leakMutex),
  Scenario(name: "own-mutex", isLeak: true, run: leakOwnMutex),
  Scenario(name: "own-noncopyable", isLeak: true, run: leakNoncopyable),
  Scenario(name: "managed-buffer", isLeak: true, run: leakTail),
]
