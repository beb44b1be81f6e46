@_spi(Reflection) import Swift

/// Classes whose objects other threads may be changing while the cache measures them, and the properties that only these threads may read.
///
/// What is `let` does not change. What is `var` belongs to who guards it: in an actor that is the actor, and a class that has a lock, or a queue, guards its
/// variables by that. The cache does not know these locks, so it leaves such variables alone; reading them while another thread writes ends the process. Other
/// classes with variables are storage of values, which does not change while a copy of the value is held, or are changed by nobody once they are shared.
struct GuardedFields {
  /// Whether the objects guard their variables.
  private(set) var isGuarded = false
  /// Stored properties that are `var`.
  private(set) var variables: Set<String> = []

  init(ofClass type: Any.Type) {
    var current: UnsafeRawPointer? = unsafeBitCast(type, to: UnsafeRawPointer.self)
    while let metadata = current, metadata.load(as: UInt.self) == 0 {
      guard let descriptor = metadata.load(fromByteOffset: 40, as: UnsafeRawPointer?.self) else { break }
      if Self.isActor(descriptor) { isGuarded = true }
      variables.formUnion(FieldRecords(descriptor: descriptor).filter(\.isVariable).map(\.name))
      current = metadata.load(fromByteOffset: 8, as: UnsafeRawPointer?.self)
    }
    guard !isGuarded else { return }
    _forEachField(of: type, options: PlanBuilder.ofClass) { _, _, type, _ in
      // The runtime says `Void` for types that cannot be copied. Most that stand in classes are a `Mutex`, or an `Atomic`.
      isGuarded = type == Void.self || Self.isGuard(_typeName(type, qualified: false))
      return !isGuarded
    }
  }

  /// Bit 7 of a class's own flags, in the upper half of the first word (ABI/MetadataValues.h, TypeContextDescriptorFlags).
  private static func isActor(_ descriptor: UnsafeRawPointer) -> Bool {
    descriptor.load(as: UInt32.self) >> 16 & 1 << 7 != 0
  }

  private static let guards: Set<Substring> = [
    "pthread_mutex_t", "pthread_rwlock_t", "pthread_spinlock_t", "os_unfair_lock_s", "NSCondition", "DispatchQueue",
    "DispatchSemaphore", "OS_dispatch_queue", "EventLoop",
  ]

  /// Whether a type of this name, alone or in another one, guards what lies beside it.
  static func isGuard(_ name: String) -> Bool {
    name.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }).contains { word in
      guards.contains(word) || word.hasSuffix("Lock") || word.hasSuffix("Mutex") || word.hasSuffix("Atomic")
    }
  }
}
