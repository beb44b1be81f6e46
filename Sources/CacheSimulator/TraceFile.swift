import Foundation

/// The bytes of a trace: unpacked, without byte order mark, and no more of them than a machine has room for.
struct TraceFile {
  let data: Data
  /// There was more than was read.
  let isCut: Bool

  /// 4 GiB: a packed file of some megabytes may stand for any number of bytes.
  static let most = 1 << 32

  /// How packed files begin, and the programs that unpack them with `-dc`. Names of files say less: what was downloaded may have been unpacked on the way.
  private static let packers: [(start: [UInt8], program: String)] = [
    ([0x1F, 0x8B, 8], "gzip"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
    (Array("BZh".utf8), "bzip2"),
  ]

  /// Reads a file, and with the program that it was packed for if it was.
  ///
  /// - Parameter most: bytes, unpacked, after which nothing more is read.
  init(_ path: String, most: Int) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      throw SimulatorError.unreadable(path: path, reason: "it is a folder")
    }
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      let start = try file.read(upToCount: min(8, most)) ?? Data()
      let packer = Self.packers.first { start.starts(with: $0.start) }
      let bytes =
        if let packer { try Self.unpack(path, with: packer.program, most) } else {
          try Self.read(file, most, after: start)
        }
      data = Self.plainText(bytes.data)
      isCut = bytes.isCut
    } catch let error as SimulatorError {
      throw error
    } catch {
      throw SimulatorError.unreadable(path: path, reason: error.localizedDescription)
    }
  }

  private static func read(_ file: FileHandle, _ most: Int, after start: Data = Data()) throws -> (
    data: Data, isCut: Bool
  ) {
    var data = start
    while data.count < most, let part = try file.read(upToCount: min(1 << 20, most - data.count)), !part.isEmpty {
      data.append(part)
    }
    guard data.count >= most else { return (data, false) }
    return (data, try file.read(upToCount: 1)?.isEmpty == false)
  }

  private static func unpack(_ path: String, with program: String, _ most: Int) throws -> (data: Data, isCut: Bool) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // An absolute path is no option, whatever the file is called.
    process.arguments = [program, "-dc", URL(fileURLWithPath: path).path]
    let output = Pipe()
    process.standardOutput = output
    do { try process.run() } catch { throw SimulatorError.unreadable(path: path, reason: "\(program) does not start") }
    let bytes = try read(output.fileHandleForReading, most)
    // A program that has more to say ends when nobody listens. Signals it may have blocked.
    try? output.fileHandleForReading.close()
    process.waitUntilExit()
    let status = process.terminationStatus
    // 2 is gzip's word for a warning: zeros or the like behind the end.
    guard bytes.isCut || status == 0 || program == "gzip" && status == 2 else {
      throw SimulatorError.unreadable(path: path, reason: "\(program) ended with \(status)")
    }
    return bytes
  }

  /// Text as one byte a character: editors and shells of some systems put a mark before it, and write two bytes for each.
  private static func plainText(_ data: Data) -> Data {
    if data.starts(with: [0xEF, 0xBB, 0xBF]) { return Data(data.dropFirst(3)) }
    let isLittle = data.starts(with: [0xFF, 0xFE])
    guard isLittle || data.starts(with: [0xFE, 0xFF]), data.count % 2 == 0 else { return data }
    let rest = Array(data.dropFirst(2))
    let upper = isLittle ? 1 : 0
    let isText = stride(from: 0, to: rest.count, by: 2).allSatisfy {
      rest[$0 + upper] == 0 && rest[$0 + 1 - upper] != 0
    }
    return isText ? Data(stride(from: 1 - upper, to: rest.count, by: 2).map { rest[$0] }) : data
  }
}
