import Glibc
import ProcessImage

/// A small text file of the user: it may be a pipe of the shell.
enum TextFile {
  struct Failure: Error, Sendable {
    var code: Int32
    var message: String { systemMessage(code) }
  }

  /// The whole file as text; invalid UTF-8 is repaired. At most `limit` bytes are read, more fails with `EFBIG`.
  static func read(_ path: String, limit: Int = 1 << 20) -> Result<String, Failure> {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return .failure(Failure(code: errno)) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        return .failure(Failure(code: errno))
      }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
      if bytes.count > limit { return .failure(Failure(code: EFBIG)) }
    }
    return .success(String(decoding: bytes, as: UTF8.self))
  }
}
