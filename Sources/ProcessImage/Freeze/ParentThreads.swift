import CLinux
import Glibc

/// Which threads of the target have children of their own.
///
/// The kernel queues even a signal that a process ignores, as it does SIGCHLD by default, while the thread it is meant for is traced
/// (Linux 6.18, kernel/signal.c: `sig_ignored`). The end of a child is meant for the thread that made it; where that one stands still, another thread is
/// woken (`complete_signal`), and a thread that is traced no more drops the signal, but a call that does not restart has ended with
/// `EINTR` by then. So no thread that has children is held while others run: it is let go before them, and not chosen where others will do.
struct ParentThreads {
  private let files: [(thread: Int32, children: Descriptor)]

  /// Threads that are asked: a read takes less than a microsecond of the pause, an open file one of the descriptors that memwhy may have.
  private static let limit = 256

  /// Opens what is read while the threads stand still. Finds none before Linux 4.2 and where the kernel is built without
  /// `CONFIG_PROC_CHILDREN`. O(threads).
  init(of pid: Int32) {
    let threads = ((try? Procfs.threads(of: pid)) ?? []).prefix(Self.limit)
    files = threads.compactMap { thread in Self.file(pid, thread).map { (thread, $0) } }
  }

  /// The threads that have children now.
  func current() -> Set<Int32> { Set(files.lazy.filter { Self.hasChildren($0.children) }.map(\.thread)) }

  /// Whether a stopped thread is making a child by posix_spawn(3) or fork(3). It holds back all signals meanwhile, those included that a program cannot
  /// name (glibc 2.36, sysdeps/unix/sysv/linux/internal-signals.h), and the end of that child would wake another thread, as while it is traced.
  static func isSpawning(_ thread: Int32) -> Bool {
    var mask: UInt64 = 0
    return clinux_get_signal_mask(thread, &mask) >= 0 && mask | unblockable == .max
  }

  /// Waits for threads that have been let go until they have their own masks again.
  static func awaitSpawning(_ threads: [Int32]) {
    for thread in threads {
      _ = Clocks.poll(for: spawnLimit) {
        (try? Procfs.status(of: thread)).map { $0.blockedSignals | unblockable != .max } ?? true
      }
    }
  }

  /// SIGKILL and SIGSTOP.
  private static let unblockable: UInt64 = 1 << (UInt64(SIGKILL) - 1) | 1 << (UInt64(SIGSTOP) - 1)
  /// Nanoseconds for each thread: until it has had its turn on a busy machine.
  private static let spawnLimit: UInt64 = 50_000_000

  static func isParent(pid: Int32, thread: Int32) -> Bool { file(pid, thread).map(hasChildren) ?? false }

  private static func file(_ pid: Int32, _ thread: Int32) -> Descriptor? {
    try? Descriptor(reading: "/proc/\(pid)/task/\(thread)/children")
  }

  /// Copies are no children: they tell nobody that they have ended. Those that have ended count, although they have told it: whoever has not seen
  /// to them yet will go on soon, often with the next child. Who has more than fit is a parent.
  private static func hasChildren(_ file: Descriptor) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
      guard let count = try? file.read(at: 0, into: buffer), count > 0 else { return false }
      if count == buffer.count { return true }
      return String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ").contains { number in
        Int32(number).flatMap { try? Procfs.stat(of: $0) }?.isCopy == false
      }
    }
  }
}
