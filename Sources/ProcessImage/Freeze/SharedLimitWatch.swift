import Glibc
import Measurement
import Synchronization

/// Watches the room in memory control groups that this process shares with its target, because memwhy was started in the target's container.
///
/// What memwhy allocates is charged to the same limit. It is not enough there that the kernel kills this process first: with `memory.oom.group`, which
/// Kubernetes sets with version 2, it kills all processes of the group at once, and even before that the target waits while the kernel looks for
/// memory. So memwhy ends itself in time.
public final class SharedLimitWatch: @unchecked Sendable {
  private let limits: MemoryLimits
  private let onShortage: @Sendable (String) -> Void
  private let isEnding = Atomic<Bool>(false)

  /// Bytes that are left to the target.
  static let reserve: UInt64 = 8 << 20
  /// What memwhy allocates for the smallest heap. In bytes.
  private static let base: UInt64 = 16 << 20
  /// Between two looks at the room, in nanoseconds. Each takes some small files of the kernel.
  public static let interval: UInt64 = 5_000_000
  /// How many looks back the watch sees. It ends memwhy where the reserve would be gone if once more as much went as did since then.
  private static let noticeIntervals = 4

  /// - Returns: nil where no limit is shared.
  public init?(target: Int32, onShortage: @escaping @Sendable (String) -> Void) {
    let own = MemoryLimits(pid: getpid()).names
    var shared = MemoryLimits(pid: target)
    shared.groups.removeAll { $0.kind == .host || !own.contains($0.name) }
    limits = shared
    self.onShortage = onShortage
    if shared.groups.isEmpty { return nil }
  }

  /// Why there is no room to begin, in a sentence; nil where there is.
  public var refusal: String? {
    let needed = Self.base &+ Self.reserve
    guard let (group, room) = limits.tightest(enough: needed), room < needed else { return nil }
    return
      "a look takes at least \(ByteCount(needed)) of room, and memwhy shares \(group.name) with the process, which has \(ByteCount(room)); "
      + Self.advice
  }

  private static let advice = "start it outside of the container, on the host, or raise the limit"

  /// Watches on a thread of its own, until this object goes.
  ///
  /// - Returns: nil, or why it does not watch, in a sentence.
  public func start() -> String? {
    guard let thread = SystemThread({ self.watch() }) else { return ProcessRoom.ownLack }
    thread.detach()
    return nil
  }

  /// Ends the watch; its thread goes within some milliseconds.
  public func end() { isEnding.store(true, ordering: .releasing) }

  private func watch() {
    var earlier: [UInt64] = []
    while !isEnding.load(ordering: .acquiring) {
      if let (group, room) = limits.tightest(enough: Self.reserve &* 16) {
        if earlier.count == Self.noticeIntervals { earlier.removeFirst() }
        earlier.append(room)
        let spent = (earlier.max() ?? room) - room
        if room < Self.reserve &+ min(spent, Self.reserve &* 4) {
          onShortage(
            "the look was given up: memwhy shares \(group.name) with the process and came within \(ByteCount(room)) of its limit; "
              + Self.advice)
          return
        }
      }
      Clocks.sleep(Self.interval)
    }
  }
}
