/// A message of a protocol that says its length first.
struct Frame {
  var header: ArraySlice<UInt8>
  /// The beginning of the payload, as much of it as was asked for.
  var payload: [UInt8]
  /// Bytes with the header.
  var length: Int
}

/// Cuts a stream into messages and keeps only the beginning of each: an answer of a gigabyte takes some kilobytes.
struct FrameReader {
  private let headerSize: Int
  private let keep: Int
  private var header: [UInt8] = []
  private var payload: [UInt8] = []
  /// Payload bytes of the message, and those that are still to come.
  private var total = 0, missing = 0

  /// - Parameter keep: most bytes of a payload that are kept.
  init(headerSize: Int, keep: Int) {
    self.headerSize = headerSize
    self.keep = keep
  }

  /// - Parameter length: payload bytes by the header; nil where that is no header: reading stops.
  /// - Returns: false where a header made no sense.
  mutating func read(
    _ bytes: ArraySlice<UInt8>, length: ([UInt8]) -> Int?, _ body: (Frame) -> Void
  ) -> Bool {
    var bytes = bytes
    while true {
      if header.count < headerSize {
        let part = bytes.prefix(headerSize - header.count)
        header += part
        bytes = bytes.dropFirst(part.count)
        guard header.count == headerSize else { return true }
        guard let payloadLength = length(header), payloadLength >= 0 else { return false }
        missing = payloadLength
        total = payloadLength
      }
      let part = bytes.prefix(missing)
      payload += part.prefix(max(0, keep - payload.count))
      missing -= part.count
      bytes = bytes.dropFirst(part.count)
      guard missing == 0 else { return true }
      let frame = Frame(header: header[...], payload: payload, length: total + headerSize)
      header = []
      payload = []
      body(frame)
      if bytes.isEmpty { return true }
    }
  }
}
