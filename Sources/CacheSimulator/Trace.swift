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
  /// Reads a file, unpacking .gz and .xz with the programs of that name.
  ///
  /// - Parameter warn: told of what is damaged, where the rest can be used.
  static func load(_ path: String, format: TraceFormat?, warn: (String) -> Void) throws -> Trace {
    let data: Data
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      throw SimulatorError.unreadable(path: path, reason: "it is a folder")
    }
    if path.hasSuffix(".gz") {
      data = try unpack(path, with: "gzip")
    } else if path.hasSuffix(".xz") {
      data = try unpack(path, with: "xz")
    } else {
      do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
        throw SimulatorError.unreadable(path: path, reason: "\(error.localizedDescription)")
      }
    }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let format = format ?? .guess(data, name: name)
    let accesses = format.parse(data)
    guard !accesses.keys.isEmpty else { throw SimulatorError.noAccesses(path: path, format: format) }
    if accesses.damaged > 0 {
      let what = format == .arc || format == .lirs ? "lines" : "bytes at the end"
      warn("\(path): \(accesses.damaged) \(what) are not of the format '\(format.rawValue)' and were left out")
    }
    if accesses.isCut { warn("\(path): the accesses after the first \(accesses.keys.count) were left out") }
    return Trace(name: String(name.prefix { $0 != "." }), raw: accesses.keys)
  }

  private static func unpack(_ path: String, with program: String) throws -> Data {
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw SimulatorError.unreadable(path: path, reason: "no such file, or no permission")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program, "-dc", path]
    let output = Pipe()
    process.standardOutput = output
    do { try process.run() } catch { throw SimulatorError.unreadable(path: path, reason: "\(program) does not start") }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw SimulatorError.unreadable(path: path, reason: "\(program) ended with \(process.terminationStatus)")
    }
    return data
  }
}
