import CLinux
import Glibc

/// All threads of the target, attached and stopped together. Used on the tracing thread only.
final class ThreadGroup {
  let pid: Int32
  private(set) var threads: [Tracee] = []
  private var known: Set<Int32> = []
  private let parentThreads: ParentThreads
  /// Threads that have children; known once all threads have stopped.
  private(set) var parents: Set<Int32> = []
  /// Those of them that were making a child when they were stopped.
  private var spawning: [Int32] = []

  init(pid: Int32) {
    self.pid = pid
    parentThreads = ParentThreads(of: pid)
  }

  enum Failure: Error {
    case gone
    case notPermitted(errno: Int32)
    case didNotStop(tid: Int32)
  }

  /// Attaches to every thread that is not attached yet; none of them notices. Returns how many were new.
  func seizeAll(interrupt: Bool) throws(Failure) -> Int {
    var added = 0
    for tid in (try? Procfs.threads(of: pid)) ?? [] where !known.contains(tid) {
      let result = clinux_seize(tid)
      if result < 0 {
        if result == -Int(ESRCH) || Self.isEnding(pid: pid, tid: tid) { continue }
        throw .notPermitted(errno: Int32(-result))
      }
      known.insert(tid)
      var tracee = Tracee(tid: tid)
      if interrupt { Self.interrupt(&tracee) }
      threads.append(tracee)
      added += 1
    }
    return added
  }

  /// Stops all threads, newcomers included, until a look at the list that was made after everything had stopped finds none.
  func stopAll(until deadline: UInt64, afterInterrupt: () -> Void) throws(Failure) {
    for index in threads.indices { Self.interrupt(&threads[index]) }
    afterInterrupt()
    while true {
      for index in threads.indices where threads[index].state == .interrupted {
        if threads[index].wait(until: deadline) == .timedOut { throw .didNotStop(tid: threads[index].tid) }
      }
      if try seizeAll(interrupt: true) == 0 { break }
      // A program that creates threads faster than they can be stopped: the budget ends this, too.
      if Clocks.monotonic >= deadline, let last = threads.last { throw .didNotStop(tid: last.tid) }
    }
    if !threads.contains(where: { $0.state == .stopped }) { throw .gone }
    parents = parentThreads.current()
    spawning = parents.filter(ParentThreads.isSpawning)
  }

  private static func interrupt(_ tracee: inout Tracee) {
    tracee.state = clinux_interrupt(tracee.tid) >= 0 ? .interrupted : .gone
  }

  /// Reads all registers and repairs interrupted calls.
  func readRegisters() {
    for index in threads.indices where threads[index].state == .stopped {
      if threads[index].readRegisters() {
        threads[index].repair()
      } else {
        threads[index].state = .gone
      }
    }
  }

  /// Indices of all threads, those that have children first.
  private var parentsFirst: [Int] {
    if parents.isEmpty { return Array(threads.indices) }
    let isParent = threads.map { parents.contains($0.tid) }
    return threads.indices.filter { isParent[$0] } + threads.indices.filter { !isParent[$0] }
  }

  /// Lets all stopped threads go but the one at `kept`; false where the process is dying.
  @discardableResult
  func detachAll(except kept: Int? = nil) -> Bool {
    var isAlive = true
    for index in parentsFirst where index != kept && threads[index].state == .stopped {
      if !parents.contains(threads[index].tid) { awaitSpawning() }
      if !threads[index].detach() { isAlive = false }
    }
    return isAlive
  }

  private func awaitSpawning() {
    if spawning.isEmpty { return }
    ParentThreads.awaitSpawning(spawning)
    spawning = []
  }

  /// How long threads that did not stop in time are waited for after the others were let go, in nanoseconds: until a crowded machine has had time for
  /// them.
  static let lateLimit: UInt64 = 1_500_000_000
  static let lateArmMilliseconds: Int32 = 3_000
  /// How long of that all others are held for those among them that have children.
  private static let lateParentLimit: UInt64 = 50_000_000

  /// Gives up a stop that did not succeed. Calls that it interrupted are repaired first, as after one that did; threads that are
  /// still on their way to their stop get there while the others run on, and are let go one by one.
  func giveUp(_ guardian: Guardian?) {
    guardian?.arm(milliseconds: Self.lateArmMilliseconds)
    let start = Clocks.monotonic
    parents = parentThreads.current()
    spawning = []
    let order = parentsFirst
    repeat {
      var isAnyLate = false
      var isParentLate = false
      for index in order {
        let isParent = parents.contains(threads[index].tid)
        if threads[index].state == .interrupted { _ = threads[index].wait(until: 0) }
        if threads[index].state == .stopped, isParent || !isParentLate {
          if !isParent {
            awaitSpawning()
          } else if ParentThreads.isSpawning(threads[index].tid) {
            spawning.append(threads[index].tid)
          }
          if threads[index].readRegisters() { threads[index].repair() }
          threads[index].detach()
        }
        if threads[index].state == .interrupted || threads[index].state == .stopped { isAnyLate = true }
        if isParent && threads[index].state == .interrupted && Clocks.monotonic &- start < Self.lateParentLimit {
          isParentLate = true
        }
      }
      if !isAnyLate { return }
      Clocks.sleep(50_000)
    } while Clocks.monotonic &- start < Self.lateLimit
  }

  func update(_ index: Int, _ tracee: Tracee) { threads[index] = tracee }

  /// Threads that ended while they were attached stay as zombies until their tracer looks. Not the group's leader: that one may be
  /// our own child, whose end belongs to whoever started it.
  func consumeEndedThreads() {
    for thread in threads where thread.tid != pid && thread.state == .gone { _ = clinux_consume_exit(thread.tid) }
  }

  private static func isEnding(pid: Int32, tid: Int32) -> Bool {
    Procfs.stat(of: pid, thread: tid)?.hasEnded ?? true
  }
}
