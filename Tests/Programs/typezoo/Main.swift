#if canImport(Glibc)
  import Glibc
#endif

func classes(_ leaf: Leaf) {
  report(leaf, "Leaf")
  slots(leaf, 0)
  let dog = Dog(leaf)
  dog.owner = leaf
  dog.toys = [leaf]
  dog.byName = ["rex": leaf]
  report(dog, "Dog")
  slot(dog, "name", at: 8)
  slot(dog, "owner", "weak")
  slot(dog, "toys")
  slot(dog, "byName")
  slot(dog, "onBark", at: 8)
  slots(dog, 6)
  report(block: unsafeBitCast(dog.toys, to: UInt.self), "arrayStorage", "_ContiguousArrayStorage<")
  report(block: unsafeBitCast(dog.byName, to: UInt.self), "dictionaryStorage", "_DictionaryStorage<String, ")
  let names: Set<String> = ["a name that is not stored inline, one"]
  kept.append(names)
  report(block: unsafeBitCast(names, to: UInt.self), "setStorage", "_SetStorage<String>")
  let long = String(repeating: "x", count: 100 + leaf.value)
  kept.append(long)
  report(
    block: unsafeBitCast(long, to: (UInt, UInt).self).1 & 0xfff_ffff_ffff_ffff, "stringStorage", "__StringStorage")
}

func values(_ leaf: Leaf) {
  let raw = UnsafeMutablePointer<Int>.allocate(capacity: 4)
  let values = Values(leaf, raw)
  report(values, "Values")
  slot(values, "point.owner", at: MemoryLayout<Point>.offset(of: \.owner)!)
  slot(values, "point.label", at: MemoryLayout<Point>.offset(of: \.label)! + 8)
  slot(values, "maybe.owner", at: MemoryLayout<Point>.offset(of: \.owner)!)
  slot(values, "maybe.label", at: MemoryLayout<Point>.offset(of: \.label)! + 8)
  slot(values, "shape")
  slot(values, "mixed.text", "strong", at: 8)
  slot(values, "tuple.1", at: 8)
  slot(values, "sound")
  slot(values, "color", "ambiguous")
  slot(values, "failure")
  slot(values, "raw", "pointer")
  slot(values, "list.node")
  report(block: unsafeBitCast(values.failure, to: UInt.self), "error", "Error(")
  let color = withUnsafePointer(to: &values.color) {
    UnsafeRawPointer($0).load(as: UInt.self)
  }
  report(block: color, "closureContext", "Red")
}

func noncopyable(_ leaf: Leaf) {
  let locked = Locked(leaf)
  report(locked, "Locked")
  // The lock is one word with its padding.
  named(locked, "state.byName", at: 16)
  named(locked, "state.last", at: 24)
  named(locked, "table", at: 8)
  named(locked, "grip.leaf", at: 8)
  named(locked, "door.open.leaf", at: 8)
}

func generics(_ leaf: Leaf) {
  let pair = Pair("a text that is too long for the inline form", [leaf])
  report(pair, "Pair<String, [Leaf]>")
  slot(pair, "first", at: 8)
  slot(pair, "second")
  slots(pair, 2)
  let inner = Outer<[Int: Leaf]>.Inner<Leaf?>([1: leaf], leaf)
  report(inner, "Outer<[Int : Leaf]>.Inner<Leaf?>")
  slot(inner, "t")
  slot(inner, "u")
  slots(inner, 2)
  let extended = Pair<Leaf, Int>.Extended(leaf)
  report(extended, "Pair<Leaf, Int>.Extended")
  slot(extended, "first")
  report(Array<(Int, String)>.Cursor([(1, "x")]), "Array<(Int, String)>.Cursor")
  report(Pair<(any Color)?, (Int, Leaf) -> String>(nil, { "\($0)\($1)" }), "Pair<(any Color)?, (Int, Leaf) -> String>")
  report(Pair<Leaf.Type, any Error>(Leaf.self, Failure(code: 2, leaf: leaf)), "Pair<Leaf.Type, any Error>")
  report(Pair<Matrix<3>, AnyObject>(Matrix(leaf: leaf), leaf), "Pair<Matrix<3>, AnyObject>")
  report(makeHidden(), "Hidden")
  let packed = Packed(leaf, "text", 3)
  report(packed, "Packed<Leaf, String, Int>")
  let buffer = Buffer.create(minimumCapacity: 4) { _ in leaf }
  report(buffer, "Buffer")
}

func closures(_ leaf: Leaf) {
  var counter = leaf.value
  let number = leaf.value &* 3
  let text = "\(number) and a text that is too long for the inline form"
  report(block: context { leaf.value + number }, "closureContext", "Leaf, Int")
  report(
    block: context {
      counter += 1
      return counter
    }, "closureContext", "Int")
  report(block: context { text.utf8.count + leaf.value + number }, "closureContext", "String")
}

@main enum Main {
  static func main() async {
    setvbuf(stdout, nil, _IOLBF, 0)
    let leaf = Leaf(CommandLine.arguments.count)
    classes(leaf)
    values(leaf)
    noncopyable(leaf)
    generics(leaf)
    closures(leaf)
    let account = Account()
    report(account, "Account")
    await account.references()
    slots(account, 2)
    await startTasks(leaf)
    print("READY")
    fflush(stdout)
    while true { sleep(1000) }
  }
}
