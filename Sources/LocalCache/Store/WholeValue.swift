import Synchronization

/// Values that a processor reads and writes whole: numbers, dates, enums without payloads, structs of one of these.
///
/// No reader can see half of one, and nothing ends with it. So a new one can take the place of an old one while others read, and no shard has to be closed
/// for it. Both sides go through here, because a plain load beside a store is undefined, and might be made in two steps.
@usableFromInline
enum WholeValue<Value> {
  /// Whether values are of this kind. The compiler knows, where it knows the type.
  @inlinable @inline(__always)
  static var isWhole: Bool {
    guard _isPOD(Value.self), MemoryLayout<Value>.size == MemoryLayout<Value>.alignment else { return false }
    switch MemoryLayout<Value>.size {
    case 1, 2, 4, 8: return true
    default: return false
    }
  }

  /// A copy of a value that others may replace meanwhile, if it is whole.
  @inlinable @inline(__always)
  static func load(_ value: UnsafePointer<Value>) -> Value {
    guard isWhole else { return value.pointee }
    switch MemoryLayout<Value>.size {
    case 1: return unsafeBitCast(word(value, UInt8.self).pointee.load(ordering: .relaxed), to: Value.self)
    case 2: return unsafeBitCast(word(value, UInt16.self).pointee.load(ordering: .relaxed), to: Value.self)
    case 4: return unsafeBitCast(word(value, UInt32.self).pointee.load(ordering: .relaxed), to: Value.self)
    default: return unsafeBitCast(word(value, UInt64.self).pointee.load(ordering: .relaxed), to: Value.self)
    }
  }

  /// Puts a whole value in place of another one. Relaxed: it leads to nothing that would have to arrive before it.
  @inlinable @inline(__always)
  static func replace(_ place: UnsafeMutablePointer<Value>, by value: Value) {
    switch MemoryLayout<Value>.size {
    case 1: word(place, UInt8.self).pointee.store(unsafeBitCast(value, to: UInt8.self), ordering: .relaxed)
    case 2: word(place, UInt16.self).pointee.store(unsafeBitCast(value, to: UInt16.self), ordering: .relaxed)
    case 4: word(place, UInt32.self).pointee.store(unsafeBitCast(value, to: UInt32.self), ordering: .relaxed)
    case 8: word(place, UInt64.self).pointee.store(unsafeBitCast(value, to: UInt64.self), ordering: .relaxed)
    default: preconditionFailure("not a whole value")
    }
  }

  /// Lends a value to a closure: a whole one as a copy, since it may be replaced meanwhile.
  @inlinable @inline(__always)
  static func lend<Result, Failure: Error>(
    _ value: UnsafePointer<Value>, _ body: (borrowing Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard isWhole else { return try body(value.pointee) }
    return try body(load(value))
  }

  @inlinable @inline(__always)
  static func word<Word: AtomicRepresentable>(
    _ value: UnsafePointer<Value>, _: Word.Type
  ) -> UnsafePointer<Atomic<Word>> {
    UnsafeRawPointer(value).assumingMemoryBound(to: Atomic<Word>.self)
  }
}
