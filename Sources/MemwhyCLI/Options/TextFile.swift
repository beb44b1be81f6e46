import Glibc
import ProcessImage

/// A small text file of the user: it may be a pipe of the shell.
enum TextFile {
  struct Failure: Error, Sendable {
    var code: Int32
    var message: String { systemMessage(code) }
  }

  /// The whole file as text; invalid UTF-8 is repaired. More than `limit` bytes fail with `EFBIG`.
  static func read(_ path: String, limit: Int = 1 << 20) -> Result<String, Failure> {
    do throws(SystemError) {
      let bytes = try contents(of: path, limit: limit + 1)
      return bytes.count > limit ? .failure(Failure(code: EFBIG)) : .success(String(decoding: bytes, as: UTF8.self))
    } catch { return .failure(Failure(code: error.code)) }
  }
}
