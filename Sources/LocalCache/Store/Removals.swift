/// Entries that left the table while the shard was locked. Values die, and the listener is called, after the lock is free again: both may run
/// code of others.
@usableFromInline
struct Removals<Key, Value> {
  @usableFromInline
  struct Removal {
    @usableFromInline let key: Key
    @usableFromInline let value: Value
    @usableFromInline let cause: RemovalCause

    @inlinable
    init(key: Key, value: Value, cause: RemovalCause) {
      self.key = key
      self.value = value
      self.cause = cause
    }
  }

  /// Most operations remove one entry at most; that one needs no array.
  @usableFromInline var first: Removal?
  @usableFromInline var rest: [Removal]?
  /// What held the entries, if no longer wanted. Ends with the values.
  @usableFromInline var memory: ShardMemory?

  @inlinable
  init() {}

  /// Asks for room for so many, before the lock is taken.
  @usableFromInline
  mutating func reserve(_ count: Int) {
    if rest == nil { rest = [] }
    rest?.reserveCapacity(count)
  }

  /// The same for so many more. At least doubles what there is, so that any number of calls copies each removal twice at most.
  mutating func reserveFurther(_ count: Int) {
    let (used, room) = (rest?.count ?? 0, rest?.capacity ?? 0)
    if room - used < count { reserve(max(used + count, used * 2)) }
  }

  @inlinable
  mutating func append(_ removal: consuming Removal) {
    if first == nil {
      first = removal
    } else if rest == nil {
      rest = [removal]
    } else {
      rest?.append(removal)
    }
  }
}
