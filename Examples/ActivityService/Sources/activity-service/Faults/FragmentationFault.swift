import CActivity
import Synchronization

/// Reports out of rows that are larger every time; of each row a C library keeps a small header for good. What is free between two headers
/// is too small for a row of the next report.
struct FragmentationFault: Fault {
  private final class State: Sendable {
    let requests = Atomic<Int>(0)
    /// Headers that are kept. The lock is also the library's, which knows no threads.
    let headers = Mutex(0)
  }

  private let state = State()
  var count: Int { state.headers.withLock { $0 } }

  func request(_ user: Int64, agent: String) async {
    let number = state.requests.add(1, ordering: .relaxed).newValue
    guard number % 100 == 0 else { return }
    let size = 2_048 + number / 100 * 32 % 30_000
    state.headers.withLock { $0 += activity_report(size) }
  }
}
