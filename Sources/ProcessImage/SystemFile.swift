import CLinux
import Glibc

/// Text of an `errno` value.
package func systemMessage(_ code: Int32) -> String {
  guard let text = strerror(code) else { return "error \(code)" }
  return String(cString: text)
}

/// An open file descriptor that closes itself.
final class Descriptor: Sendable {
  let number: Int32

  init(owning number: Int32) { self.number = number }
  deinit { close(number) }

  /// Opens `path` for reading; never blocks on a FIFO, never becomes a controlling terminal.
  /// - Throws: `errno`, wrapped.
  init(reading path: String) throws(SystemError) {
    let result = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
    guard result >= 0 else { throw SystemError(code: errno) }
    number = result
  }

  /// Bytes at `offset` into `buffer` until it is full, the file ends, or an error comes; returns the number read.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    var filled = 0
    while filled < buffer.count {
      guard let position = off_t(exactly: offset &+ UInt64(filled)) else { break }
      let count = pread(number, base.advanced(by: filled), buffer.count - filled, position)
      if count < 0 {
        if errno == EINTR { continue }
        if filled > 0 { break }
        throw SystemError(code: errno)
      }
      if count == 0 { break }
      filled += count
    }
    return filled
  }
}

/// An `errno` value on its way to becoming a `ProcessImageError`.
package struct SystemError: Error, Hashable {
  package var code: Int32
}

/// Repeats a system call that was interrupted.
@discardableResult
func retrying(_ call: () -> Int32) -> Int32 {
  while true {
    let result = call()
    if result < 0 && errno == EINTR { continue }
    return result
  }
}

/// A whole small file, `/proc` files included (their size is not known in advance). At most `limit` bytes.
package func contents(of path: String, limit: Int = 256 << 20) throws(SystemError) -> [UInt8] {
  let file = try Descriptor(reading: path)
  var result: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 64 << 10)
  while result.count < limit {
    let count = chunk.withUnsafeMutableBytes { Glibc.read(file.number, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      throw SystemError(code: errno)
    }
    if count == 0 { break }
    result.append(contentsOf: chunk[..<count])
  }
  return result
}

/// Target of a symbolic link, or nil.
package func linkTarget(_ path: String) -> String? {
  var buffer = [CChar](repeating: 0, count: 4096)
  let count = readlink(path, &buffer, buffer.count)
  guard count > 0, count <= buffer.count else { return nil }
  return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Names in a folder without `.` and `..`.
package func folderEntries(_ path: String) throws(SystemError) -> [String] {
  guard let folder = opendir(path) else { throw SystemError(code: errno) }
  defer { closedir(folder) }
  var names: [String] = []
  while true {
    errno = 0
    guard let entry = readdir(folder) else {
      if errno != 0 { throw SystemError(code: errno) }
      return names
    }
    let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
}
