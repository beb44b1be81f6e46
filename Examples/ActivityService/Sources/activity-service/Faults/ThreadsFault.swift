import CActivity
import Glibc
import Synchronization

/// A "worker" for every tenth request that waits for work that never comes.
struct ThreadsFault: Fault {
  private static let requests = Atomic<Int>(0)
  private static let started = Atomic<Int>(0)
  /// The machine is somebody's: no more than this.
  private static let most = 2_000
  var count: Int { Self.started.load(ordering: .relaxed) }

  func request(_ user: Int64, agent: String) async {
    guard Self.requests.add(1, ordering: .relaxed).newValue % 10 == 0, count < Self.most else { return }
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { _ in
        activity_touch_stack(128 << 10)
        while true { pause() }
      }, nil)
    guard code == 0 else { return }
    pthread_detach(thread)
    Self.started.add(1, ordering: .relaxed)
  }
}
