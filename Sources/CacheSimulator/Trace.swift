import Foundation

/// A sequence of accesses. Keys are numbered densely in the order of their first access.
struct Trace: Sendable {
  let name: String
  let keys: [Int32]
  let distinct: Int

  /// Accesses that any cache must miss.
  var compulsoryMisses: Int { distinct }

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

/// What can go wrong before a simulation.
enum SimulatorError: Error, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case noAccesses(path: String, format: TraceFormat)
  case badSize(String)
  case usage(String)
  case unwritable(path: String, reason: String)

  /// As for the other commands: 64 usage, 66 no such file, 70 a fault of ours.
  var exitCode: Int32 {
    switch self {
    case .unreadable, .noAccesses: 66
    case .badSize, .usage: 64
    case .unwritable: 70
    }
  }

  var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "cannot read the trace \(path): \(reason); check the path and that gzip and xz are installed"
    case .noAccesses(let path, let format):
      "\(path) holds no accesses in the format '\(format.rawValue)'; give the right one with --format"
    case .usage(let text): "\(text); see cache-simulator --help"
    case .unwritable(let path, let reason): "cannot write \(path): \(reason); choose another place"
    case .badSize(let text):
      "'\(text)' is not a cache size; give whole numbers of entries such as 250,500 or shares such as 10%"
    }
  }
}

/// How accesses are written in a file.
enum TraceFormat: String, CaseIterable {
  /// "start count ignored sequence" a line; a line is `count` blocks.
  case arc
  /// One decimal block number a line.
  case lirs
  /// 8-byte big-endian words.
  case corda
  /// Big-endian 32-bit integers.
  case cache2k

  /// The format that the name of a file suggests.
  static func guess(_ path: String) -> TraceFormat {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if name.hasPrefix("corda") { return .corda }
    if name.hasPrefix("web") { return .cache2k }
    if name.hasPrefix("oltp") || name.hasPrefix("OLTP") || name.hasPrefix("p") || name.hasPrefix("P")
      || name.hasPrefix("ds")
      || name.hasPrefix("DS") || name.hasPrefix("S")
    {
      return .arc
    }
    return .lirs
  }

  func parse(_ data: Data) -> [UInt64] {
    switch self {
    case .arc:
      Self.parseLines(data) { numbers, result in
        guard numbers.count >= 2, numbers[1] <= 1 << 20 else { return }
        for offset in 0..<numbers[1] { result.append(numbers[0] &+ offset) }
      }
    case .lirs:
      Self.parseLines(data) { numbers, result in
        if let first = numbers.first { result.append(first) }
      }
    case .corda: Self.parseWords(data, width: 8)
    case .cache2k: Self.parseWords(data, width: 4)
    }
  }

  private static func parseWords(_ data: Data, width: Int) -> [UInt64] {
    data.withUnsafeBytes { bytes in
      var result: [UInt64] = []
      result.reserveCapacity(bytes.count / width)
      for start in stride(from: 0, through: bytes.count - width, by: width) {
        var word: UInt64 = 0
        for index in start..<start + width { word = word << 8 | UInt64(bytes[index]) }
        result.append(word)
      }
      return result
    }
  }

  private static func parseLines(_ data: Data, _ body: ([UInt64], inout [UInt64]) -> Void) -> [UInt64] {
    data.withUnsafeBytes { bytes in
      var result: [UInt64] = []
      var numbers: [UInt64] = []
      var current: UInt64?
      var isGood = true
      for byte in bytes {
        switch byte {
        case 48...57: current = (current ?? 0) &* 10 &+ UInt64(byte - 48)
        case 32, 9, 13, 10:
          if let number = current { numbers.append(number) }
          current = nil
          if byte == 10 {
            if isGood { body(numbers, &result) }
            numbers.removeAll(keepingCapacity: true)
            isGood = true
          }
        default: isGood = false
        }
      }
      if let number = current { numbers.append(number) }
      if isGood { body(numbers, &result) }
      return result
    }
  }

  /// Reads a file, unpacking .gz and .xz with the programs of that name.
  static func load(_ path: String, format: TraceFormat?) throws -> Trace {
    let data: Data
    if path.hasSuffix(".gz") {
      data = try unpack(path, with: "gzip")
    } else if path.hasSuffix(".xz") {
      data = try unpack(path, with: "xz")
    } else {
      do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
        throw SimulatorError.unreadable(path: path, reason: "\(error.localizedDescription)")
      }
    }
    let format = format ?? guess(path)
    let raw = format.parse(data)
    guard !raw.isEmpty else { throw SimulatorError.noAccesses(path: path, format: format) }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return Trace(name: String(name.prefix { $0 != "." }), raw: raw)
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
