import CZlib

/// gzip through zlib (RFC 1952).
enum Gzip {
  static func isPacked(_ bytes: [UInt8]) -> Bool { bytes.count > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b }

  /// `windowBits` of zlib.h: 15, plus 16 for gzip's header.
  private static let gzipWindow = 15 + 16
  private static let chunk = 1 << 18

  /// Packs `bytes`. The level is zlib's default: 6.
  static func pack(_ bytes: [UInt8]) throws(ProfileError) -> [UInt8] {
    var stream = z_stream()
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, Int32(gzipWindow), 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw .cannotCompress(reason: "zlib cannot start: not enough memory") }
    defer { deflateEnd(&stream) }
    var result: [UInt8] = []
    var input = bytes[...]
    var room = [UInt8](repeating: 0, count: chunk)
    while true {
      let piece = input.prefix(1 << 24)
      input = input.dropFirst(piece.count)
      let (status, output) = step(&stream, piece, &room) { deflate($0, input.isEmpty ? Z_FINISH : Z_NO_FLUSH) }
      result += output
      if status == Z_STREAM_END { return result }
      guard status == Z_OK || status == Z_BUF_ERROR, !(input.isEmpty && status != Z_OK && output.isEmpty) else {
        throw .cannotCompress(reason: "zlib failed with \(status)")
      }
    }
  }

  /// Unpacks all members of a file.
  ///
  /// - Parameter limit: bytes that the result may have at most.
  /// - Throws: `tooLarge`; `malformed` for damaged data, and for a file that ends too early.
  static func unpack(_ bytes: [UInt8], path: String, limit: Int) throws(ProfileError) -> [UInt8] {
    var stream = z_stream()
    guard inflateInit2_(&stream, Int32(gzipWindow), ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .unreadable(path: path, reason: "zlib cannot start: not enough memory")
    }
    defer { inflateEnd(&stream) }
    var result: [UInt8] = []
    var room = [UInt8](repeating: 0, count: chunk)
    var position = 0
    while true {
      let piece = bytes[position..<min(position + chunk, bytes.count)]
      let (status, output) = step(&stream, piece, &room, limit: limit - result.count) { inflate($0, Z_NO_FLUSH) }
      guard result.count + output.count <= limit else { throw .tooLarge(path: path, limit: limit) }
      position += piece.count - Int(stream.avail_in)
      result += output
      switch status {
      case Z_STREAM_END:
        // Members may follow each other; anything else behind the end is ignored, as gzip does.
        guard isPacked(Array(bytes[position..<min(position + 3, bytes.count)])) else { return result }
        inflateReset(&stream)
      case Z_OK where !(piece.isEmpty && output.isEmpty), Z_BUF_ERROR where !output.isEmpty: continue
      case Z_OK, Z_BUF_ERROR: throw .malformed(path: path, what: "the compressed data ends too early")
      default: throw .malformed(path: path, what: "the compressed data is wrong near byte \(position)")
      }
    }
  }

  /// Hands `input` to zlib and returns what it writes into `room`, emptied as often as it is full; ends when that is more than `limit` bytes.
  private static func step(
    _ stream: inout z_stream, _ input: ArraySlice<UInt8>, _ room: inout [UInt8], limit: Int = .max,
    _ run: (UnsafeMutablePointer<z_stream>) -> Int32
  ) -> (status: Int32, output: [UInt8]) {
    var output: [UInt8] = []
    // Not copied: a file may be of millions of members of a few bytes, and each asks for a whole piece. zlib reads only, though its type says otherwise.
    let status = input.withUnsafeBufferPointer { source in
      room.withUnsafeMutableBufferPointer { target -> Int32 in
        stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
        stream.avail_in = UInt32(clamping: source.count)
        var status: Int32
        repeat {
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(clamping: target.count)
          status = run(&stream)
          output.append(contentsOf: target[..<(target.count - Int(stream.avail_out))])
        } while status == Z_OK && stream.avail_out == 0 && output.count <= limit
        return status
      }
    }
    return (status, output)
  }
}
