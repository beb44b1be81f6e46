import ProcessImage
import SwiftMetadata

/// A value that shows a part of a buffer and keeps all of it.
public enum BufferViewKind: String, Sendable, Hashable, Codable {
  case substring, arraySlice, data, byteBuffer

  /// The view that a word belongs to, by its slot; nil where it belongs to none.
  ///
  /// What the words say is checked against the buffer later, so that a field that is only named alike does no harm.
  init?(_ slot: ReferenceSlot) {
    let type = slot.typeName
    if type == "Substring" {
      self = .substring
    } else if slot.path == "_buffer.owner" || slot.path.hasSuffix("._buffer.owner") {
      self = .arraySlice
    } else if type.hasSuffix("__DataStorage") {
      self = .data
    } else if type.hasSuffix("ByteBuffer._Storage") {
      self = .byteBuffer
    } else {
      return nil
    }
  }

  /// The field that a developer declared, without the library's own below it.
  func fieldPath(_ path: String) -> String {
    let inner =
      switch self {
      case .substring: ""
      case .arraySlice: "_buffer.owner"
      case .data: "_representation"
      case .byteBuffer: "_storage"
      }
    guard !inner.isEmpty, path.hasSuffix(inner) else { return path }
    let declared = path.dropLast(inner.count)
    return String(declared.last == "." ? declared.dropLast() : declared)
  }

  /// Bytes from the view's start to the word that refers to the buffer.
  var referenceOffset: UInt64 {
    switch self {
    case .substring: 24
    case .arraySlice, .byteBuffer: 0
    case .data: 8
    }
  }

  /// Bytes of a view.
  var size: UInt64 {
    switch self {
    case .substring, .arraySlice: 32
    case .byteBuffer: 24
    case .data: 16
    }
  }
}

/// One view, read: which bytes of its buffer's content it shows.
struct BufferView {
  var lower, upper: UInt64
  /// Bytes of the content that the buffer was made for, 0 where only its block's size tells.
  var length: UInt64 { upper - lower }

  /// - Parameters:
  ///   - word: the view's words by number.
  ///   - memory: a word anywhere, for bounds that have an object of their own; nil where there is none.
  ///   - stride: bytes an element, for array slices.
  /// - Returns: nil where the words are no such view, or one that shows all there is.
  init?(
    _ kind: BufferViewKind, stride: UInt64, word: (UInt64) -> UInt64, memory: (UInt64) -> UInt64? = { _ in nil }
  ) {
    switch kind {
    case .substring:
      // Two indices, each with its offset in code units above sixteen bits of flags, then the string
      // (swiftlang/swift stdlib/public/core/StringIndex.swift, Substring.swift).
      lower = word(0) >> 16
      upper = word(1) >> 16
      guard upper <= word(2) & 0xffff_ffff_ffff else { return nil }
    case .arraySlice:
      // {owner, address of what would be element 0, start, end and a flag} (stdlib/public/core/SliceBuffer.swift).
      let (start, end) = (word(2), word(3) >> 1)
      guard stride > 0, start <= end, end < 1 << 40, stride < 1 << 20 else { return nil }
      lower = start * stride
      upper = end * stride
    case .data:
      // The two top bits of the second word: 0 in the value itself, 1 a slice with 32-bit bounds, 2 bounds in an object of their own
      // (swiftlang/swift-foundation Sources/FoundationEssentials/Data/Data.swift, `_Representation`).
      switch word(1) >> 62 {
      case 1:
        lower = word(0) & 0xffff_ffff
        upper = word(0) >> 32
      case 2:
        // RangeReference, from 2 GiB on: {isa, reference counts, lower, upper}.
        let bounds = word(0) & ReferenceResolver.addressMask
        guard let first = memory(bounds &+ 16), let last = memory(bounds &+ 24), last < 1 << 47 else { return nil }
        lower = first
        upper = last
      default: return nil
      }
    case .byteBuffer:
      // {storage, reader u32, writer u32, slice's end u32, slice's start u24} (apple/swift-nio Sources/NIOCore/ByteBuffer-core.swift).
      // What lies behind the writer's position is room that nothing was written to.
      let begin = word(2) >> 32 & 0xff_ffff
      let (reader, writer) = (word(1) & 0xffff_ffff, word(1) >> 32)
      guard reader <= writer, begin + writer <= word(2) & 0xffff_ffff else { return nil }
      lower = begin + reader
      upper = begin + writer
    }
    guard lower <= upper else { return nil }
  }
}
