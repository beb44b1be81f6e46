import Glibc
import ProcessImage

/// A file of the user, to be read whole: it may be a pipe of the shell, as in `<(zcat monday.gz)`.
enum InputFile {
  struct Failure: Error, Hashable, Sendable {
    var code: Int32
    var message: String { systemMessage(code) }
  }

  /// Waits for a pipe's writer. More than `limit` bytes fail with `EFBIG`.
  static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { throw Failure(code: errno) }
    defer { close(file) }
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(code: errno)
      }
      if count == 0 { return result }
      guard count <= limit - result.count else { throw Failure(code: EFBIG) }
      result.append(contentsOf: chunk[..<count])
    }
  }

  /// A small text; invalid UTF-8 is repaired.
  static func text(_ path: String, limit: Int = 1 << 20) throws(Failure) -> String {
    String(decoding: try read(path, limit: limit), as: UTF8.self)
  }
}
