import Foundation

/// A sequence of accesses. Keys are numbered densely in the order of their first access.
struct Trace: Sendable {
  let name: String
  let keys: [Int32]
  /// Keys, and so accesses that any cache must miss.
  let distinct: Int

  init(name: String, raw: [UInt64]) {
    self.name = name
    var numbers: [UInt64: Int32] = [:]
    numbers.reserveCapacity(raw.count / 4)
    var keys: [Int32] = []
    keys.reserveCapacity(raw.count)
    for key in raw {
      if let number = numbers[key] {
        keys.append(number)
      } else {
        let number = Int32(numbers.count)
        numbers[key] = number
        keys.append(number)
      }
    }
    self.keys = keys
    distinct = numbers.count
  }
}

/// Reading a trace, packed or not.
extension Trace {
  /// Reads a file; see `TraceFile`.
  ///
  /// - Parameter warn: told of what is damaged, where the rest can be used.
  static func load(_ path: String, format: TraceFormat?, warn: (String) -> Void) throws -> Trace {
    let file = try TraceFile(path, most: TraceFile.most)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let format = format ?? .guess(file.data, name: name)
    let accesses = format.parse(file.data)
    guard !accesses.keys.isEmpty else { throw SimulatorError.noAccesses(path: path, format: format) }
    if accesses.damaged > 0 {
      let what = format == .arc || format == .lirs ? "lines" : "bytes at the end"
      warn("\(path): \(accesses.damaged) \(what) are not of the format '\(format.rawValue)' and were left out")
    }
    if accesses.isCut || file.isCut {
      warn("\(path): the accesses after the first \(accesses.keys.count) were left out")
    }
    return Trace(name: String(name.prefix { $0 != "." }), raw: accesses.keys)
  }
}
