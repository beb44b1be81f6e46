import Glibc
import ProcessImage
import Symbols

/// Reads profile files of all formats that are known.
public struct ProfileReader: Sendable {
  /// Bytes that a file may have unpacked, 256 MiB unless changed. Memory for the profile is at most some ten times that, for a file that is
  /// made to cost as much as it can; twice for an ordinary one.
  public var maximumSize: Int

  public static let defaultMaximumSize = 256 << 20

  /// Where `zstd` is searched: `PATH`.
  var searchPath = getenv("PATH").map { String(cString: $0) } ?? ""

  public init(maximumSize: Int = Self.defaultMaximumSize) { self.maximumSize = maximumSize }

  /// The profile in a file; `-` is the standard input.
  public func read(_ path: String) throws(ProfileError) -> Profile {
    let name = path == "-" ? "standard input" : path
    return try decode(try content(path, name), path: name)
  }

  /// The profile in the bytes of a file.
  ///
  /// - Parameter path: for messages.
  public func decode(_ bytes: [UInt8], path: String) throws(ProfileError) -> Profile {
    guard !bytes.isEmpty else { throw .malformed(path: path, what: "it is empty") }
    if Gzip.isPacked(bytes) {
      return try decodeUnpacked(Gzip.unpack(bytes, path: path, limit: maximumSize), path: path)
    }
    if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
      return try decodeUnpacked(unpackZstandard(bytes, path), path: path)
    }
    guard bytes.count <= maximumSize else { throw .tooLarge(path: path, limit: maximumSize) }
    return try decodeUnpacked(bytes, path: path)
  }

  private func decodeUnpacked(_ bytes: [UInt8], path: String) throws(ProfileError) -> Profile {
    if TextHeapReader.recognizes(bytes) { return try TextHeapReader.read(bytes, path: path) }
    if HeaptrackReader.recognizes(bytes) { return try HeaptrackReader.read(bytes, path: path) }
    // pprof's format has no mark of its own: what is printable text is something else.
    let head = bytes.prefix(64)
    if head.allSatisfy({ $0 == 9 || $0 == 10 || $0 == 13 || ($0 >= 32 && $0 < 127) }) {
      throw .unknownFormat(path: path)
    }
    return try PprofDecoder.decode(bytes, path: path)
  }

  /// Zstandard, which heaptrack writes; unpacked by its command, so that nothing has to be linked.
  private func unpackZstandard(_ bytes: [UInt8], _ path: String) throws(ProfileError) -> [UInt8] {
    let tool = searchPath.split(separator: ":").map { String($0) + "/zstd" }.first { access($0, X_OK) == 0 }
    guard let tool else { throw .missingTool(path: path, tool: "zstd") }
    switch ChildTool.capture(tool, ["-dcq"], input: bytes, seconds: 300, limit: maximumSize) {
    case .success(let content): return content
    case .failure(.tooMuch): throw .tooLarge(path: path, limit: maximumSize)
    case .failure: throw .malformed(path: path, what: "zstd cannot unpack it")
    }
  }

  private func content(_ path: String, _ name: String) throws(ProfileError) -> [UInt8] {
    let file = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .unreadable(path: name, reason: systemMessage(errno)) }
    defer { close(file) }
    var status = stat()
    var result: [UInt8] = []
    if fstat(file, &status) == 0, status.st_size > 0 {
      result.reserveCapacity(min(Int(clamping: status.st_size), maximumSize) + 1)
    }
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .unreadable(path: name, reason: systemMessage(errno))
      }
      if count == 0 { return result }
      result.append(contentsOf: chunk[..<count])
      if result.count > maximumSize { throw .tooLarge(path: name, limit: maximumSize) }
    }
  }
}
