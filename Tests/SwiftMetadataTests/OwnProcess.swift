import Foundation
import ProcessImage
import Symbols
import Testing

@testable import SwiftMetadata

/// The test process itself as the target: every object's address, class and field offset is known here.
enum OwnProcess {
  static func decoder(symbols: any SymbolSource = NoSymbols(), omittingModule: String? = nil) throws -> MetadataDecoder
  {
    MetadataDecoder(
      image: try ProcessImage.running(pid: getpid()), symbols: symbols, omittingModule: omittingModule)
  }

  static func address(_ object: AnyObject) -> UInt64 {
    UInt64(UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()))
  }

  /// The decoder's answer for a live object, asked the way the heap walk asks.
  static func type(of object: AnyObject, _ decoder: MetadataDecoder) -> ObjectType? {
    let address = address(object)
    guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address)) else { return nil }
    let head = pointer.load(as: UInt64.self)
    return decoder.objectType(head: head, address: address, size: usableSize(pointer))
  }

  /// `malloc_usable_size`, which the Glibc module does not have.
  static func usableSize(_ pointer: UnsafeMutableRawPointer) -> UInt64 {
    typealias Function = @convention(c) (UnsafeMutableRawPointer) -> Int
    guard let symbol = dlsym(nil, "malloc_usable_size") else { return 0 }
    return UInt64(unsafeBitCast(symbol, to: Function.self)(pointer))
  }

  /// Address of a type's metadata.
  static func metadata(_ type: Any.Type) -> UInt64 { UInt64(UInt(bitPattern: unsafeBitCast(type, to: Int.self))) }
}

extension ObjectType {
  /// Without integers, which are references by chance only.
  var fixedSlots: [ReferenceSlot] { allSlots.filter { $0.strength != .number } }

  var allSlots: [ReferenceSlot] {
    if case .fixed(_, let slots) = layout { return slots }
    return []
  }
}

/// `offset strength path: type`, the form that tests compare.
func describe(_ slots: [ReferenceSlot]) -> [String] {
  slots.map { "\($0.offset) \($0.strength) \($0.path): \($0.typeName)" }
}
