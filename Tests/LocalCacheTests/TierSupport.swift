import LocalCache

/// A remote tier in memory: the store that several processes share, and for each of them an object that can be slow, full, gone or mad.
final class MemoryStore: Sendable {
  struct State: Sendable {
    var contents: [String: [UInt8]] = [:]
    var leases: [String: String] = [:]
    var subscribers: [(process: Int, prefix: String, handler: @Sendable (RemoteChange) -> Void)] = []
  }
  let state = Locked(State())

  var contents: [String: [UInt8]] { state.current.contents }
  func put(_ bytes: [UInt8], _ name: String) { state.with { $0.contents[name] = bytes } }

  /// What a server does when a key changes: all but who changed it hear of it.
  fileprivate func tell(_ names: [String], from process: Int) {
    for subscriber in state.current.subscribers where subscriber.process != process {
      let own = names.filter { $0.utf8.starts(with: subscriber.prefix.utf8) }
      if !own.isEmpty { subscriber.handler(.changed(own)) }
    }
  }
}

final class MemoryTier: RemoteTier {
  enum Fault: Sendable {
    case none
    /// Answers after this long, whatever happens meanwhile.
    case slow(Duration)
    /// Never answers, and does not heed cancellation.
    case silent
    /// Refuses what needs memory.
    case full
    case gone
    /// More calls at once than it lets wait.
    case overloaded
    case garbage
  }

  let store: MemoryStore
  let process: Int
  let fault = Locked(Fault.none)
  let calls = Locked(0)
  /// Calls of `set` on their way, and the most that ever were.
  let setting = Locked((now: 0, most: 0))
  /// Happens between a look-up and the lease.
  let beforeLease = Locked<@Sendable () -> Void>({})
  private let stuck = Locked<[CheckedContinuation<Void, Never>]>([])

  init(_ store: MemoryStore, process: Int = 0) {
    self.store = store
    self.process = process
  }

  deinit { release() }

  /// Lets calls go that never end.
  func release() {
    for continuation in stuck.with({ all in
      defer { all = [] }
      return all
    }) { continuation.resume() }
  }

  private func suffer(needsMemory: Bool = false) async throws {
    calls.with { $0 += 1 }
    switch fault.current {
    case .none, .garbage: break
    case .slow(let duration): try await Task.sleep(for: duration)
    case .silent:
      await withCheckedContinuation { continuation in stuck.with { $0.append(continuation) } }
      throw RemoteTierError.unavailable("too late")
    case .full: if needsMemory { throw RemoteTierError.refused("OOM") }
    case .gone: throw RemoteTierError.unavailable("connection refused")
    case .overloaded: throw RemoteTierError.overloaded(waiting: 1)
    }
  }

  func get(_ names: [String]) async throws -> [[UInt8]?] {
    try await suffer()
    if case .garbage = fault.current { return names.map { Array("?\($0)".utf8) } }
    return store.state.with { state in names.map { state.contents[$0] } }
  }

  func set(_ entries: [RemoteEntry]) async throws {
    setting.with { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
    defer { setting.with { $0.now -= 1 } }
    try await suffer(needsMemory: true)
    store.state.with { state in
      for entry in entries {
        state.leases[entry.name] = nil
        state.contents[entry.name] = entry.bytes
      }
    }
    store.tell(entries.map(\.name), from: process)
  }

  func delete(_ names: [String]) async throws {
    try await suffer()
    store.state.with { state in
      for name in names {
        state.leases[name] = nil
        state.contents[name] = nil
      }
    }
    store.tell(names, from: process)
  }

  func takeLease(of name: String, token: String, lifetime: Duration) async throws -> RemoteLease {
    try await suffer(needsMemory: true)
    beforeLease.current()
    return store.state.with { state in
      guard state.leases[name] == nil else { return .held }
      state.leases[name] = token
      return .taken(contents: state.contents[name])
    }
  }

  func fill(_ entry: RemoteEntry, token: String) async throws -> Bool {
    try await suffer(needsMemory: true)
    let isOurs = store.state.with { state in
      guard state.leases[entry.name] == token else { return false }
      state.leases[entry.name] = nil
      state.contents[entry.name] = entry.bytes
      return true
    }
    if isOurs { store.tell([entry.name], from: process) }
    return isOurs
  }

  func releaseLease(of name: String, token: String) async throws {
    try await suffer()
    store.state.with { if $0.leases[name] == token { $0.leases[name] = nil } }
  }

  func subscribe(prefix: String, _ handler: @escaping @Sendable (RemoteChange) -> Void) -> RemoteSubscription? {
    store.state.with { $0.subscribers.append((process, prefix, handler)) }
    handler(.began)
    return RemoteSubscription { [store, process] in
      store.state.with { $0.subscribers.removeAll { $0.process == process } }
    }
  }
}

/// Waits until something holds; bounded.
func eventually(_ condition: @Sendable () async -> Bool) async -> Bool {
  for _ in 0..<1000 {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return false
}

typealias Words = TieredCache<Int, String>

func words(_ tier: MemoryTier, _ change: (inout TieredConfiguration<Int, String>) -> Void = { _ in }) -> Words {
  var configuration = TieredConfiguration<Int, String>()
  // Long, because the test may wait for a processor as long as for the tier.
  configuration.timeLimit = .seconds(2)
  change(&configuration)
  return Words(name: "words", limit: .entries(10_000), remote: tier, configuration: configuration)
}
