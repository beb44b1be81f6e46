import Synchronization

/// An audit of every request, written by one slow consumer out of a stream without a limit.
struct StreamFault: Fault {
  private static let pending = Atomic<Int>(0)
  private let input: AsyncStream<AuditRecord>.Continuation

  init() {
    // The bug: `AsyncStream` buffers without a bound unless it is told otherwise.
    let (records, input) = AsyncStream.makeStream(of: AuditRecord.self)
    self.input = input
    Task.detached {
      for await record in records {
        // As slow as a remote log on a bad day.
        try? await Task.sleep(for: .milliseconds(50))
        withExtendedLifetime(record) {}
        Self.pending.subtract(1, ordering: .relaxed)
      }
    }
  }

  var count: Int { Self.pending.load(ordering: .relaxed) }

  func request(_ user: Int64, agent: String) async {
    Self.pending.add(1, ordering: .relaxed)
    input.yield(AuditRecord(user: user, agent: agent))
  }
}

final class AuditRecord: Sendable {
  let user: Int64
  let agent: String
  let details = [UInt8](repeating: 3, count: 4_000)

  init(user: Int64, agent: String) {
    self.user = user
    self.agent = agent
  }
}
