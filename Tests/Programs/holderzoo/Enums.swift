// holderzoo enums N   payloads of enums whose cases share a word. Prints `CASE COUNT PATH` for each place; N in each case of an array's elements and a
//                     dictionary's values
import Glibc

final class Payload {
  var number = 1
}

enum TwoCases {
  case loading(Payload)
  case loaded(Payload)
}
enum WithEmpty {
  case first(Payload)
  case second(Payload)
  case none, failed
}
enum NineCases {
  case a(Payload)
  case b(Payload)
  case c(Payload)
  case d(Payload)
  case e(Payload)
  case f(Payload)
  case g(Payload)
  case h(Payload)
  case i(Payload)
}
enum Mixed {
  case text(String)
  case number(Int)
  case object(Payload)
  case list([Int])
  case another(Payload)
}
enum Outer {
  case inner(TwoCases)
  case plain(Payload)
  case pair(Payload, Payload)
}
enum Flags {
  case flag(Bool)
  case byte(UInt8)
  case reference(Payload)
  case other(Payload)
}
struct Labelled {
  var tag: Int8
  var object: Payload
}
enum Structs {
  case labelled(Labelled)
  case bare(Payload)
  case counted(Payload, Int32)
}
indirect enum Tree {
  case leaf(Payload)
  case node(Tree, Tree)
  case other(Payload)
}
enum Fixed<Value> {
  case list(Payload, [Value])
  case map(Payload, [String: Value])
}
enum Dynamic<Value> {
  case value(Value)
  case object(Payload)
  case more(Payload)
}

final class EnumHolder {
  var two = TwoCases.loaded(Payload())
  var optional: TwoCases? = .loading(Payload())
  var empty = WithEmpty.second(Payload())
  var nine = NineCases.i(Payload())
  var five = NineCases.e(Payload())
  var mixed = Mixed.object(Payload())
  var another = Mixed.another(Payload())
  var nested = Outer.inner(.loaded(Payload()))
  var plain = Outer.plain(Payload())
  var pair = Outer.pair(Payload(), Payload())
  var flags = Flags.other(Payload())
  var labelled = Structs.labelled(Labelled(tag: 3, object: Payload()))
  var counted = Structs.counted(Payload(), 7)
  var fixed = Fixed<Int>.map(Payload(), [:])
  var dynamic = Dynamic<Int>.more(Payload())
  var dynamicObject = Dynamic<String>.object(Payload())
  var tree = Tree.other(Payload())
  var result: Result<Payload, any Error> = .success(Payload())
  /// The same word is no reference at all here, whatever it looks like.
  var number = Mixed.number(0)
}

nonisolated(unsafe) var enums: EnumHolder?
nonisolated(unsafe) var states: [TwoCases] = []
nonisolated(unsafe) var byNumber: [Int: Mixed] = [:]

@inline(never) func holdEnums(_ count: Int) {
  let holder = EnumHolder()
  holder.number = .number(Int(bitPattern: Unmanaged.passUnretained(holder).toOpaque()))
  enums = holder
  for number in 0..<count {
    states.append(.loading(Payload()))
    states.append(.loaded(Payload()))
    byNumber[number] = number % 2 == 0 ? .object(Payload()) : .another(Payload())
  }
  for path in [
    "two.loaded", "optional.loading", "empty.second", "nine.i", "five.e", "mixed.object", "another.another",
    "nested.inner.loaded", "plain.plain", "pair.pair.0", "pair.pair.1", "flags.other", "labelled.labelled.object",
    "counted.counted.0", "fixed.map.0", "dynamic.more", "dynamicObject.object", "result.success",
  ] {
    print("CASE 1 EnumHolder.\(path)")
  }
  print("CASE \(count) states[…].loading")
  print("CASE \(count) states[…].loaded")
  print("CASE \((count + 1) / 2) byNumber[value].object")
  print("CASE \(count / 2) byNumber[value].another")
}
