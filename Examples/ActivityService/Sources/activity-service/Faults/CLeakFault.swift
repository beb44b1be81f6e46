import CActivity
import Synchronization

/// The C library's object is asked for its length and forgotten.
struct CLeakFault: Fault {
  private static let lost = Atomic<Int>(0)
  var count: Int { Self.lost.load(ordering: .relaxed) }

  func request(_ user: Int64, agent: String) async {
    var agent = agent
    let length = agent.withUTF8 { bytes -> Int in
      bytes.withMemoryRebound(to: CChar.self) { activity_agent_parse($0.baseAddress, $0.count)?.pointee.length ?? 0 }
    }
    // The bug: no activity_agent_free.
    if length >= 0 { Self.lost.add(1, ordering: .relaxed) }
  }
}
