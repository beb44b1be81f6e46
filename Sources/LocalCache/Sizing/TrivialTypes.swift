@_spi(Reflection) import Swift

/// Types whose values refer to nothing that is counted: bits alone, in which no type says more of itself.
///
/// A struct that holds an unsafe pointer is bits alone too, and the memory behind the pointer is known to `MemorySized` only.
enum TrivialTypes {
  private static let known = Guarded<[ObjectIdentifier: Bool]>([:])

  static func contains(_ type: Any.Type) -> Bool {
    func isBits<T>(_: T.Type) -> Bool { _isPOD(T.self) }
    guard _openExistential(type, do: isBits) else { return false }
    let key = ObjectIdentifier(type)
    if let answer = known.withLock({ $0[key] }) { return answer }
    let answer = holdsNoSizedType(type)
    known.withLock { $0[key] = answer }
    return answer
  }

  /// Payloads of enums other than `Optional` are not looked at.
  private static func holdsNoSizedType(_ type: Any.Type) -> Bool {
    if type is any MemorySized.Type { return false }
    if let optional = type as? any OptionalType.Type { return contains(optional.wrapped) }
    var isTrivial = true
    _ = _forEachField(of: type) { _, _, field, _ in
      isTrivial = contains(field)
      return isTrivial
    }
    return isTrivial
  }
}

private protocol OptionalType {
  static var wrapped: Any.Type { get }
}

extension Optional: OptionalType {
  fileprivate static var wrapped: Any.Type { Wrapped.self }
}
