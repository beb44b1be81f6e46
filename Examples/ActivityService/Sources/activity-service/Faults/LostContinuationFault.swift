import Synchronization

/// A receipt is asked for after every answer, and the one who should confirm it forgets.
struct LostContinuationFault: Fault {
  private static let waiting = Atomic<Int>(0)
  var count: Int { Self.waiting.load(ordering: .relaxed) }

  func request(_ user: Int64, agent: String) async {
    Task.detached { await Self.sendReceipt(Receipt(user: user, agent: agent)) }
  }

  @inline(never)
  private static func sendReceipt(_ receipt: Receipt) async {
    waiting.add(1, ordering: .relaxed)
    await confirmation(of: receipt)
    waiting.subtract(1, ordering: .relaxed)
    withExtendedLifetime(receipt) {}
  }

  @inline(never)
  private static func confirmation(of receipt: Receipt) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      // The bug: it is kept nowhere, so that nothing can resume it.
      if receipt.user == .min { continuation.resume() }
    }
  }
}

final class Receipt: Sendable {
  let user: Int64
  let agent: String
  let body = [UInt8](repeating: 2, count: 2_048)

  init(user: Int64, agent: String) {
    self.user = user
    self.agent = agent
  }
}
