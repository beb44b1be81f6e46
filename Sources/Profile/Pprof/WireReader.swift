/// Fields of a Protocol Buffers message, one after the other (protobuf.dev, "Encoding").
///
/// Every read is checked against the end of the message. Valid only inside the `withUnsafeBufferPointer` that it was made in.
struct WireReader {
  /// Where a message stops making sense.
  struct Failure: Error, Hashable {
    var offset: Int
    var what: What

    enum What: String {
      case cut = "it ends inside a field"
      case kind = "a field of an unknown kind"
      case long = "a number of more than 64 bits"
    }
  }

  enum Kind { case varint, fixed, bytes }

  struct Field {
    var number: UInt32
    var kind: Kind
    /// Of a varint or fixed field.
    var value: UInt64 = 0
    /// Of a bytes field: offsets in the whole buffer.
    var start = 0
    var end = 0
  }

  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position: Int
  private let end: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    position = 0
    end = bytes.count
  }

  /// The message inside a bytes field.
  init(_ bytes: UnsafeBufferPointer<UInt8>, _ field: Field) {
    self.bytes = bytes
    position = min(max(field.start, 0), bytes.count)
    end = min(max(field.end, position), bytes.count)
  }

  var isAtEnd: Bool { position >= end }

  @inline(__always)
  mutating func varint() throws(Failure) -> UInt64 {
    // Most numbers are below 128.
    if position < end {
      let byte = bytes[position]
      if byte < 0x80 {
        position += 1
        return UInt64(byte)
      }
    }
    return try longVarint()
  }

  private mutating func longVarint() throws(Failure) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = bytes[position]
      position += 1
      // The tenth byte has one bit left; parsers drop the rest.
      value |= UInt64(byte & 0x7f) &<< shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw Failure(offset: position, what: .long) }
    }
    throw Failure(offset: position, what: .cut)
  }

  /// The next field; nil at the end of the message.
  mutating func next() throws(Failure) -> Field? {
    guard position < end else { return nil }
    let tag = try varint()
    let number = UInt32(truncatingIfNeeded: tag >> 3)
    switch tag & 7 {
    case 0: return Field(number: number, kind: .varint, value: try varint())
    case 1: return Field(number: number, kind: .fixed, value: try fixed(8))
    case 5: return Field(number: number, kind: .fixed, value: try fixed(4))
    case 2:
      let length = try varint()
      guard length <= UInt64(end - position) else { throw Failure(offset: position, what: .cut) }
      let start = position
      position += Int(length)
      return Field(number: number, kind: .bytes, start: start, end: position)
    default: throw Failure(offset: position, what: .kind)
    }
  }

  private mutating func fixed(_ count: Int) throws(Failure) -> UInt64 {
    guard end - position >= count else { throw Failure(offset: position, what: .cut) }
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
    position += count
    return value
  }

  func text(_ field: Field) -> String {
    String(decoding: UnsafeBufferPointer(rebasing: bytes[field.start..<field.end]), as: UTF8.self)
  }
}
