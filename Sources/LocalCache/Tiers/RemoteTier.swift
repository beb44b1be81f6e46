/// A store outside the process, behind a `TieredCache`: Redis, Valkey, memcached, another service.
///
/// Names are UTF-8 strings that begin with the prefix of their cache; contents are bytes that the tier need not understand. All calls are
/// limited in time by the cache and their failures are hidden by it: an implementation simply throws, best a `RemoteTierError`. A call should heed
/// cancellation, which is how the cache takes back what took too long; the cache does not wait for it.
///
/// Calls of `set` and `delete` for one name come one after the other; calls for different names come at the same time.
public protocol RemoteTier: Sendable {
  /// The contents of several names, in their order; nil where there is none.
  func get(_ names: [String]) async throws -> [[UInt8]?]

  /// Stores several entries. A lease of the same name ends, so that a load that began before does not overwrite what is newer.
  func set(_ entries: [RemoteEntry]) async throws

  /// Removes names, whether there is something or not, and ends their leases.
  func delete(_ names: [String]) async throws

  /// Takes the right to load a name, unless another process has it, and then looks what the name contains: the last holder may just have stored it.
  /// The lease ends by itself after `lifetime`.
  ///
  /// The lease of Nishtala et al., Scaling Memcache at Facebook (NSDI 2013): it keeps processes from loading the same name at the same time, and
  /// keeps a slow load from overwriting what was written meanwhile.
  func takeLease(of name: String, token: String, lifetime: Duration) async throws -> RemoteLease

  /// Stores an entry only if the lease of this token still stands, and ends the lease. Returns whether it was stored.
  func fill(_ entry: RemoteEntry, token: String) async throws -> Bool

  /// Gives a lease back without storing anything.
  func releaseLease(of name: String, token: String) async throws

  /// Tells of changes that others make to names with this prefix, until the subscription is cancelled. Nil: the tier cannot. Removals of names that it does not
  /// have are to be told too: somebody may keep a value which it could not take.
  ///
  /// The handler is called from the tier's own thread, one event after the other, and returns at once. What this tier object itself stores and
  /// removes need not be told.
  func subscribe(prefix: String, _ handler: @escaping @Sendable (RemoteChange) -> Void) -> RemoteSubscription?
}

/// A tier without leases and messages of its own: every load may store its value.
extension RemoteTier {
  public func takeLease(of name: String, token: String, lifetime: Duration) async throws -> RemoteLease {
    .taken(contents: nil)
  }

  public func fill(_ entry: RemoteEntry, token: String) async throws -> Bool {
    try await set([entry])
    return true
  }

  public func releaseLease(of name: String, token: String) async throws {}

  public func subscribe(prefix: String, _ handler: @escaping @Sendable (RemoteChange) -> Void) -> RemoteSubscription? {
    nil
  }
}

/// The answer to somebody who wants to load a name.
public enum RemoteLease: Sendable, Hashable {
  /// The lease is his; this is what the name contains now that nobody else loads it.
  case taken(contents: [UInt8]?)
  /// Another process loads it.
  case held
}

/// What a remote tier is to keep.
public struct RemoteEntry: Sendable, Hashable {
  /// Its name, with the prefix of its cache.
  public var name: String
  /// Its contents.
  public var bytes: [UInt8]
  /// Time after which the tier forgets it. Nil: never.
  public var lifetime: Duration?

  /// An entry.
  public init(name: String, bytes: [UInt8], lifetime: Duration?) {
    self.name = name
    self.bytes = bytes
    self.lifetime = lifetime
  }
}

/// What a tier tells about changes.
public enum RemoteChange: Sendable, Hashable {
  /// Others changed or removed these names, or they ended.
  case changed([String])
  /// Messages come from now on. What happened before may have been missed, so that nothing that is kept locally can be trusted.
  case began
  /// Messages do not come any more, until the next `began`.
  case ended
}

/// A subscription to changes; ends when it is cancelled or let go.
public final class RemoteSubscription: Sendable {
  private let end: @Sendable () -> Void

  /// A subscription that calls this, perhaps more than once, to end.
  public init(end: @escaping @Sendable () -> Void) { self.end = end }

  /// No event comes after those that are on their way.
  public func cancel() { end() }

  deinit { end() }
}

/// Why a remote tier did not do what it was asked for.
public enum RemoteTierError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The tier answered, and refused: it is full, read-only, or does not know the command. Says nothing against the next call.
  case refused(String)
  /// No connection, or one that broke.
  case unavailable(String)
  /// No answer in time.
  case timedOut(after: Duration)
  /// Too many calls wait already.
  case overloaded(waiting: Int)

  public var description: String {
    switch self {
    case .refused(let reason): "the remote tier refused: \(reason); look at its memory limit, policy and permissions"
    case .unavailable(let reason):
      "the remote tier cannot be reached: \(reason); look at its address and whether it runs"
    case .timedOut(let limit): "the remote tier did not answer within \(limit); look at its load, or raise timeLimit"
    case .overloaded(let waiting): "\(waiting) calls wait for the remote tier already; it is too slow for its load"
    }
  }

  /// Whether this is an answer, as opposed to silence.
  var isAnswer: Bool {
    if case .refused = self { return true }
    return false
  }
}
