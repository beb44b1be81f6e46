/// What a cache with a limit in bytes does about memory that malloc holds and cannot use for anything else.
///
/// Entries come and go in all sizes, and leave holes between those that stay. To the system, and to whoever set the limit, these belong to the
/// process like the entries themselves.
public struct CacheMemory: Sendable, Hashable {
  /// Whether holes between the entries count against the limit. The cache then keeps fewer entries as soon as entries and holes together are more
  /// than the limit, so that the process's memory stays within it; it gives up a quarter of the limit at most. Needs glibc's malloc and a limit of 16 MiB or more;
  /// elsewhere, and for entries that refer to no memory of their own, nothing is counted.
  public var countsHoles = true
  /// Whether the cache asks malloc to return free pages to the system (`malloc_trim`) when it has let a lot go: an eighth of the limit (16 MiB at least), or
  /// half of what it had (4 MiB at least). Without it a service that has emptied its cache often stays as large as it was. The call takes 0.1 to 0.25 ms
  /// for each MiB that is returned, in a background task; threads that allocate from the same arena may wait that long, look-ups do not. Needs the same as `countsHoles`.
  public var returnsPages = true

  /// Both are on.
  public init() {}
}

/// What the limit of a cache stands for in the memory of the process.
public struct CacheFootprint: Sendable, Hashable {
  /// Bytes of the entries, as `LocalCache.weight` says.
  public var entries: Int
  /// Bytes in holes between the blocks of the entries that malloc could not use yet: an estimate from a sample. 0 where it is not known.
  public var holes: Int
  /// Bytes of the limit that are kept free because of the holes.
  public var heldBack: Int
}
