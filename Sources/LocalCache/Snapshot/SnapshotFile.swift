#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The file of a snapshot: a line that names the format, a line of numbers, and a line of JSON for each entry.
///
/// The numbers are a checksum of all that follows it, the time of writing in seconds since 1970, and the number of entries; behind them stand the types of
/// keys and values, because JSON of one type is often good JSON of another.
struct SnapshotFile {
  static let heading = "LocalCache snapshot 3"
  /// Beside the entries.
  static let overhead = 4096

  /// Seconds since 1970.
  let written: Int64
  let lines: [Data]

  enum Reading {
    case file(SnapshotFile)
    case missing
    case useless(String)
  }

  static func contents(lines: Data, count: Int, written: Int64, types: String) -> Data {
    let body = Data("\(written) \(count) \(types)\n".utf8) + lines
    return Data("\(heading)\n\(checksum(body)) ".utf8) + body
  }

  static func load(_ path: String, maximum: Int, types: String) -> Reading {
    let most = max(0, min(maximum, .max / 2)) + overhead
    let file: Data
    switch bytes(path, most: most) {
    case .success(let bytes): file = bytes
    case .failure(let reason) where reason.code == ENOENT: return .missing
    case .failure(let reason): return .useless("\(path) cannot be read: \(reason.text)")
    }
    guard file.count <= most else { return .useless("\(path) is larger than \(ByteSize(maximum))") }
    let newline = UInt8(ascii: "\n")
    let parts = file.split(separator: newline, maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].elementsEqual(heading.utf8) else {
      return .useless("\(path) is no snapshot of this version")
    }
    let halves = parts[1].split(separator: UInt8(ascii: " "), maxSplits: 1, omittingEmptySubsequences: false)
    guard halves.count == 2, UInt64(String(decoding: halves[0], as: UTF8.self)) == checksum(halves[1]) else {
      return .useless("\(path) is damaged: its checksum does not fit")
    }
    var lines = halves[1].split(separator: newline)
    let numbers =
      lines.isEmpty ? [] : String(decoding: lines.removeFirst(), as: UTF8.self).split(separator: " ", maxSplits: 2)
    guard numbers.count == 3, let written = Int64(numbers[0]), Int(numbers[1]) == lines.count else {
      return .useless("\(path) is damaged: its numbers do not fit")
    }
    guard numbers[2] == types else {
      return .useless("\(path) holds other types of keys or values: \(numbers[2]) in place of \(types)")
    }
    return .file(SnapshotFile(written: written, lines: lines.map { Data($0) }))
  }

  private struct Reason: Error {
    let code: Int32
    var text: String { code == 0 ? "it is no file" : String(cString: strerror(code)) }
  }

  /// At most one byte more than `most`, of a regular file: a device or a pipe may have no end, and a file may grow while it is read.
  private static func bytes(_ path: String, most: Int) -> Result<Data, Reason> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return .failure(Reason(code: errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .failure(Reason(code: errno)) }
    guard status.st_mode & S_IFMT == S_IFREG else { return .failure(Reason(code: 0)) }
    var contents = Data()
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while contents.count <= most {
      let count = read(descriptor, &part, min(part.count, most - contents.count + 1))
      guard count >= 0 else { return .failure(Reason(code: errno)) }
      if count == 0 { break }
      contents.append(contentsOf: part[..<count])
    }
    return .success(contents)
  }

  /// FNV-1a, 64 bits (Fowler, Noll, Vo): finds damage, not malice.
  private static func checksum(_ bytes: Data) -> UInt64 {
    bytes.withUnsafeBytes { $0.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } }
  }
}
