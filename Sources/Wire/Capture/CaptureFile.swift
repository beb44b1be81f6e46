import Glibc

/// A packet of a capture.
struct CapturedPacket {
  /// Nanoseconds since 1970.
  var time: UInt64
  var link: UInt32
  var bytes: ArraySlice<UInt8>
}

/// Reads pcap and pcapng files packet by packet (IETF drafts draft-ietf-opsawg-pcap and -pcapng). A file that ends in the middle of a
/// packet gives what is before it.
final class CaptureFile {
  private let path: String
  private let file: Int32
  private var buffer: [UInt8] = []
  private var start = 0
  private var format: Format
  private(set) var isTruncated = false

  private enum Format {
    case pcap(isBig: Bool, isNano: Bool, link: UInt32)
    case pcapng(isBig: Bool, interfaces: [Interface])
  }

  private struct Interface {
    var link: UInt32
    /// Nanoseconds of a unit of its clock.
    var unit: Double
  }

  /// No real packet or block is longer.
  private static let largest = 1 << 24

  init(path: String) throws(WireError) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .cannotRead(path: path, reason: String(cString: strerror(errno))) }
    self.file = file
    self.path = path
    format = .pcap(isBig: false, isNano: false, link: 0)
    guard let magic = take(4) else { throw .notACapture(path: path) }
    switch Array(magic) {
    case [0xd4, 0xc3, 0xb2, 0xa1]: try readHeader(isBig: false, isNano: false)
    case [0xa1, 0xb2, 0xc3, 0xd4]: try readHeader(isBig: true, isNano: false)
    case [0x4d, 0x3c, 0xb2, 0xa1]: try readHeader(isBig: false, isNano: true)
    case [0xa1, 0xb2, 0x3c, 0x4d]: try readHeader(isBig: true, isNano: true)
    case [0x0a, 0x0d, 0x0d, 0x0a]:
      start -= 4
      format = .pcapng(isBig: false, interfaces: [])
    default: throw .notACapture(path: path)
    }
  }

  deinit { close(file) }

  private func readHeader(isBig: Bool, isNano: Bool) throws(WireError) {
    guard let header = take(20) else { throw .notACapture(path: path) }
    var reader = ByteReader(header.dropFirst(16))
    let link = (isBig ? reader.big32() : reader.little32()) ?? 0
    // The upper bits say how long checksums are.
    guard LinkLayer.isKnown(link & 0xffff) else { throw .unsupportedLink(path: path, type: link & 0xffff) }
    format = .pcap(isBig: isBig, isNano: isNano, link: link & 0xffff)
  }

  /// The next packet; nil at the end.
  func next() throws(WireError) -> CapturedPacket? {
    switch format {
    case .pcap(let isBig, let isNano, let link):
      guard let header = take(16) else { return nil }
      var reader = ByteReader(header)
      func number() -> UInt64 { UInt64((isBig ? reader.big32() : reader.little32()) ?? 0) }
      let seconds = number()
      let fraction = number()
      let length = number()
      guard let bytes = take(Int(length)) else { return nil }
      return CapturedPacket(
        time: seconds * 1_000_000_000 + fraction * (isNano ? 1 : 1_000), link: link, bytes: bytes)
    case .pcapng: return try nextBlock()
    }
  }

  /// Blocks until one is a packet.
  private func nextBlock() throws(WireError) -> CapturedPacket? {
    while case .pcapng(var isBig, var interfaces) = format {
      guard let header = take(8) else { return nil }
      if Array(header.prefix(4)) == [0x0a, 0x0d, 0x0d, 0x0a] {
        guard let order = take(4) else { return nil }
        isBig = order.first == 0x1a
        interfaces = []
        start -= 4
      }
      var reader = ByteReader(header)
      func number(_ reader: inout ByteReader) -> UInt32 { (isBig ? reader.big32() : reader.little32()) ?? 0 }
      let kind = number(&reader)
      let length = Int(number(&reader))
      guard length >= 12, let body = take(length - 8) else { return nil }
      var content = ByteReader(body.dropLast(4))
      if kind == 1 {
        let link = UInt32((isBig ? content.big16() : content.little16()) ?? 0)
        guard interfaces.count < 1_000 else { return nil }
        interfaces.append(Interface(link: link, unit: content.skip(6) ? Self.unit(content, isBig: isBig) : 1_000))
      }
      format = .pcapng(isBig: isBig, interfaces: interfaces)
      // The enhanced packet block; the simple one has no time and does not occur in practice.
      guard kind == 6 else { continue }
      let index = Int(number(&content))
      let high = UInt64(number(&content))
      let time = high << 32 | UInt64(number(&content))
      let captured = Int(number(&content))
      guard content.skip(4), let bytes = content.take(captured), index < interfaces.count else { continue }
      let interface = interfaces[index]
      guard LinkLayer.isKnown(interface.link) else { throw .unsupportedLink(path: path, type: interface.link) }
      let nanoseconds = Double(time) * interface.unit
      return CapturedPacket(time: nanoseconds < 1e19 ? UInt64(nanoseconds) : 0, link: interface.link, bytes: bytes)
    }
    return nil
  }

  /// Option 9, `if_tsresol`: a power of ten, or of two where the top bit is set. Microseconds by default.
  private static func unit(_ options: ByteReader, isBig: Bool) -> Double {
    var options = options
    while let code = isBig ? options.big16() : options.little16(),
      let length = isBig ? options.big16() : options.little16(), let value = options.take((Int(length) + 3) & ~3)
    {
      guard code == 9, let byte = value.first else { continue }
      let power = Double(byte & 0x7f)
      return 1e9 * (byte & 0x80 == 0 ? pow(10, -power) : pow(2, -power))
    }
    return 1_000
  }

  /// The next bytes; nil where the file ends before.
  private func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= Self.largest else {
      isTruncated = true
      return nil
    }
    while buffer.count - start < count {
      if start > 0 {
        buffer.removeFirst(start)
        start = 0
      }
      let known = buffer.count
      let wanted = max(1 << 16, count)
      buffer.append(contentsOf: repeatElement(0, count: wanted))
      let got = buffer.withUnsafeMutableBytes { bytes in
        read(file, bytes.baseAddress.map { $0 + known }, wanted)
      }
      buffer.removeLast(wanted - max(got, 0))
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else {
        if buffer.count > start { isTruncated = true }
        return nil
      }
    }
    defer { start += count }
    return buffer[start..<start + count]
  }
}
