import Synchronization

/// Reports are put together out of buffers that are larger every time; between two buffers a small receipt is kept for good. What is
/// free between the receipts is too small for the next report.
struct FragmentationFault: Fault {
  private final class State: Sendable {
    let receipts = Mutex<[[UInt8]]>([])
    let wave = Atomic<Int>(0)
  }

  private let state = State()
  var count: Int { state.receipts.withLock { $0.count } }

  func request(_ user: Int64, agent: String) async {
    let wave = state.wave.add(1, ordering: .relaxed).newValue
    guard wave % 50 == 0 else { return }
    let size = 1_024 + wave / 50 * 48 % 48_000
    var buffers: [[UInt8]] = []
    var receipts: [[UInt8]] = []
    for _ in 0..<256 {
      buffers.append([UInt8](repeating: 4, count: size))
      receipts.append([UInt8](repeating: 5, count: 24))
    }
    state.receipts.withLock { $0 += receipts }
    withExtendedLifetime(buffers) {}
  }
}
