/// One-letter abbreviations of standard library types in mangled names (StandardTypesMangling.def of Swift 6.3).
enum StandardTypes {
  struct Entry: Sendable {
    var name: String
    var kind: NominalKind
  }

  static let swift = table(
    structures: [
      "A": "AutoreleasingUnsafeMutablePointer", "a": "Array", "b": "Bool", "D": "Dictionary", "d": "Double",
      "f": "Float",
      "h": "Set", "I": "DefaultIndices", "i": "Int", "J": "Character", "N": "ClosedRange", "n": "Range",
      "O": "ObjectIdentifier", "P": "UnsafePointer", "p": "UnsafeMutablePointer", "R": "UnsafeBufferPointer",
      "r": "UnsafeMutableBufferPointer", "S": "String", "s": "Substring", "u": "UInt", "V": "UnsafeRawPointer",
      "v": "UnsafeMutableRawPointer", "W": "UnsafeRawBufferPointer", "w": "UnsafeMutableRawBufferPointer",
    ],
    enumerations: ["q": "Optional"],
    protocols: [
      "B": "BinaryFloatingPoint", "E": "Encodable", "e": "Decodable", "F": "FloatingPoint",
      "G": "RandomNumberGenerator",
      "H": "Hashable", "j": "Numeric", "K": "BidirectionalCollection", "k": "RandomAccessCollection", "L": "Comparable",
      "l": "Collection", "M": "MutableCollection", "m": "RangeReplaceableCollection", "Q": "Equatable", "T": "Sequence",
      "t": "IteratorProtocol", "U": "UnsignedInteger", "X": "RangeExpression", "x": "Strideable",
      "Y": "RawRepresentable", "y": "StringProtocol", "Z": "SignedInteger", "z": "BinaryInteger",
    ])

  static let concurrency = table(
    structures: [
      "C": "CheckedContinuation", "c": "UnsafeContinuation", "E": "CancellationError", "e": "UnownedSerialExecutor",
      "G": "TaskGroup", "g": "ThrowingTaskGroup", "J": "UnownedJob", "P": "TaskPriority", "S": "AsyncStream",
      "s": "AsyncThrowingStream", "T": "Task", "t": "UnsafeCurrentTask",
    ],
    classes: ["M": "MainActor"],
    protocols: [
      "A": "Actor", "F": "Executor", "f": "SerialExecutor", "I": "AsyncIteratorProtocol", "i": "AsyncSequence",
      "h": "TaskExecutor",
    ])

  private static func table(
    structures: [Character: String], enumerations: [Character: String] = [:], classes: [Character: String] = [:],
    protocols: [Character: String]
  ) -> [UInt8: Entry] {
    var result: [UInt8: Entry] = [:]
    func add(_ names: [Character: String], _ kind: NominalKind) {
      for (letter, name) in names {
        if let byte = letter.asciiValue { result[byte] = Entry(name: name, kind: kind) }
      }
    }
    add(structures, .structure)
    add(enumerations, .enumeration)
    add(classes, .class)
    add(protocols, .protocol)
    return result
  }
}
