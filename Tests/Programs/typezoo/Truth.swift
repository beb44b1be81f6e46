@_spi(Reflection) import Swift

// The program says itself what its heap holds; a test compares that with what memwhy decodes from outside.

/// Objects that live until the end.
nonisolated(unsafe) var kept: [Any] = []

func hex(_ value: UInt) -> String { String(value, radix: 16) }

func address(_ object: AnyObject) -> UInt { UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()) }

/// `OBJECT address name`: an instance and its type as a developer writes it, without this module's name.
func report(_ object: AnyObject, _ name: String) {
  kept.append(object)
  print("OBJECT \(hex(address(object))) \(name)")
}

/// `BLOCK address kind name-part`: a block without a class of its own.
func report(block: UInt, _ kind: String, _ name: String) { print("BLOCK \(hex(block)) \(kind) \(name)") }

/// Offset of a stored property as the run time's reflection has it.
func offset(of field: String, in object: AnyObject) -> Int {
  var result = -1
  _ = _forEachField(of: type(of: object), options: [.classType]) { name, offset, _, _ in
    if String(cString: name) == field { result = offset }
    return true
  }
  return result
}

/// `SLOT object offset strength path`: where a reference lies. `path` starts with the stored property's name.
func slot(_ object: AnyObject, _ path: String, _ strength: String = "strong", at inner: Int = 0) {
  let field = String(path.prefix { $0 != "." })
  print("SLOT \(hex(address(object))) \(offset(of: field, in: object) + inner) \(strength) \(path)")
}

/// `NAMED object offset strength path`: the same, where only a symbol says so.
func named(_ object: AnyObject, _ path: String, at inner: Int) {
  let field = String(path.prefix { $0 != "." })
  print("NAMED \(hex(address(object))) \(offset(of: field, in: object) + inner) strong \(path)")
}

/// `SLOTS object n`: exactly n references that are certain.
func slots(_ object: AnyObject, _ count: Int) { print("SLOTS \(hex(address(object))) \(count)") }

/// A function value as it lies in memory: code and context.
struct Closure { var call: () -> Int }
func context(_ call: @escaping () -> Int) -> UInt {
  let closure = Closure(call: call)
  kept.append(closure)
  return unsafeBitCast(closure, to: (UInt, UInt).self).1
}
