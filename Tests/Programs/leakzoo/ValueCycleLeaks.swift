// Retain cycles through values: collections, enum payloads, existentials, errors, structs.

final class Member: Hashable {
  var array: [Member] = []
  var contiguous: ContiguousArray<Member> = []
  var byName: [String: Member] = [:]
  var byNumber: [Int: (Int, Member)] = [:]
  var set: Set<Member> = []
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
  static func == (left: Member, right: Member) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// One payload: the empty case is an extra inhabitant.
enum Link {
  case end
  case to(Linked)
}

/// Several payloads: the case is in the pointer's spare bits.
enum Target {
  case one(Linked)
  case other(Baggage)
  case pair(Linked, Int)
  case number(Int32)
  case nothing
}

/// The list's node is a box, once for each `cons`.
indirect enum List {
  case end
  case cons(Linked, List)
}

final class Linked: @unchecked Sendable {
  var link = Link.end
  var target = Target.nothing
  var list = List.end
  var shape: (any Shape)?
  var any: Any = 0
  var error: (any Error)?
  var nested = Nested()
  var result: Result<Linked, Failure>?
  let baggage: Baggage
  init(_ number: Int) { baggage = Baggage(number) }
}

struct Nested {
  struct Inner {
    var flag = false
    var small: Int16 = 3
    var peer: Linked?
    var pairs: (Int8, Linked?) = (1, nil)
  }
  var name = "short"
  var inner = Inner()
}

protocol Shape { var area: Double { get } }

/// Fits the existential's three words.
struct Dot: Shape {
  var owner: Linked
  var area: Double { 0 }
}

/// Needs a box.
struct Rectangle: Shape {
  var left, top, width, height: Double
  var owner: Linked
  var area: Double { width * height }
}

struct Failure: Error {
  var code: Int
  var source: Linked
}

@inline(never) func leakArray(_ number: Int) {
  let member = Member(number)
  for index in 0..<3 { member.array.append(index == 1 ? Member(number) : member) }
  member.contiguous.append(member)
  Truth.add(member, .leaked, "cycle through an array")
  Truth.add(member.array[1], .leaked, "cycle through an array")
  Truth.add(member.array[1].baggage, .leaked, "cycle through an array")
  Truth.add(member.baggage, .leaked, "cycle through an array")
  Truth.add(Truth.storage(member.array), .leaked, "cycle through an array")
  Truth.add(Truth.word(member.contiguous), .leaked, "cycle through an array")
}

@inline(never) func leakDictionary(_ number: Int) {
  let member = Member(number)
  member.byName["a name that is too long to be stored inline"] = member
  member.byNumber[number] = (number, member)
  Truth.add(member, .leaked, "cycle through a dictionary")
  Truth.add(member.baggage, .leaked, "cycle through a dictionary")
  Truth.add(Truth.word(member.byName), .leaked, "cycle through a dictionary")
  Truth.add(Truth.word(member.byNumber), .leaked, "cycle through a dictionary")
}

@inline(never) func leakSet(_ number: Int) {
  let member = Member(number)
  for _ in 0..<5 {
    let other = Member(number)
    member.set.insert(other)
    Truth.add(other, .leaked, "cycle through a set")
    Truth.add(other.baggage, .leaked, "cycle through a set")
  }
  member.set.insert(member)
  Truth.add(member, .leaked, "cycle through a set")
  Truth.add(member.baggage, .leaked, "cycle through a set")
  Truth.add(Truth.word(member.set), .leaked, "cycle through a set")
}

@inline(never) func leakPayload(_ number: Int) {
  let linked = Linked(number)
  linked.link = .to(linked)
  Truth.add(linked, .leaked, "cycle through an enum payload")
  Truth.add(linked.baggage, .leaked, "cycle through an enum payload")
}

@inline(never) func leakMultiPayload(_ number: Int) {
  let linked = Linked(number)
  let second = Linked(number)
  linked.target = number % 2 == 0 ? .one(second) : .pair(second, number)
  second.target = .one(linked)
  for item in [linked, second] {
    Truth.add(item, .leaked, "cycle through a multi-payload enum")
    Truth.add(item.baggage, .leaked, "cycle through a multi-payload enum")
  }
}

@inline(never) func leakIndirect(_ number: Int) {
  let linked = Linked(number)
  let last = List.cons(linked, .end)
  let first = List.cons(linked, last)
  linked.list = first
  Truth.add(linked, .leaked, "cycle through an indirect enum")
  Truth.add(linked.baggage, .leaked, "cycle through an indirect enum")
  Truth.add(Truth.word(last), .leaked, "cycle through an indirect enum")
  Truth.add(Truth.word(first), .leaked, "cycle through an indirect enum")
}

@inline(never) func leakExistential(_ number: Int) {
  let linked = Linked(number)
  if number % 2 == 0 {
    linked.shape = Dot(owner: linked)
  } else {
    let shape: any Shape = Rectangle(left: 1, top: 2, width: 3, height: 4, owner: linked)
    linked.shape = shape
    Truth.add(Truth.word(shape as any Shape), .leaked, "cycle through an existential")
  }
  Truth.add(linked, .leaked, "cycle through an existential")
  Truth.add(linked.baggage, .leaked, "cycle through an existential")
}

@inline(never) func leakAny(_ number: Int) {
  let linked = Linked(number)
  let any: Any = number % 2 == 0 ? linked : (1, 2, 3, linked)
  linked.any = any
  if number % 2 == 1 { Truth.add(Truth.word(any as Any), .leaked, "cycle through Any") }
  Truth.add(linked, .leaked, "cycle through Any")
  Truth.add(linked.baggage, .leaked, "cycle through Any")
}

@inline(never) func leakError(_ number: Int) {
  let linked = Linked(number)
  let error: any Error = Failure(code: number, source: linked)
  linked.error = error
  Truth.add(linked, .leaked, "cycle through an error")
  Truth.add(linked.baggage, .leaked, "cycle through an error")
  Truth.add(Truth.word(error as any Error), .leaked, "cycle through an error")
}

@inline(never) func leakNested(_ number: Int) {
  let linked = Linked(number)
  let second = Linked(number)
  linked.nested.inner.peer = second
  second.nested.inner.pairs.1 = linked
  second.result = number % 2 == 0 ? .success(linked) : .failure(Failure(code: 1, source: linked))
  for item in [linked, second] {
    Truth.add(item, .leaked, "cycle through nested structs")
    Truth.add(item.baggage, .leaked, "cycle through nested structs")
  }
}

let valueCycleLeaks: [Scenario] = [
  Scenario(name: "array", isLeak: true, run: leakArray),
  Scenario(name: "dictionary", isLeak: true, run: leakDictionary),
  Scenario(name: "set", isLeak: true, run: leakSet),
  Scenario(name: "enum-payload", isLeak: true, run: leakPayload),
  Scenario(name: "multi-payload-enum", isLeak: true, run: leakMultiPayload),
  Scenario(name: "indirect-enum", isLeak: true, run: leakIndirect),
  Scenario(name: "existential", isLeak: true, run: leakExistential),
  Scenario(name: "any", isLeak: true, run: leakAny),
  Scenario(name: "error", isLeak: true, run: leakError),
  Scenario(name: "nested-struct", isLeak: true, run: leakNested),
]
